from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.errors import FacedoubleError, InputError, OutputError, SettingsError
from facedouble.run.events import Event, Finished, Notice, Progress, StageFinished, StageStarted, Started
from facedouble.run.run import Run
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.frame_rate import exact_rate
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.images import read_image, write_png
from facedouble.video.info import SourceInfo
from facedouble.video.sampling import sampled
from facedouble.video.sinks import open_sink

FINE = ClipEncoding(crf=1, preset="ultrafast")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sound_of(path: Path) -> list[tuple[bytes, Fraction]]:
    with av.open(str(path)) as container:
        return [
            (bytes(packet), (packet.pts or 0) * packet.time_base)
            for packet in container.demux(container.streams.audio[0])
            if packet.size
        ]


@pytest.fixture(scope="module")
def short(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real clip, 20 frames of it, reduced, at uneven times that start late, with its sound."""
    path = tmp_path_factory.mktemp("ends") / "短 short.mp4"
    source = ClipSource(clips["sample_03"])
    like = replace(source.info, width=160, height=90)
    times = [5005 + 1001 * i + 300 * (i % 3) for i in range(20)]
    with open_sink(path, like, FINE, audio_from=clips["sample_03"], overwrite=False) as sink:
        for frame, pts in zip(islice(source.frames(), 20), times, strict=True):
            image = cv2.resize(frame.rgb(), (160, 90), interpolation=cv2.INTER_AREA).astype(np.uint8)
            sink.write(replace(frame.with_pixels(image), pts=pts))
    assert ClipSource(path).times() == times
    return path


def images(folder: Path, count: int) -> Path:
    """A folder of images, each of one grey, named so that the order of text is the wrong one."""
    folder.mkdir()
    for index in range(count):
        write_png(folder / f"image {index + 8}.png", np.full((48, 64, 3), 12 * index, np.uint8))
    return folder


# -- frames ----------------------------------------------------------------------------------------


def test_every_frame_of_a_real_clip_becomes_an_image(clips: dict[str, Path], tmp_path: Path) -> None:
    events: list[Event] = []
    folder = tmp_path / "帧 frames"
    count = clip_to_images(clips["sample_01"], folder, fps=10, run=Run([events.append]))
    # Of 99 frames at 29.97 a second, the first of every tenth of a second.
    taken = [i for i in range(99) if i == 0 or i * 10010 // 30000 > (i - 1) * 10010 // 30000]
    assert count == len(taken) == 33
    assert names(folder) == [f"{i:06d}.png" for i in taken]
    for frame in ClipSource(clips["sample_01"]).frames():
        if frame.index in taken[::11]:
            assert np.array_equal(read_image(folder / f"{frame.index:06d}.png"), frame.rgb())
    assert events[1] == StageStarted("frames", 99, "frames")
    assert [event.done for event in events if isinstance(event, Progress)] == list(range(1, 100))
    assert isinstance(events[-2], StageFinished)
    assert events[-2].values == {"images": 33}
    assert events[-1] == Finished("frames", {"output": str(folder), "images": 33})


@pytest.mark.parametrize("fps", [None, 29.97, 1000])
def test_no_frame_is_taken_twice_or_left_out_without_need(
    short: Path, tmp_path: Path, fps: float | None
) -> None:
    assert clip_to_images(short, tmp_path / "out", fps=fps) >= (20 if fps != 29.97 else 17)
    assert len(names(tmp_path / "out")) <= 20


def test_sampling_goes_by_time_not_by_count() -> None:
    times = [100, 101, 102, 103, 300, 301, 900, 2000]  # milliseconds
    empty = np.zeros((1, 1, 3), np.uint8)
    every = [Frame(index=i, pts=t, time_base=Fraction(1, 1000), content=empty) for i, t in enumerate(times)]
    taken = [frame.pts for frame, chosen in sampled(iter(every), Fraction(10)) if chosen]
    assert taken == [100, 300, 900, 2000]
    assert all(chosen for _, chosen in sampled(iter(every), None))


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (25, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (24, Fraction(24)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (0.1, Fraction(1, 10)),
    ],
)
def test_the_rate_a_person_means(fps: float, rate: Fraction) -> None:
    assert exact_rate(fps) == rate


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e-9])
def test_a_rate_that_is_none(short: Path, tmp_path: Path, fps: float) -> None:
    with pytest.raises(SettingsError, match="frames per second"):
        clip_to_images(short, tmp_path / "out", fps=fps)
    with pytest.raises(SettingsError, match="frames per second"):
        images_to_clip(tmp_path, tmp_path / "out.mp4", fps=fps)
    assert list(tmp_path.iterdir()) == []


def test_frames_overwrites_only_when_asked(short: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert clip_to_images(short, folder) == 20
    with pytest.raises(OutputError, match="holds files"):
        clip_to_images(short, folder)
    assert clip_to_images(short, folder, fps=5, overwrite=True) == len(names(folder)) < 20


def test_frames_says_what_is_wrong(short: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        clip_to_images(tmp_path / "nothing.mp4", tmp_path / "out")
    with pytest.raises(OutputError, match="name of a clip"):
        clip_to_images(short, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


# -- video -----------------------------------------------------------------------------------------


def test_a_clip_taken_apart_comes_together_again(short: Path, tmp_path: Path) -> None:
    clip_to_images(short, tmp_path / "frames")
    events: list[Event] = []
    target = tmp_path / "again.mp4"
    count = images_to_clip(
        tmp_path / "frames", target, audio_from=short, settings=FINE, run=Run([events.append])
    )
    assert count == 20
    before, after = ClipSource(short), ClipSource(target)
    assert after.times() == before.times()
    for name in (
        "time_base",
        "colour_range",
        "colour_matrix",
        "colour_primaries",
        "colour_transfer",
        "pixel_format",
    ):
        assert getattr(after.info, name) == getattr(before.info, name)
    for old, new in zip(before.frames(), after.frames(), strict=True):
        assert np.abs(old.rgb().astype(int) - new.rgb()).mean() < 1
    assert sound_of(target) == sound_of(short)
    kinds = [Started, Notice, StageStarted, *[Progress] * 20, StageFinished, Finished]
    assert [type(event) for event in events] == kinds
    assert events[2] == StageStarted("video", 20, "frames")
    assert events[-3] == Progress("video", 20, 20, "frames")


def test_images_go_in_natural_order_at_the_rate_that_is_asked(tmp_path: Path) -> None:
    assert images_to_clip(images(tmp_path / "in", 10), tmp_path / "out.mp4", fps=23.976, settings=FINE) == 10
    found = list(ClipSource(tmp_path / "out.mp4").frames())
    assert [round(float(frame.rgb().mean()) / 12) for frame in found] == list(range(10))
    assert [frame.pts * frame.time_base for frame in found] == [Fraction(1001 * i, 24_000) for i in range(10)]


def test_without_any_rate_it_is_25_and_that_is_said(tmp_path: Path) -> None:
    events: list[Event] = []
    images_to_clip(images(tmp_path / "in", 3), tmp_path / "out.mkv", settings=FINE, run=Run([events.append]))
    assert [frame.seconds for frame in ClipSource(tmp_path / "out.mkv").frames()] == [0, 0.04, 0.08]
    assert isinstance(events[1], Notice)
    assert events[1].text == "25 frames a second, as no other rate is known"
    assert events[1].data == {"rate": "25"}


def test_a_clip_of_another_number_of_frames_gives_its_rate_and_a_warning(short: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    target = tmp_path / "out.mp4"
    images_to_clip(
        images(tmp_path / "in", 5), target, audio_from=short, settings=FINE, run=Run([events.append])
    )
    assert isinstance(events[1], Notice)
    assert events[1].severity == "warning"
    assert "5 images, but" in events[1].text
    rate, first = ClipSource(short).info.rate, ClipSource(short).times()[0]
    found = [frame.pts * frame.time_base for frame in ClipSource(target).frames()]
    assert [b - a for a, b in pairwise(found)] == pytest.approx([1 / rate] * 4)
    assert abs(found[0] - Fraction(first, 30_000)) <= 1 / rate / 2
    assert sound_of(target) == sound_of(short)


def test_a_rate_that_is_asked_wins_over_the_clips(short: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    images_to_clip(images(tmp_path / "in", 20), target, fps=10, audio_from=short, settings=FINE)
    assert [round(frame.seconds * 10, 6) for frame in ClipSource(target).frames()] == list(range(20))


def test_sound_may_come_from_a_file_of_sound(clips: dict[str, Path], song: Path, tmp_path: Path) -> None:
    images_to_clip(images(tmp_path / "in", 3), tmp_path / "out.mp4", fps=25, audio_from=song, settings=FINE)
    assert [p[0] for p in sound_of(tmp_path / "out.mp4")] == [p[0] for p in sound_of(clips["sample_02"])]


def test_a_silent_clip_is_remarked_upon(tmp_path: Path) -> None:
    events: list[Event] = []
    folder = images(tmp_path / "in", 3)
    images_to_clip(folder, tmp_path / "silent.mp4", fps=10, settings=FINE)
    images_to_clip(
        folder,
        tmp_path / "out.mp4",
        audio_from=tmp_path / "silent.mp4",
        settings=FINE,
        run=Run([events.append]),
    )
    assert isinstance(events[1], Notice)
    assert (events[1].code, events[1].severity) == ("video.no_sound", "warning")
    assert [frame.seconds for frame in ClipSource(tmp_path / "out.mp4").frames()] == [0, 0.1, 0.2]


def test_images_of_two_sizes_make_no_clip(tmp_path: Path) -> None:
    folder = images(tmp_path / "in", 3)
    write_png(folder / "image 10.png", np.zeros((40, 64, 3), np.uint8))
    with pytest.raises(OutputError, match="frame 2 is 64x40, the clip is 64x48"):
        images_to_clip(folder, tmp_path / "out.mp4", settings=FINE)
    assert names(tmp_path) == ["in"]


def test_video_says_what_is_wrong(short: Path, tmp_path: Path) -> None:
    folder = images(tmp_path / "in", 2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no clip")
    wrong: list[tuple[type[FacedoubleError], str, Path, Path, Path | None]] = [
        (InputError, "no such folder", tmp_path / "none", tmp_path / "out.mp4", None),
        (InputError, "no such folder", short, tmp_path / "out.mp4", None),
        (InputError, "holds no image", tmp_path / "empty", tmp_path / "out.mp4", None),
        (InputError, "to take the sound from", folder, tmp_path / "out.mp4", tmp_path / "none.mp4"),
        (InputError, "cannot be opened", folder, tmp_path / "out.mp4", tmp_path / "text.mp4"),
        (OutputError, "ends in one of", folder, tmp_path / "out", None),
        (OutputError, "ends in one of", folder, tmp_path / "out.avi", None),
        (OutputError, "exists", folder, tmp_path / "text.mp4", None),
    ]
    for kind, says, source, target, audio_from in wrong:
        with pytest.raises(kind, match=says):
            images_to_clip(source, target, audio_from=audio_from, settings=FINE)
    assert names(tmp_path) == ["empty", "in", "text.mp4"]


def test_the_fields_that_a_folder_does_not_know_are_unspecified(tmp_path: Path) -> None:
    images_to_clip(images(tmp_path / "in", 2), tmp_path / "out.mp4", settings=FINE)
    found: SourceInfo = ClipSource(tmp_path / "out.mp4").info
    assert (found.colour_range, found.colour_matrix) == (1, 6)
    assert (found.colour_primaries, found.colour_transfer) == (2, 2)
