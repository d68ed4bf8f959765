"""What a conversion changes, and what of the source it carries over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.container import InputContainer

from facedouble.cli.convert import summary
from facedouble.conversion.pipeline import ConvertResult, convert
from facedouble.extraction.extract import extract
from facedouble.faces.hull import face_hull
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Finished, Notice, Progress, StageFinished, StageStarted
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from tests.conversion.pipeline.clips import (
    FAST,
    FRAMES,
    LOSSLESS,
    PLAIN,
    only,
    packets,
    planes,
    same,
    settings,
)


@pytest.fixture(scope="module")
def converted(
    rich: Path, faces: Path, stand_in: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ConvertResult, list[Event]]:
    """The clip converted without loss, and its events."""
    path = tmp_path_factory.mktemp("converted") / "out.mkv"
    events: list[Event] = []
    result = convert(rich, stand_in, path, settings(LOSSLESS), faceset=faces, run=Run([events.append]))
    assert only(path.parent, "out.mkv")
    return path, result, events


def moments(container: InputContainer, number: int) -> list[tuple[Fraction, bytes]]:
    """Each sound packet's time in seconds and its data."""
    packets = container.demux(container.streams.audio[number])
    return [(p.pts * p.time_base, bytes(p)) for p in packets if p.pts is not None and p.time_base is not None]


def test_outside_the_face_every_sample_is_the_sources_own(
    rich: Path, faces: Path, converted: tuple[Path, ConvertResult, list[Event]]
) -> None:
    path, result, _ = converted
    assert (result.frames, result.frames_swapped, result.faces_swapped) == (FRAMES, FRAMES, FRAMES)
    with Faceset.open(faces) as store:
        found = {face.frame_index: face for face in store.faces()}
    for index, (old, new) in enumerate(zip(planes(rich), planes(path), strict=True)):
        hull = face_hull(found[index].smoothed, (360, 640), scheme_of(found[index]), forehead=0.6)
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


def test_events(converted: tuple[Path, ConvertResult, list[Event]]) -> None:
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
    assert any("larger in the frame than the 64 pixels of the new face" in text for text in warnings)
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
    assert image is not None
    assert image.dtype == np.uint16


def test_times_sound_chapters_and_metadata_are_the_sources(
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
def test_subtitles_are_carried_in_the_kind_of_the_container(
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
    convert(source, stand_in, place / "out.mp4", settings())
    with av.open(str(place / "out.mp4")) as container:
        cues = [bytes(p)[2:] for p in container.demux(container.streams.subtitles[0]) if p.size > 2]
    assert cues == [b"Bonjour", b"Adieu"]
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


def test_discarded_frames_take_their_sound_with_them(
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
    spans: list[tuple[Any, Any, Any]] = [
        (before[10] * tick, before[20] * tick, 0),
        (before[30] * tick, before[35] * tick, cut * tick),
    ]
    with av.open(str(rich)) as a, av.open(str(path)) as b:
        for number in (0, 1):
            sound = moments(a, number)
            wanted = [
                (moment - start + target, data)
                for start, end, target in spans
                for moment, data in sound
                if start <= moment < end
            ]
            found = moments(b, number)
            assert [data for _, data in found] == [data for _, data in wanted]
            late = [abs(float(x - y)) for (x, _), (y, _) in zip(found, wanted, strict=True)]
            assert max(late) < 1e-4
            a.seek(0)
            b.seek(0)
