"""Any span of a source is what linear decoding gives, to the bit, whatever the container and codec."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.video.clip_reader import OutOfStepError, decode_from
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.index import SeekPoint, SourceIndex
from facedouble.video.sampling import frames_at, sampled, sampled_numbers
from facedouble.video.source import Source, open_source
from tests.video.odd_clips import COUNT, MAKERS, X264, write

# Where no frame but the first can be started at: decoding is linear, and the result the same.
LINEAR = {
    "refresh.mp4",  # its keyframes are recovery points that are reached a second later
    "refresh.ts",
    "one_key.mp4",
    "coarse.mkv",  # its frames have the same time stamp by threes
    "untimed.h264",  # its container has no times
    "moving.gif",
    "animation.mov",
    "video.wmv",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips made when they are asked for, and once."""

    class Made(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            self[name] = MAKERS[name](folder / name)
            return self[name]

    folder = tmp_path_factory.mktemp("odd")
    return Made()


Key = tuple[int, int, str | None, str]


def keys_of(frame: Frame) -> Key:
    """Number, time, name and a hash of the pixels of a frame."""
    return frame.index, frame.pts, frame.name, hashlib.md5(frame.pixels().tobytes()).hexdigest()


def keys(source: Source, first: int = 0, last: int | None = None) -> list[Key]:
    """The keys of the frames of a span."""
    return [keys_of(frame) for frame in source.frames(first, last)]


def spans(count: int, number: int, seed: int) -> list[tuple[int, int | None]]:
    """Random spans, and the ends."""
    random = np.random.default_rng(seed)
    starts = random.integers(0, count, number)
    ends = [int(random.integers(start, count + 3)) for start in starts]
    return [*zip(starts.tolist(), ends, strict=True), (count - 1, None), (count // 2, None), (count, None)]


@pytest.mark.parametrize("name", MAKERS)
def test_a_span_is_the_same_part_of_the_whole(odd: dict[str, Path], name: str) -> None:
    source = open_source(odd[name])
    whole = keys(source)
    assert len({pixels for *_, pixels in whole}) == len(whole)
    assert source.index.count == len(whole)
    assert source.index.times.tolist() == [pts for _, pts, _, _ in whole]
    for first, last in spans(len(whole), 6, sorted(MAKERS).index(name)):
        assert keys(source, first, last) == whole[first:last], (first, last)
    again = open_source(odd[name])  # with the index from the cache
    assert keys(again, len(whole) - 2) == whole[-2:]
    assert again.info == source.info


# Their time stamps do not rise: packets are counted up to a keyframe, and not decoded.
COUNTED = {"stepping_back.ts", "h264.avi"}


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in LINEAR and name != "images"])
def test_the_last_frame_is_reached_from_the_last_keyframe(odd: dict[str, Path], name: str) -> None:
    index = open_source(odd[name]).index
    assert index.decoded is (name in COUNTED)
    assert index.can_seek is not index.decoded
    point = index.seek_point(index.count - 1)
    assert point is not None
    assert index.count - point.frame <= 20
    assert index.stamps is not None
    decoded = sum(1 for _ in decode_from(odd[name], index.stamps, point, seek=index.can_seek))
    assert decoded == index.count - point.frame


@pytest.mark.parametrize("name", sorted(LINEAR))
def test_where_no_keyframe_is_safe_there_is_no_seek_point(odd: dict[str, Path], name: str) -> None:
    assert len(open_source(odd[name]).index.seek_points) == 0


def test_an_edit_list_hides_frames_and_moves_none(odd: dict[str, Path]) -> None:
    index = open_source(odd["edited.mp4"]).index
    assert (index.count, index.hidden) == (74, COUNT - 74)
    assert index.times[0] == 0


@pytest.mark.parametrize("name", ["b_frames.mp4", "open_gop.ts", "no_cues.mkv"])
def test_a_container_that_lands_elsewhere_does_no_harm(
    odd: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a seek does, a keyframe that is not there is looked for from the start of the file."""
    source = open_source(odd[name])
    whole = keys(source)
    assert source.index.count == COUNT
    monkeypatch.setattr("facedouble.video.clip_reader._seek", _to_the_end)
    assert keys(source, 50, 60) == whole[50:60]


def _to_the_end(container: object, stream: object, point: SeekPoint) -> None:
    container.seek(point.dts + 10**9, stream=stream, backward=False, any_frame=True)  # type: ignore[attr-defined]


def test_an_index_that_is_wrong_is_noticed_and_made_again(odd: dict[str, Path]) -> None:
    """As of a clip whose packets do not tell which frames come out."""
    source = ClipSource(odd["open_gop.mp4"])
    whole = keys(source)
    true = source.index
    for change in (lambda s: s[np.arange(len(s)) != 70], lambda s: np.concatenate([s[:60], s[60:] + 1])):
        assert true.stamps is not None
        stamps = change(true.stamps)
        points = true.seek_points[true.seek_points[:, 0] < 60]
        source._index = SourceIndex(
            true.info, true.fingerprint, stamps, stamps, true.end, points, coded_size=true.coded_size
        )
        wrong = source._index
        assert keys(source, 55, 80) == whole[55:80]
        assert source.index.decoded
        source._index = wrong
        assert keys(source) == whole
        assert source._index is None, "linear decoding shows it too"


def test_a_keyframe_that_is_not_safe_is_noticed(odd: dict[str, Path]) -> None:
    """A recovery point of periodic intra refresh, from which frames come out late."""
    source = ClipSource(odd["open_gop.mkv"])
    stamps = source.index.stamps
    assert stamps is not None
    point = SeekPoint(13, int(stamps[13]), int(stamps[13]), 13)
    with pytest.raises(OutOfStepError):
        next(decode_from(odd["open_gop.mkv"], stamps, point))


def test_damage_stops_only_the_spans_that_need_it(odd: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(odd["b_frames.mp4"].read_bytes())
    with av.open(str(odd["b_frames.mp4"])) as clip:
        entries = list(clip.streams.video[0].index_entries)
    for entry in entries[14:22]:
        data[entry.pos + 8 : entry.pos + entry.size] = bytes(entry.size - 8)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    source = open_source(path)
    whole = keys(open_source(odd["b_frames.mp4"]))
    assert keys(source, 0, 10) == whole[:10]
    assert keys(source, 50, 60) == whole[50:60]
    with pytest.raises(InputError, match="damaged"):
        keys(source)


def test_frames_by_their_time(odd: dict[str, Path]) -> None:
    index = open_source(odd["variable.mp4"]).index
    for frame in (0, 1, 17, index.count - 1):
        seconds = float(index.times[frame] * index.info.time_base)
        assert index.frame_at(seconds + 1e-6) == frame
    assert index.frame_at(-5) == 0
    assert index.frame_at(1e6) == index.count - 1


def test_chosen_frames_are_those_of_the_whole_and_little_else_is_decoded(
    odd: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "long.mp4", "libx264", options=X264, b_frames=2, count=400)
    source = open_source(path)
    whole = keys(source)
    decoded: list[tuple[Any, ...]] = []
    real = ClipSource._span

    def noted(self: ClipSource, *span: Any) -> Any:
        decoded.append(span)
        return real(self, *span)

    monkeypatch.setattr(ClipSource, "_span", noted)
    chosen = [3, 5, 170, 171, 399]
    assert [keys_of(frame) for frame in frames_at(source, chosen)] == [whole[number] for number in chosen]
    assert decoded == [(3, 6), (170, 172), (399, 400)]
    for name in ("stepping_back.ts", "images", "variable.mkv"):
        whole = keys(open_source(odd[name]))
        found = [keys_of(frame) for frame in frames_at(open_source(odd[name]), range(0, 90, 29))]
        assert found == whole[::29]


@pytest.mark.parametrize("name", ["variable.mp4", "late.ts", "images"])
def test_sampling_by_the_index_is_sampling_by_the_frames(odd: dict[str, Path], name: str) -> None:
    source = open_source(odd[name])
    for rate in (None, Fraction(10), Fraction(1, 2), Fraction(1000)):
        taken = [frame.index for frame, chosen in sampled(source.frames(), rate) if chosen]
        assert sampled_numbers(source.index, rate) == taken
