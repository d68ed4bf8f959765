"""The whole road on the real clips: the demonstration in its quick form, run once as a user runs it."""

import json
import sqlite3
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.errors import FacedoubleError, InputError, OutputError
from facedouble.faces.hull import face_hull
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.provenance.verify import State, verify
from facedouble.settings.convert import ConvertSettings, Marked, Unmarked
from facedouble.video.hashing import source_hash
from facedouble.video.images import read_image, write_png
from facedouble.video.source import open_source

pytestmark = [pytest.mark.slow, pytest.mark.subprocess]

OFFLINE = (
    "import tests.hostile.guarded as g; g.forbid_connections(); from facedouble.cli.main import run; run()"
)
"""The program, killed by the kernel if it opens a connection."""


@pytest.fixture(scope="session")
def demo_run(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Output folder and terminal text of ``facedouble demo --quick``, which may open no connection."""
    output = tmp_path_factory.mktemp("demo") / "a folder"
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE, "demo", "--quick", "-o", str(output)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return output, run.stdout


def frames(clip: Path) -> list[np.ndarray]:
    return [frame.rgb() for frame in open_source(clip).frames()]


def test_every_frame_is_there_at_its_time(demo_run: tuple[Path, str], clips: dict[str, Path]) -> None:
    def times(clip: Path) -> list[float]:
        return [frame.seconds for frame in open_source(clip).frames()]

    assert times(demo_run[0] / "swap.mp4") == pytest.approx(times(clips["sample_02"]), abs=1e-3)


def test_the_sound_is_the_original(demo_run: tuple[Path, str], clips: dict[str, Path]) -> None:
    def packets(clip: Path) -> list[bytes]:
        with av.open(str(clip)) as container:
            return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]

    original = packets(clips["sample_02"])
    assert original
    assert packets(demo_run[0] / "swap.mp4") == original


def test_the_face_is_changed_and_the_rest_is_not(demo_run: tuple[Path, str], clips: dict[str, Path]) -> None:
    output, _ = demo_run
    with Faceset.open(output / "faces-a" / "sample_02") as faceset:
        faces = {face.frame_index: face for face in faceset.faces()}
    source, result = frames(clips["sample_02"]), frames(output / "swap.mp4")
    for index in range(0, len(source), 10):
        face, size = faces[index], source[index].shape[:2]
        inside = face_hull(face.smoothed, size, scheme_of(face), forehead=0.35) > 0
        around = cv2.dilate(inside.astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
        difference = np.abs(source[index].astype(float) - result[index]).mean(axis=2)
        assert difference[inside].mean() > 6, "the face is as it was"
        assert difference[~around].mean() < 1.5, "only the encoder may touch what is outside"


def test_the_face_moved_towards_b(demo_run: tuple[Path, str]) -> None:
    measures = json.loads((demo_run[0] / "measures.json").read_text())["measures"]
    assert measures["frames"] == 123
    assert measures["nearer_to_b"] > 0.9
    assert measures["distance_to_b"] < 0.55 < measures["distance_to_a"]


def test_it_says_where_things_are_and_how_good_they_are(demo_run: tuple[Path, str]) -> None:
    output, text = demo_run
    for name in ("swap.mp4", "side-by-side.mp4", "contact-sheet.png", "swap.html"):
        assert name in text
        assert (output / name).is_file()
    assert "nearer to B" in text
    assert "Detail of 1 to 2 px is" in text
    assert "How good is this swap?" in (output / "swap.html").read_text(encoding="utf-8")
    sheet = read_image(output / "contact-sheet.png")
    assert sheet.std() > 30
    both = next(iter(open_source(output / "side-by-side.mp4").frames())).rgb()
    assert both.shape == (720, 2560, 3)


def test_the_result_says_that_it_is_synthetic(demo_run: tuple[Path, str]) -> None:
    with av.open(str(demo_run[0] / "swap.mp4")) as container:
        assert "synthetic" in container.metadata["comment"]


def test_a_second_run_reuses_what_is_done(demo_run: tuple[Path, str]) -> None:
    output, _ = demo_run
    crops = sorted((output / "faces-a" / "sample_02" / "faces").iterdir())
    stamps = [crop.stat().st_mtime_ns for crop in crops]
    model = json.loads((output / "model-quick" / "model.json").read_text())
    run = subprocess.run(
        [sys.executable, "-m", "facedouble", "demo", "--quick", "-o", str(output)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert [crop.stat().st_mtime_ns for crop in crops] == stamps
    assert json.loads((output / "model-quick" / "model.json").read_text())["iteration"] == model["iteration"]


def test_a_deleted_crop_leaves_that_face_unswapped_and_counted(
    demo_run: tuple[Path, str], clips: dict[str, Path], tmp_path: Path
) -> None:
    output, _ = demo_run
    faceset = tmp_path / "faces"
    (faceset / "faces").mkdir(parents=True)
    original = output / "faces-a" / "sample_02"
    for crop in (original / "faces").iterdir():
        (faceset / "faces" / crop.name).hardlink_to(crop)
    (faceset / "faceset.sqlite").write_bytes((original / "faceset.sqlite").read_bytes())
    for index in (5, 6):
        (faceset / "faces" / f"{index:06d}_0.png").unlink()
    result = convert(clips["sample_02"], output / "model-quick", tmp_path / "images", faceset=faceset)
    assert (result.frames, result.faces_swapped, result.faces_deleted) == (123, 121, 2)
    source, written = frames(clips["sample_02"]), frames(tmp_path / "images")
    assert np.array_equal(source[5], written[5])
    assert not np.array_equal(source[7], written[7])
    # In images, pixels away from the face are exactly the source's.
    face = next(f for f in Faceset.open(original) if f.frame_index == 7)
    hull = face_hull(face.smoothed, (720, 1280), scheme_of(face), forehead=0.5)
    away = cv2.dilate(hull, np.ones((31, 31))) == 0
    assert np.array_equal(source[7][away], written[7][away])


def test_without_a_faceset_faces_are_found_on_the_way_in_either_direction(
    demo_run: tuple[Path, str], clips: dict[str, Path], tmp_path: Path
) -> None:
    images = tmp_path / "in"
    images.mkdir()
    for frame in islice(open_source(clips["sample_04"]).frames(), 2):
        write_png(images / f"{frame.index}.png", frame.rgb())
    blank = np.full((720, 1280, 3), 200, dtype=np.uint8)
    write_png(images / "2.png", blank)
    settings = ConvertSettings(swap_model=True)
    result = convert(images, demo_run[0] / "model-quick", tmp_path / "out", settings)
    assert (result.frames, result.frames_swapped, result.faces_swapped) == (3, 2, 2)
    written = frames(tmp_path / "out")
    assert np.array_equal(written[2], blank)
    assert not np.array_equal(written[0], frames(images)[0])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_faceset_of_another_clip_is_refused(
    demo_run: tuple[Path, str], clips: dict[str, Path], tmp_path: Path
) -> None:
    output, _ = demo_run
    other = output / "faces-b" / "sample_04"
    with pytest.raises(InputError, match="another source"):
        convert(clips["sample_02"], output / "model-quick", tmp_path / "out.mp4", faceset=other)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists_is_not_replaced(
    demo_run: tuple[Path, str], clips: dict[str, Path], tmp_path: Path
) -> None:
    output, _ = demo_run
    taken = tmp_path / "out.mp4"
    taken.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists; choose another output"):
        convert(
            clips["sample_02"],
            output / "model-quick",
            taken,
            ConvertSettings(),
            faceset=output / "faces-a" / "sample_02",
        )
    assert taken.read_bytes() == b"mine"


def test_the_faceset_is_what_the_design_says(demo_run: tuple[Path, str]) -> None:
    faceset = demo_run[0] / "faces-b" / "sample_04"
    with sqlite3.connect(faceset / "faceset.sqlite") as database:
        frames_seen, faces = (
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("frame", "face")
        )
    assert frames_seen == faces == len(list((faceset / "faces").glob("*.png"))) == 102
    assert read_image(faceset / "faces" / "000000_0.png").shape == (256, 256, 3)


def test_results_carry_credentials_that_name_their_source(
    demo_run: tuple[Path, str], clips: dict[str, Path]
) -> None:
    for name, source in (("swap.mp4", clips["sample_02"]), ("side-by-side.mp4", demo_run[0] / "swap.mp4")):
        run = subprocess.run(
            [sys.executable, "-m", "facedouble", "verify", str(demo_run[0] / name)],
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert source_hash(source) in run.stdout


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "images"])
def test_marking_of_every_kind_of_output_and_none(
    demo_run: tuple[Path, str], clips: dict[str, Path], tmp_path: Path, target: str
) -> None:
    images = tmp_path / "in"
    images.mkdir()
    for frame in islice(open_source(clips["sample_02"]).frames(), 3):
        write_png(images / f"{frame.index}.png", frame.rgb())
    model, release = demo_run[0] / "model-quick", tmp_path / "release.pdf"
    release.write_bytes(b"signed")
    marked = convert(images, model, tmp_path / target, ConvertSettings(marking=Marked(consent=release)))
    assert marked.marked
    (verdict,) = {found.state for found in verify(tmp_path / target)}
    assert verdict is State.INTACT
    bare = tmp_path / f"bare-{target}"
    assert not convert(images, model, bare, ConvertSettings(marking=Unmarked())).marked
    assert {found.state for found in verify(bare)} == {State.UNMARKED}
    assert all(np.array_equal(a, b) for a, b in zip(frames(tmp_path / target), frames(bare), strict=True))


@pytest.mark.parametrize(
    ("marking", "message"),
    [
        ({"consent": "nowhere.pdf"}, "nowhere.pdf"),
        ({"signer": {"key": "key.pem"}}, "marking.signer.certificate`: is missing"),
        ({"kind": "none", "consent": "x.pdf"}, "marking.consent`: belongs to `marking.kind=c2pa`"),
    ],
    ids=["release", "key", "off"],
)
def test_marking_that_cannot_be_done_is_known_before_any_work(
    demo_run: tuple[Path, str],
    clips: dict[str, Path],
    tmp_path: Path,
    marking: dict[str, Any],
    message: str,
) -> None:
    output, _ = demo_run
    with pytest.raises(FacedoubleError, match=message):
        convert(
            clips["sample_02"],
            output / "model-quick",
            tmp_path / "out.mp4",
            ConvertSettings.read({"marking": marking}),
            faceset=output / "faces-a" / "sample_02",
        )
    assert list(tmp_path.iterdir()) == []
