"""Damaged frames: marked, in their places, and in nobody else's way."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.run.events import Notice
from facedouble.run.run import Run
from facedouble.video import clip_reader, demux
from facedouble.video.clip_source import ClipSource
from facedouble.video.image_sequences import clip_to_images
from facedouble.video.images import read_image
from tests.video.odd_clips import X264, write

CASES = Path(__file__).parents[1] / "cases"
DAMAGED = CASES / "damaged.mp4"


def problems(source: ClipSource, first: int = 0, last: int | None = None) -> dict[int, str | None]:
    return {frame.index: frame.problem for frame in source.frames(first, last)}


def break_packets(source: Path, target: Path, numbers: set[int]) -> Path:
    """Noise in the place of some packets of an MP4."""
    with av.open(str(source)) as container:
        found = [p for p in container.demux(container.streams.video[0]) if p.size]
        places = [(p.pos, p.size) for number, p in enumerate(found) if number in numbers]
    data = bytearray(source.read_bytes())
    noise = random.Random(1)
    for position, size in places:
        assert position is not None
        start, end = position, position + size
        data[start:end] = bytes(noise.randrange(256) for _ in range(end - start))
    target.write_bytes(data)
    return target


def test_a_damaged_frame_is_marked_and_all_others_are_there() -> None:
    """As many frames as ffmpeg decodes, and the damaged one is the one that it names."""
    found = problems(ClipSource(DAMAGED))
    assert list(found) == list(range(42))
    assert {number for number, problem in found.items() if problem} == {20}
    assert len(ClipSource(DAMAGED).times()) == 42


def test_a_span_that_does_not_touch_it_does_not_see_it() -> None:
    for first, last in ((0, 10), (21, 42), (25, None)):
        assert not any(problems(ClipSource(DAMAGED), first, last).values())
    assert problems(ClipSource(DAMAGED), 18, 22)[20] is not None


def test_nothing_is_worked_out_from_a_damaged_frame_but_it_can_be_copied() -> None:
    frame = next(ClipSource(DAMAGED).frames(20, 21))
    for look in (frame.grey, frame.rgb, frame.pixels):
        with pytest.raises(InputError, match="frame 20: the clip is damaged here"):
            look()
    assert frame.as_it_is().rgb().shape == (360, 640, 3)


def test_a_frame_that_damage_swallows_keeps_its_place(tmp_path: Path) -> None:
    """Every frame after it has its own number, time and picture."""
    plain = write(tmp_path / "plain.mp4", "libx264", options=X264, b_frames=0, gop=10, count=40)
    broken = break_packets(plain, tmp_path / "broken.mp4", {15, 16})
    with av.open(str(broken)) as container:
        stream = container.streams.video[0]
        stamps = []
        for packet in container.demux(stream):
            try:
                stamps += [frame.pts for frame in stream.decode(packet)]
            except av.error.FFmpegError:
                continue
    assert len(stamps) < 40  # or this test shows nothing
    source, whole = ClipSource(broken), ClipSource(plain)
    assert source.times() == whole.times()
    found = list(source.frames())
    assert [frame.index for frame in found] == list(range(40))
    assert {15, 16} <= {frame.index for frame in found if frame.problem} <= set(range(15, 20))
    for got, wanted in zip(found[20:], list(whole.frames())[20:], strict=True):
        assert got.problem is None
        assert (got.pts, got.pts * got.time_base) == (wanted.pts, wanted.pts * wanted.time_base)
        assert np.array_equal(got.rgb(), wanted.rgb())


@pytest.mark.parametrize("first", [0, 12, 19, 20, 33])
def test_a_span_of_a_damaged_clip_equals_that_part_of_the_whole(tmp_path: Path, first: int) -> None:
    plain = write(tmp_path / "plain.mp4", "libx264", options=X264, b_frames=0, gop=10, count=40)
    broken = break_packets(plain, tmp_path / "broken.mp4", {13, 27})
    whole = [(f.index, f.pts, f.problem, f.as_it_is().rgb().sum()) for f in ClipSource(broken).frames()]
    part = [(f.index, f.pts, f.problem, f.as_it_is().rgb().sum()) for f in ClipSource(broken).frames(first)]
    assert part == whole[first:]


def test_a_clip_of_which_nothing_can_be_decoded(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp4", "libx264", options=X264, b_frames=0, count=5)
    broken = break_packets(plain, tmp_path / "broken.mp4", set(range(5)))
    with pytest.raises(InputError, match=r"damaged after 0 frames|no frame that can be decoded"):
        ClipSource(broken)


def test_images_of_a_damaged_clip_are_written_and_the_damaged_one_is_named(tmp_path: Path) -> None:
    run, said = Run(), []
    run.subscribe(lambda event: said.append(event.text) if isinstance(event, Notice) else None)
    assert clip_to_images(DAMAGED, tmp_path / "images", run=run) == 42
    assert [text for text in said if "frame 20" in text] == [
        "written as it is: frame 20, the clip is damaged here"
    ]


def test_frames_of_another_size_are_scaled_to_that_of_the_first(tmp_path: Path) -> None:
    """A video call whose size changes with its connection: 20 frames of 640x360, 10 of half, 12 as before."""
    run, said = Run(), []
    run.subscribe(lambda event: said.append(event.text) if isinstance(event, Notice) else None)
    assert clip_to_images(CASES / "call.webm", tmp_path / "images", run=run) == 42
    images = [read_image(path) for path in sorted((tmp_path / "images").iterdir())]
    assert {image.shape for image in images} == {(360, 640, 3)}
    (line,) = [text for text in said if "size changes" in text]
    assert "at frame 20 to 320x180; all are scaled to the 640x360 of the first frame" in line
    # The picture goes on: frames beside a change differ no more than the motion and half the detail.
    for number in (20, 30):
        before, after = (images[place].astype(float).mean(axis=2) for place in (number - 1, number))
        assert np.abs(before - after).mean() < 8
    spans = [frame.rgb().shape for frame in ClipSource(CASES / "call.webm").frames(24, 32)]
    assert set(spans) == {(360, 640, 3)}


@pytest.fixture(scope="module")
def concealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with B-frames, some of whose packets are damaged in their middle, so that the decoder makes up
    the rest; in one GOP it is the keyframe itself."""
    folder = tmp_path_factory.mktemp("concealed")
    plain = write(folder / "plain.mp4", "libx264", options=X264, b_frames=3, gop=10, count=60)
    with av.open(str(plain)) as container:
        found = [p for p in container.demux(container.streams.video[0]) if p.size]
    data = bytearray(plain.read_bytes())
    noise = random.Random(4)
    for number in (13, 14, 30, 44):
        position, size = found[number].pos, found[number].size
        assert position is not None
        for place in range(position + size // 2, position + size - size // 4):
            data[place] = noise.randrange(256)
    path = folder / "concealed.mp4"
    path.write_bytes(data)
    return path


def _look(source: ClipSource, first: int = 0, last: int | None = None) -> list[tuple[object, ...]]:
    return [(f.index, f.pts, f.problem, f.as_it_is().rgb().tobytes()) for f in source.frames(first, last)]


def test_what_is_made_of_damage_does_not_depend_on_where_decoding_began(concealed: Path) -> None:
    """So a run that was killed and resumed makes the same as one that was not."""
    whole = _look(ClipSource(concealed))
    assert [row[0] for row in whole] == list(range(60))
    damaged = {row[0] for row in whole if row[2]}
    assert len(damaged) >= 2
    for first in range(0, 60, 3):
        assert _look(ClipSource(concealed), first, first + 12) == whole[first : first + 12], first


def test_what_is_made_of_damage_does_not_depend_on_threads(
    concealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _look(ClipSource(concealed))
    real = demux.video_stream
    for threads in (1, 2, 3):

        def some(*arguments: Any, threads: int = threads) -> av.VideoStream:
            stream = real(*arguments)
            stream.codec_context.thread_count = threads
            return stream

        monkeypatch.setattr(clip_reader, "video_stream", some)
        assert _look(ClipSource(concealed)) == whole, threads
