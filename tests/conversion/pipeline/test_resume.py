"""Runs that are killed or run out of disk space, and resume with the same command."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.errors import ConversionError, InputError
from facedouble.extraction.extract import extract
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice, Progress
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.images import read_image, write_png
from tests.halting import halting, resume, wait_until_halted

pytestmark = pytest.mark.subprocess

PART = 6
FRAMES = 40


def command_line(rich: Path, faces: Path, model: Path, output: Path, *more: str) -> list[str]:
    found = ["convert", "-i", str(rich), "-m", str(model), "-a", str(faces), "-o", str(output)]
    found += ["--checkpoint-frames", str(PART), "--device", "cpu", "--precision", "fp32"]
    return [sys.executable, "-m", "facedouble", *found, "--no-credentials", *more]


def settings(**changes: object) -> ConvertSettings:
    plain: dict[str, object] = {"device": "cpu", "precision": "fp32", "credentials": False}
    return from_options(ConvertSettings, **{"checkpoint_frames": PART, **plain, **changes})


def packets(clip: Path) -> list[tuple[object, ...]]:
    with av.open(str(clip)) as container:
        return [(p.stream.index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


@pytest.fixture(scope="module")
def uninterrupted(rich: Path, faces: Path, stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uninterrupted") / "out.mov"
    convert(rich, stand_in, path, settings(), faceset=faces)
    return path


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_run_resumes_and_writes_the_same_packets(
    rich: Path, faces: Path, stand_in: Path, uninterrupted: Path, tmp_path: Path, seed: int
) -> None:
    """Killed twice: somewhere between one frame and another, which it does not get beyond."""
    chance = random.Random(seed)
    output, work = tmp_path / "film" / "out.mov", tmp_path / "film" / ".out.mov.work"
    output.parent.mkdir()
    command = command_line(rich, faces, stand_in, output)
    done = 0
    for _ in range(2):
        first = done * PART + chance.randint(1, PART)
        between = halting(tmp_path / "site", f"convert:{first}", f"convert:{first + 2 * PART}")
        killed = start(command, between)
        wait_until_halted(killed.pid)
        resume(killed.pid)
        time.sleep(chance.random() * 0.1)  # anywhere between the two
        kill(killed)
        assert not output.exists()
        kept = len(list(work.glob("0*.json")))
        assert done <= kept <= (first + 2 * PART) // PART
        done = kept
    said = finished(command)
    assert not done or f"{done * PART} frames were resumed from an earlier run" in said
    assert packets(output) == packets(uninterrupted)
    assert [path.name for path in output.parent.iterdir()] == ["out.mov"]


def test_a_resumed_folder_keeps_its_images(rich: Path, faces: Path, stand_in: Path, tmp_path: Path) -> None:
    output, work = tmp_path / "film" / "images", tmp_path / "film" / ".images.work"
    output.parent.mkdir()
    command = command_line(rich, faces, stand_in, output)
    killed = start(command, halting(tmp_path / "site", f"convert:{3 * PART + 2}"))
    wait_until_halted(killed.pid)
    kill(killed)
    assert len(list(work.glob("0*.json"))) == 3
    stamps = {path: path.stat().st_mtime_ns for path in output.glob("0*.png") if int(path.stem) < 3 * PART}
    gone = output / f"{2 * PART:06d}.png"
    gone.unlink()  # somebody tidied up in the meantime: its part is made again, and those after it
    said = finished(command)
    assert f"{2 * PART} frames were resumed from an earlier run" in said
    assert {path for path, stamp in stamps.items() if path.stat().st_mtime_ns == stamp} == {
        path for path in stamps if path < gone
    }
    assert len(list(output.iterdir())) == FRAMES
    assert [path.name for path in output.parent.iterdir()] == ["images"]


def start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def finished(command: list[str]) -> str:
    """What a command says that ends well."""
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it had ended before"


def broken_off(rich: Path, faces: Path, model: Path, output: Path, how: ConvertSettings) -> None:
    """A run that the user stops after three parts."""

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 3 * PART + 1:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        convert(rich, model, output, how, faceset=faces, run=Run([stop]))
    assert set(threading.enumerate()) <= before


def test_ctrl_c_is_clean_and_loses_nothing(
    rich: Path, faces: Path, stand_in: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mov"
    broken_off(rich, faces, stand_in, output, settings())
    assert [path.name for path in tmp_path.iterdir()] == [".out.mov.work"]
    assert not list((tmp_path / ".out.mov.work").glob("*.new"))
    result = convert(rich, stand_in, output, settings(batch_size=3, threads=3), faceset=faces)
    assert result.frames_resumed == 3 * PART
    assert packets(output) == packets(uninterrupted)


def test_failed_frames_are_retried_without_keep_going(
    rich: Path, faces: Path, stand_in: Path, broken_step: set[int], tmp_path: Path
) -> None:
    output = tmp_path / "out.mov"
    broken_step.add(PART + 1)
    broken_off(rich, faces, stand_in, output, settings(keep_going=True))
    with pytest.raises(ConversionError, match=f"frame {PART + 1} cannot be converted"):
        convert(rich, stand_in, output, settings(), faceset=faces)
    result = convert(rich, stand_in, output, settings(keep_going=True), faceset=faces)
    assert (result.frames_resumed, result.frames, len(result.failures)) == (PART, FRAMES, 1)


def test_a_second_run_cannot_interfere_with_the_first(
    rich: Path, faces: Path, stand_in: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    output, work = tmp_path / "film" / "out.mov", tmp_path / "film" / ".out.mov.work"
    output.parent.mkdir()
    command = command_line(rich, faces, stand_in, output)
    first = start(command, halting(tmp_path / "site", f"convert:{2 * PART}"))
    try:
        wait_until_halted(first.pid)
        held = {file: file.stat().st_mtime_ns for file in work.iterdir()}
        # With other words, which would drop the first's work if nothing held it.
        second = subprocess.run([*command, "--detail", "none"], capture_output=True, text=True)
        assert second.returncode == 1
        errors = [line for line in second.stderr.splitlines() if line.startswith("error:")]
        assert len(errors) == 1
        assert "out.mov: another run is writing it (" in errors[0]
        assert {file: file.stat().st_mtime_ns for file in work.iterdir()} == held
    finally:
        kill(first)
    said = finished(command)
    assert f"{PART} frames were resumed from an earlier run" in said
    assert packets(output) == packets(uninterrupted)
    assert [path.name for path in output.parent.iterdir()] == ["out.mov"]


@pytest.mark.parametrize(
    "changes",
    [
        {"detail": "sharpen", "sharpen_amount": 0.5},
        {"encoding": ClipEncoding(crf=30)},
        {"frame_ranges": ("0-3",)},
    ],
    ids=["look", "encoder", "frames"],
)
def test_other_settings_start_over(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    output = tmp_path / "out.mov"
    broken_off(rich, faces, stand_in, output, settings())
    events: list[Event] = []
    result = convert(rich, stand_in, output, settings(**changes), faceset=faces, run=Run([events.append]))
    assert (result.frames_resumed, result.frames) == (0, FRAMES)
    assert any(isinstance(event, Notice) and "other settings" in event.text for event in events)


def test_extracted_faces_are_reused(rich: Path, stand_in: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mov"
    found = tmp_path / ".out.mov.work" / "faces" / "faces"
    stamps: dict[Path, int] = {}

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "convert":
            stamps.update({crop: crop.stat().st_mtime_ns for crop in found.iterdir()})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(rich, stand_in, output, settings(), run=Run([stop]))
    assert len(stamps) == FRAMES
    again: dict[Path, int] = {}

    def look(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "convert" and not again:
            again.update({crop: crop.stat().st_mtime_ns for crop in found.iterdir()})

    assert convert(rich, stand_in, output, settings(), run=Run([look])).faces_swapped == FRAMES
    assert again == stamps
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit on the size of files")
def test_a_full_disk_is_reported_and_finished_parts_are_kept(
    rich: Path, faces: Path, stand_in: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the disk: plan and parts fit, the whole clip does not."""
    output = tmp_path / "out.mov"
    limit = 9 * uninterrupted.stat().st_size // 10
    script = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"sys.argv = {command_line(rich, faces, stand_in, output)[2:]!r}\n"
        "runpy.run_module('facedouble', run_name='__main__', alter_sys=True)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    errors = [line for line in run.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "out.mov: cannot be written (File too large); free some space there" in errors[0]
    assert "the same command resumes" in errors[0]
    assert "Traceback" not in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".out.mov.work"]
    said = finished(command_line(rich, faces, stand_in, output))
    assert f"{FRAMES} frames were resumed from an earlier run" in said
    assert packets(output) == packets(uninterrupted)


def test_an_image_that_cannot_be_read_is_taken_out_and_the_same_command_goes_on(
    folder_of_images: Path, stand_in: Path, tmp_path: Path
) -> None:
    """Its faceset stays that of the folder, and nothing that the first run wrote is in the way."""
    faces, output = tmp_path / "faces", tmp_path / "out"
    broken = folder_of_images / "0005.png"
    extract(folder_of_images, faces, ExtractSettings(processes=1))
    how = settings(checkpoint_frames=2)
    with pytest.raises(InputError, match=r"0005\.png"):
        convert(folder_of_images, stand_in, output, how, faceset=faces)
    assert sorted(path.name for path in output.iterdir()) == [f"{number:04d}.png" for number in range(4)]
    broken.unlink()
    lines: list[Event] = []
    result = convert(folder_of_images, stand_in, output, how, faceset=faces, run=Run([lines.append]))
    assert (result.frames, result.frames_swapped) == (8, 8)
    assert sorted(path.name for path in output.iterdir()) == sorted(
        path.name for path in folder_of_images.iterdir()
    )
    assert "no longer in the folder: 0005.png; the other images are what they were" in [
        line.text for line in lines if isinstance(line, Notice)
    ]
    # Each image has the face that belongs to it: the last is what a run on the whole folder makes of it.
    alone = tmp_path / "alone"
    shutil.copytree(faces, tmp_path / "copy")
    convert(folder_of_images, stand_in, alone, how, faceset=tmp_path / "copy")
    assert (alone / "0008.png").read_bytes() == (output / "0008.png").read_bytes()
    before, after = read_image(folder_of_images / "0008.png"), read_image(output / "0008.png")
    with Faceset.open(faces) as store:
        box = next(face.box for face in store.faces() if face.frame_index == 8)
    changed = np.argwhere((before != after).any(axis=2))
    assert len(changed)
    assert (changed.min(axis=0) >= (box.top - box.height, box.left - box.width)).all()
    assert (changed.max(axis=0) <= (box.bottom + box.height, box.right + box.width)).all()


@pytest.fixture
def folder_of_images(pictures: list[np.ndarray], tmp_path: Path) -> Path:
    """Nine images, of which the sixth is no picture."""
    path = tmp_path / "images"
    path.mkdir()
    for number in range(9):
        write_png(path / f"{number:04d}.png", pictures[4 * number])
    (path / "0005.png").write_bytes(b"\x89PNG broken")
    return path
