"""Whole conversions of a short real clip, with a model that draws something but has learned nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from facedouble.cli.convert import INCOMPLETE, summary
from facedouble.cli.main import main
from facedouble.conversion.pipeline import ConvertResult, convert
from facedouble.errors import ConversionError, FacedoubleError, InputError, OutputError, SettingsError
from facedouble.extraction.extract import extract
from facedouble.faces.hull import face_hull
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Finished, Notice, Progress, StageFinished, StageStarted
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.images import write_png
from facedouble.video.planes import YuvPlanes
from facedouble.video.source import open_source

FRAMES = 40
LOSSLESS = ClipEncoding(codec="ffv1")
FAST = ClipEncoding(preset="ultrafast")
PLAIN = None


def settings(encoding: ClipEncoding | None = FAST, **changes: object) -> ConvertSettings:
    plain: dict[str, object] = {"device": "cpu", "precision": "fp32", "credentials": False}
    return from_options(ConvertSettings, encoding=encoding, **plain, **changes)


def planes(clip: Path) -> list[tuple[np.ndarray, ...]]:
    found = []
    for frame in ClipSource(clip).frames():
        assert isinstance(frame.content, YuvPlanes)
        upright = frame.content.upright()
        assert upright is not None
        found.append(tuple(plane.copy() for plane in upright.planes))
    return found


def same(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def packets(clip: Path) -> list[tuple[object, ...]]:
    """Every packet of a clip: its stream, times, and bytes."""
    with av.open(str(clip)) as container:
        return [(p.stream.index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


def only(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.fixture(scope="module")
def converted(
    rich: Path, faces: Path, stand_in: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ConvertResult, list[Event]]:
    """The clip converted without loss, and what was told on the way."""
    path = tmp_path_factory.mktemp("converted") / "out.mkv"
    events: list[Event] = []
    result = convert(rich, stand_in, path, settings(LOSSLESS), faceset=faces, run=Run([events.append]))
    assert only(path.parent, "out.mkv")
    return path, result, events


# -- what is changed and what is not -----------------------------------------------------------------


def test_outside_the_face_every_sample_is_the_sources_own(
    rich: Path, faces: Path, converted: tuple[Path, ConvertResult, list[Event]]
) -> None:
    path, result, _ = converted
    assert (result.frames, result.frames_swapped, result.faces_swapped) == (FRAMES, FRAMES, FRAMES)
    with Faceset.open(faces) as store:
        found = {face.frame_index: face for face in store.faces()}
    for index, (old, new) in enumerate(zip(planes(rich), planes(path), strict=True)):
        hull = face_hull(found[index].smoothed, (360, 640), DLIB68, forehead=0.6)
        reach = cv2.dilate((hull > 0).astype(np.uint8), np.ones((25, 25))) > 0
        assert np.array_equal(old[0][~reach], new[0][~reach])
        blocks = reach.reshape(180, 2, 320, 2).any(axis=(1, 3))
        assert all(np.array_equal(a[~blocks], b[~blocks]) for a, b in zip(old[1:], new[1:], strict=True))
        core = cv2.erode((hull > 0).astype(np.uint8), np.ones((25, 25))) > 0
        assert (old[0][core] != new[0][core]).mean() > 0.5


@pytest.mark.slow
def test_the_result_does_not_depend_on_threads_or_batches(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    found = []
    for name, threads, batch in (("a.mov", 1, 1), ("b.mov", 3, 16), ("c.mov", 2, 5)):
        how = settings(threads=threads, batch_size=batch, checkpoint_frames=15)
        convert(rich, stand_in, tmp_path / name, how, faceset=faces)
        found.append(packets(tmp_path / name))
    assert found[0] == found[1] == found[2]


def test_what_is_told_on_the_way(converted: tuple[Path, ConvertResult, list[Event]]) -> None:
    path, result, events = converted
    assert [e.total for e in events if isinstance(e, StageStarted) and e.stage == "convert"] == [FRAMES]
    assert [e.done for e in events if isinstance(e, Progress)] == list(range(1, FRAMES + 1))
    stage, last = events[-2:]
    assert isinstance(stage, StageFinished)
    assert stage.values == {"frames": FRAMES, "faces": FRAMES}
    assert isinstance(last, Finished)
    assert last.result["frames_swapped"] == FRAMES
    assert last.result["output"] == str(path)
    assert set(result.stage_utilisation) == {"decode", "cut", "network", "compose", "encode"}
    assert all(0 < share <= 1.01 for share in result.stage_utilisation.values())
    warnings = [e.text for e in events if isinstance(e, Notice) and e.severity == "warning"]
    assert any("larger in the frame than the 64 pixels the model draws" in text for text in warnings)
    text = "\n".join(summary(result))
    assert "40 faces replaced in 40 of 40 frames" in text
    assert "not marked as synthetic" in text
    assert str(path) in text


@pytest.mark.slow
def test_ten_bits_stay_ten_bits(
    pictures: list[np.ndarray],
    faces: Path,
    stand_in: Path,
    make_clip: Callable[..., None],
    tmp_path: Path,
) -> None:
    deep = [picture.astype(np.uint16) * 257 + 100 for picture in pictures[:6]]
    source = tmp_path / "deep.mkv"
    make_clip(source, deep, [], codec="ffv1", pixel_format="yuv420p10le", tags=(1, 9, 9, 16))
    own = tmp_path / "faces"
    extract(source, own, ExtractSettings(processes=1))
    levels = planes(source)[0][0]
    assert levels.dtype == np.uint16
    assert np.count_nonzero(levels % 4) > levels.size / 2
    for name, video in (
        ("out.mkv", LOSSLESS),
        ("out.mp4", FAST),
        ("out.mov", ClipEncoding(codec="prores_ks")),
    ):
        convert(source, stand_in, tmp_path / name, settings(video), faceset=own)
        info = ClipSource(tmp_path / name).info
        assert info.pixel_format.endswith("10le")
        assert (info.colour_range, info.colour_matrix, info.colour_primaries, info.colour_transfer) == (
            1,
            9,
            9,
            16,
        )
    old, new = planes(source), planes(tmp_path / "out.mkv")
    assert np.array_equal(old[3][0][:40], new[3][0][:40])
    changed = old[3][0] != new[3][0]
    assert 2000 < changed.sum() < changed.size / 2
    assert np.count_nonzero(new[3][0][changed] % 4) > changed.sum() / 2  # the new face has all its bits too
    convert(source, stand_in, tmp_path / "images", settings(PLAIN), faceset=own)
    image = cv2.imread(str(tmp_path / "images" / "000003.png"), cv2.IMREAD_UNCHANGED)
    assert image.dtype == np.uint16


# -- everything else of the source --------------------------------------------------------------------


def test_times_sound_chapters_and_words_are_the_sources(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.mov"
    convert(rich, stand_in, path, settings(checkpoint_frames=7), faceset=faces)
    old, new = ClipSource(rich), ClipSource(path)
    assert new.times() == old.times()
    assert new.info.time_base == old.info.time_base
    with av.open(str(rich)) as a, av.open(str(path)) as b:
        assert len(b.streams.audio) == 2
        assert b.metadata["title"] == "take 4"
        assert [c["metadata"]["title"] for c in b.chapters()] == ["one", "two"]
        for number in (0, 1):
            one, other = (
                [(p.pts, bytes(p)) for p in c.demux(c.streams.audio[number]) if p.size] for c in (a, b)
            )
            assert one == other
            a.seek(0)
            b.seek(0)


@pytest.mark.subprocess
def test_subtitles_are_carried_or_refused_before_any_work(
    pictures: list[np.ndarray],
    clips: dict[str, Path],
    stand_in: Path,
    make_clip: Callable[..., None],
    tmp_path: Path,
) -> None:
    subtitles = tmp_path / "words.srt"
    subtitles.write_text(
        "1\n00:00:00,100 --> 00:00:00,700\nBonjour\n\n2\n00:00:00,800 --> 00:00:01,200\nAdieu\n"
    )
    source = tmp_path / "spoken.mkv"
    make_clip(source, pictures[:30], [clips["sample_02"]], subtitles=subtitles)
    place = tmp_path / "results"
    place.mkdir()
    with pytest.raises(OutputError, match=r"\.mp4 cannot hold the source's subtitles \(subrip\)"):
        convert(source, stand_in, place / "out.mp4", settings())
    assert only(place)
    convert(source, stand_in, place / "out.mkv", settings())
    with av.open(str(place / "out.mkv")) as container:
        said = [
            (p.pts, p.duration, bytes(p)) for p in container.demux(container.streams.subtitles[0]) if p.size
        ]
    assert said == [(100, 600, b"Bonjour"), (800, 400, b"Adieu")]


def test_ranges_alone_copy_the_other_frames(rich: Path, faces: Path, stand_in: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    how = settings(LOSSLESS, frame_ranges=("3-5,30-", "12"))
    result = convert(rich, stand_in, path, how, faceset=faces)
    assert (result.frames, result.frames_swapped, result.frames_without_face) == (40, 14, 26)
    swapped = [i for i, (a, b) in enumerate(zip(planes(rich), planes(path), strict=True)) if not same(a, b)]
    assert swapped == [3, 4, 5, 12, *range(30, 40)]


def test_only_the_frames_that_are_needed_are_decoded(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the ranges; and when a run is resumed, those from the first part on that is not there."""
    spans: list[tuple[int, int | None]] = []
    real = ClipSource.frames

    def spied(self: ClipSource, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        spans.append((first, last))
        return real(self, first, last)

    monkeypatch.setattr(ClipSource, "frames", spied)
    how = settings(frame_ranges=("10-19", "30-34"), discard_frames=True, checkpoint_frames=8)
    convert(rich, stand_in, tmp_path / "ranges.mov", how, faceset=faces)
    assert spans == [(10, 20), (30, 35)]

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "convert" and event.done == 20:
            raise KeyboardInterrupt

    how = settings(checkpoint_frames=8)
    with pytest.raises(KeyboardInterrupt):
        convert(rich, stand_in, tmp_path / "all.mov", how, faceset=faces, run=Run([stop]))
    spans.clear()
    assert convert(rich, stand_in, tmp_path / "all.mov", how, faceset=faces).frames == FRAMES
    assert spans == [(16, None)]


def test_what_is_left_out_takes_its_sound_with_it(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.mov"
    how = settings(frame_ranges=("10-19", "30-34"), discard_frames=True, checkpoint_frames=8)
    result = convert(rich, stand_in, path, how, faceset=faces)
    assert result.frames == result.frames_swapped == 15
    old = ClipSource(rich)
    tick, before = old.info.time_base, old.times()
    cut = before[20] - before[10]
    expected = [pts - before[10] for pts in before[10:20]] + [pts - before[30] + cut for pts in before[30:35]]
    assert ClipSource(path).times() == expected
    spans = [(before[10] * tick, before[20] * tick, 0), (before[30] * tick, before[35] * tick, cut * tick)]
    with av.open(str(rich)) as a, av.open(str(path)) as b:
        for number in (0, 1):
            sound = [(p.pts * p.time_base, bytes(p)) for p in a.demux(a.streams.audio[number]) if p.size]
            wanted = [
                (moment - start + target, data)
                for start, end, target in spans
                for moment, data in sound
                if start <= moment < end
            ]
            found = [(p.pts * p.time_base, bytes(p)) for p in b.demux(b.streams.audio[number]) if p.size]
            assert [data for _, data in found] == [data for _, data in wanted]
            late = [abs(float(x - y)) for (x, _), (y, _) in zip(found, wanted, strict=True)]
            assert max(late) < 1e-4
            a.seek(0)
            b.seek(0)


# -- which faces ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_only_the_person_or_the_track_that_is_wanted(
    pair_frames: Path, extracted_pair: Path, clips: dict[str, Path], stand_in: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "left.png"
    write_png(picture, next(iter(open_source(clips["sample_01"]).frames())).rgb())
    with Faceset.open(extracted_pair) as store:
        left = {face.track for face in store.faces() if face.box.left < 640}
        tracks = {face.track for face in store.faces()}
    (number,) = left
    ways = {
        "f": (settings(PLAIN, filter=(picture,)), True),
        "n": (settings(PLAIN, nfilter=(picture,)), False),
        "track": (settings(PLAIN, track=(number,)), True),
    }
    for name, (how, is_left) in ways.items():
        result = convert(pair_frames, stand_in, tmp_path / name, how, faceset=extracted_pair)
        assert (result.faces_swapped, result.faces_not_selected) == (12, 12)
        for frame in open_source(pair_frames).frames():
            new = cv2.imread(str(tmp_path / name / f"{frame.index:04d}.png"))[..., ::-1]
            halves = [np.array_equal(new[:, s], frame.rgb()[:, s]) for s in (slice(640), slice(640, None))]
            assert halves == ([False, True] if is_left else [True, False])
    with pytest.raises(SettingsError, match=f"77.*no such track in the faceset; it has .*{max(tracks)}"):
        convert(pair_frames, stand_in, tmp_path / "x", settings(PLAIN, track=(77,)), faceset=extracted_pair)
    assert not (tmp_path / "x").exists()


def test_a_deleted_crop_is_a_face_left_alone(
    rich: Path, own_faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    for index in (4, 5):
        (own_faces / "faces" / f"{index:06d}_0.png").unlink()
    result = convert(rich, stand_in, tmp_path / "out.mkv", settings(LOSSLESS), faceset=own_faces)
    assert (result.faces_swapped, result.faces_deleted, result.frames_without_face) == (38, 2, 2)
    old, new = planes(rich), planes(tmp_path / "out.mkv")
    assert [same(a, b) for a, b in zip(old, new, strict=True)] == [i in (4, 5) for i in range(FRAMES)]


@pytest.mark.subprocess
def test_a_clip_without_any_face_is_copied_and_counted(
    phone_clips: dict[str, Path], stand_in: Path, tmp_path: Path
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for frame in ClipSource(phone_clips["no_face"]).frames():
        if frame.index in (0, 20, 40):
            write_png(frames / f"{frame.index:03d}.png", cv2.resize(frame.rgb(), None, fx=0.3, fy=0.3))
    events: list[Event] = []
    result = convert(frames, stand_in, tmp_path / "out", settings(PLAIN), run=Run([events.append]))
    assert (result.frames, result.frames_without_face, result.faces_swapped) == (3, 3, 0)
    assert any(isinstance(e, Notice) and "no face was found" in e.text for e in events)
    for old, new in zip(open_source(frames).frames(), open_source(tmp_path / "out").frames(), strict=True):
        assert np.array_equal(old.rgb(), new.rgb())
    assert only(tmp_path, "frames", "out")


# -- frames that fail ----------------------------------------------------------------------------------


def test_a_frame_that_fails_stops_the_run_or_is_listed(
    rich: Path, faces: Path, stand_in: Path, broken_step: set[int], tmp_path: Path
) -> None:
    broken_step.update((11, 26))
    place = tmp_path / "results"
    place.mkdir()
    path = place / "out.mkv"
    how = settings(LOSSLESS, checkpoint_frames=10)
    with pytest.raises(
        ConversionError, match=r"frame 11 cannot be .*\(this step is broken\); with `k"
    ):
        convert(rich, stand_in, path, how, faceset=faces)
    assert only(place, ".out.mkv.work")  # its first ten frames
    going = settings(LOSSLESS, checkpoint_frames=10, keep_going=True)
    result = convert(rich, stand_in, path, going, faceset=faces)
    assert (result.frames_resumed, result.frames, result.frames_swapped) == (10, 40, 38)
    assert [failure.frame for failure in result.failures] == [11, 26]
    text = list(summary(result))
    assert "2 frames could not be converted and were copied unchanged:" in text
    assert any(line.startswith("  frame 26: ") and len(line) > 14 for line in text)
    old, new = planes(rich), planes(path)
    assert [same(a, b) for a, b in zip(old, new, strict=True)] == [i in (11, 26) for i in range(FRAMES)]
    assert only(place, "out.mkv")


def test_the_exit_code_tells_whether_all_some_or_no_faces_were_replaced(
    rich: Path,
    faces: Path,
    stand_in: Path,
    broken_step: set[int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["convert", "-i", str(rich), "-m", str(stand_in), "-a", str(faces), "--keep-going"]
    words += ["--preset", "ultrafast", "--no-credentials", "--device", "cpu", "--discard-frames"]
    words += ["--frame-ranges", "4-7"]
    for failing, code in (((), 0), ((5,), INCOMPLETE), (range(4, 8), 1)):
        broken_step.update(failing)
        output = tmp_path / f"{code}.mp4"
        assert main([*words, "-o", str(output)]) == code
        out, err = capsys.readouterr()
        errors = [line for line in err.splitlines() if line.startswith("error:")]
        assert f"{4 - len(failing)} faces replaced in {4 - len(failing)} of 4 frames" in out
        assert sum(line.startswith("  frame ") for line in out.splitlines()) == len(failing)
        assert len(errors) == (code == 1)
        assert len(ClipSource(output).times()) == 4
    assert "no face could be replaced: each of the 4 frames tried failed, the first because" in errors[0]


def test_what_a_broken_model_draws_is_not_taken_for_a_face(
    rich: Path, faces: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    def spoiled(weights: dict[str, torch.Tensor]) -> None:
        for tensor in weights.values():
            tensor.fill_(float("nan"))

    model = make_model(tmp_path / "model", spoiled)
    how = settings(frame_ranges=("0-3",), colour="none", sharpen="none")
    with pytest.raises(FacedoubleError, match=r"frame 0 cannot be converted .*not a number"):
        convert(rich, model, tmp_path / "out.mkv", how, faceset=faces)
    assert only(tmp_path, "model")


# -- bad input: one line, nothing lost -----------------------------------------------------------------


@pytest.mark.subprocess
def test_a_clip_whose_size_changes_midway(
    pictures: list[np.ndarray], stand_in: Path, make_clip: Callable[..., None], tmp_path: Path
) -> None:
    both = b""
    for name, shape in (("a.h264", (640, 360)), ("b.h264", (480, 270))):
        with av.open(str(tmp_path / name), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height = shape
            for picture in pictures[:6]:
                image = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        both += (tmp_path / name).read_bytes()
    source = tmp_path / "changing.h264"
    source.write_bytes(both)
    with pytest.raises(InputError, match=r"frame 6 is 480x270, those before it 640x360; cut the clip where"):
        convert(source, stand_in, tmp_path / "out.mkv", settings())
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize(
    ("name", "changes", "error", "says"),
    [
        ("out.mp4", {"output_mode": "rgba"}, OutputError, "libx264 cannot hold alpha"),
        ("images", {"output_mode": "rgba", "image_format": "jpg"}, OutputError, "alpha"),
        ("images", {"image_format": "bmp"}, SettingsError, "png, jpg, tiff, exr"),
        ("out.mp4", {"discard_frames": True}, SettingsError, "`frames.ranges`: is missing"),
        ("out.mp4", {"frame_ranges": ("90-",)}, SettingsError, "no frame 90"),
        ("out.mp4", {"label": "two\nlines"}, SettingsError, "single line"),
        ("out.mkv", {"label": "x", "output_mode": "mask"}, SettingsError, "`render.label`"),
        ("out.webm", {}, OutputError, "cannot hold video of libx264"),
        ("no/folder/out.mp4", {}, OutputError, "there is no folder"),
        ("out.gif", {"encoding": FAST}, OutputError, "cannot write .gif"),
        ("images", {"encoding": FAST}, SettingsError, "is for clips, but"),
        ("out.mp4", {"image_format": "tiff"}, SettingsError, "is for images, but"),
        (
            "out.mp4",
            {"converter": "adjust", "mask_type": "rect"},
            SettingsError,
            "belongs to `converter.kind=masked`",
        ),
        (
            "out.mp4",
            {"smooth_mask": False},
            SettingsError,
            "belongs to `converter.kind=adjust`",
        ),
        ("out.mp4", {"colour": "none", "colour_space": "lab"}, SettingsError, "no colours are matched"),
        (
            "out.mp4",
            {"sharpen": "none", "sharpen_amount": 1.0},
            SettingsError,
            "`sharpen.amount`: belongs to",
        ),
        ("out.mp4", {"ref_threshold": 0.4}, SettingsError, "`faces.threshold`: has no effect"),
        ("out.mp4", {"mask_type": "learned", "occlusion": "learned"}, SettingsError, "`occlusion`: "),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    rich: Path,
    faces: Path,
    stand_in: Path,
    tmp_path: Path,
    name: str,
    changes: dict[str, object],
    error: type[FacedoubleError],
    says: str,
) -> None:
    with pytest.raises(error) as caught:
        how = settings(**{"encoding": None, **changes})  # type: ignore[arg-type]
        convert(rich, stand_in, tmp_path / name, how, faceset=faces)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert only(tmp_path)


def test_other_peoples_facesets_and_models(
    rich: Path, pair_frames: Path, extracted_pair: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="another source"):
        convert(rich, stand_in, tmp_path / "out.mp4", settings(), faceset=extracted_pair)
    with pytest.raises(FacedoubleError, match="no model here"):
        convert(rich, faces, tmp_path / "out.mp4", settings(), faceset=faces)
    with pytest.raises(SettingsError, match="no learned mask"):
        convert(rich, stand_in, tmp_path / "out.mp4", settings(mask_type="learned"), faceset=faces)
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        convert(rich, stand_in, taken, settings(), faceset=faces)
    assert taken.read_bytes() == b"mine"
    assert only(tmp_path, "taken.mp4")


def test_the_command_line(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["convert", "-i", str(rich), "--model", str(stand_in), "--faceset", str(faces)]
    words += ["-o", str(tmp_path / "out.mp4"), "--frame-ranges", "10-12", "20-21,30", "--discard-frames"]
    words += ["--preset", "ultrafast", "--no-credentials", "--device", "cpu"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "6 faces replaced in 6 of 6 frames" in text
    assert "the slowest stage is" in text
    assert main(words) == 1
    assert "exists" in capsys.readouterr().err
    assert len(ClipSource(tmp_path / "out.mp4").times()) == 6


def test_a_saved_file_gives_the_same_bytes_as_the_options_did(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    file, first, second = tmp_path / "run.yaml", tmp_path / "one.mp4", tmp_path / "two.mp4"
    words = ["convert", "-i", str(rich), "-m", str(stand_in), "-a", str(faces), "-o", str(first)]
    words += ["--frame-ranges", "10-14", "-M", "facehull", "-S", "--sharpen", "gsharpen", "--crf", "20"]
    words += ["--preset", "ultrafast", "--no-credentials", "--device", "cpu", "--set", "faces.track=[0]"]
    assert main([*words, "--save-config", str(file)]) == 0
    whole = first.read_bytes()
    first.unlink()
    assert main(["convert", "--config", str(file)]) == 0
    assert first.read_bytes() == whole
    assert main(["convert", "--config", str(file), "-o", str(second), "--colour", "none"]) == 0
    assert second.read_bytes() != whole


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("converter: {mask: {kind: hull}}", "converter.mask.kind=hull`: no such mask; choose one of: rect"),
        ("sharpn: {}", "`sharpn`: there is no such setting; is sharpen meant?"),
        ("compute: {batch_size: many}", "`compute.batch_size=many`: must be a whole number"),
        ("sharpen: {amount: 1}\nsharpen: {}", "sharpen is there twice"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_field_and_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    assert main(["convert", "-i", "a", "-m", "b", "-o", "c", "--config", str(file)]) in (1, 2)
    [line] = capsys.readouterr().err.splitlines()
    assert str(file) in line
    assert says in line
