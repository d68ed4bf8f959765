"""Clocks that jump: frames and sound go on as if they did not, in step."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.clock import Clock, Stamp, read_clock
from facedouble.video.clock_reader import clock_of, jumps_in_words
from facedouble.video.sinks import open_sink
from tests.video.odd_clips import write
from tests.video.sinks import sound_of

PICTURE, SOUND, WORDS = 0, 1, 2
FRAME, PACKET = Fraction(1, 25), Fraction(1, 50)
HALF = 45  # frames of each half


def pictures(start: float, seconds: float) -> list[Stamp]:
    times = [Fraction(start).limit_denominator(1000) + i * FRAME for i in range(round(seconds / FRAME))]
    return [Stamp(PICTURE, "video", time, time, FRAME) for time in times]


def sounds(start: float, seconds: float) -> list[Stamp]:
    times = [Fraction(start).limit_denominator(1000) + i * PACKET for i in range(round(seconds / PACKET))]
    return [Stamp(SOUND, "audio", time, time, PACKET) for time in times]


def woven(*streams: Sequence[Stamp]) -> list[Stamp]:
    """Packets of several streams in order of time."""
    return sorted((packet for stream in streams for packet in stream), key=lambda p: p.dts or Fraction(0))


def moved(packets: Sequence[Stamp], clock: Clock, stream: int) -> list[Fraction]:
    own = [packet for packet in packets if packet.stream == stream]
    return [(p.pts or Fraction(0)) + clock.shift(stream, number) for number, p in enumerate(own)]


@pytest.mark.parametrize("by", [-8.0, 40.0, 95_443.0, -0.5])
def test_all_streams_move_by_the_same_and_pictures_go_on(by: float) -> None:
    packets = woven(pictures(10, 2), sounds(10, 2)) + woven(pictures(12 + by, 2), sounds(12 + by, 2))
    clock = read_clock(packets, PICTURE)
    assert moved(packets, clock, PICTURE) == [10 + i * FRAME for i in range(100)]
    assert moved(packets, clock, SOUND) == [10 + i * PACKET for i in range(200)]
    assert [(float(jump.at), float(jump.by)) for jump in clock.jumps] == [(12.0, by)]


def test_a_stream_that_is_late_in_the_file_is_moved_where_its_own_clock_jumps() -> None:
    """Sound of the first recording that lies behind pictures of the second."""
    first = woven(pictures(10, 2), sounds(10, 1.8))
    late = sounds(11.8, 0.2)
    second = woven(pictures(2, 2), sounds(2, 2))
    packets = [*first, *second[:6], *late, *second[6:]]
    packets = [p for p in packets if p not in second[:6] or p.stream == PICTURE]
    clock = read_clock(packets, PICTURE)
    assert moved(packets, clock, PICTURE) == [10 + i * FRAME for i in range(100)]
    times = moved(packets, clock, SOUND)
    assert times[90:100] == [Fraction(118, 10) + i * PACKET for i in range(10)]
    assert all(
        time == 12 + (p.pts or 0) - 2
        for time, p in zip(times[100:], [p for p in second[6:] if p.stream == SOUND], strict=True)
    )


def test_pictures_decide_where_the_sound_comes_first_and_is_longer() -> None:
    packets = woven(pictures(10, 2), sounds(9.98, 2.06)) + woven(pictures(0, 2), sounds(-0.02, 2))
    clock = read_clock(packets, PICTURE)
    assert moved(packets, clock, PICTURE) == [10 + i * FRAME for i in range(100)]
    assert moved(packets, clock, SOUND)[103] == Fraction(1198, 100)  # as far before its picture as it was


@pytest.mark.parametrize("gap", [0.05, 3.0, 9.0])
def test_a_gap_is_no_jump(gap: float) -> None:
    packets = woven(pictures(0, 2), sounds(0, 2)) + woven(pictures(2 + gap, 2), sounds(2 + gap, 2))
    assert read_clock(packets, PICTURE) == Clock()


def test_silence_and_overlapping_sound_are_no_jumps() -> None:
    silent = woven(pictures(0, 40), [*sounds(0, 2), *sounds(30, 10)])
    assert read_clock(silent, PICTURE) == Clock()
    joined = woven(pictures(0, 2), sounds(0, 2.03)) + woven(pictures(2, 2), sounds(1.98, 2))
    assert read_clock(joined, PICTURE) == Clock(overlaps=2)
    assert (
        jumps_in_words(Clock(overlaps=2))
        == "2 packets of sound overlapping with what is heard before left out"
    )


def test_subtitles_go_with_what_is_around_them() -> None:
    def word(time: int) -> Stamp:
        return Stamp(WORDS, "subtitle", Fraction(time), Fraction(time), Fraction(1))

    packets = woven(pictures(100, 40), [word(101), word(135)]) + woven(pictures(5, 40), [word(6), word(44)])
    clock = read_clock(packets, PICTURE)
    assert moved(packets, clock, WORDS) == [101, 135, 141, 179]


def test_every_jump_counts_and_one_line_says_so() -> None:
    packets = [
        packet for start in (0, 50, 20, 900, 3) for packet in woven(pictures(start, 1), sounds(start, 1))
    ]
    clock = read_clock(packets, PICTURE)
    assert moved(packets, clock, PICTURE) == [i * FRAME for i in range(125)]
    assert moved(packets, clock, SOUND) == [i * PACKET for i in range(250)]
    assert jumps_in_words(clock) == (
        "its clock jumps (+49.0 s at 1.0 s, -31.0 s at 2.0 s, +879.0 s at 3.0 s and 1 more); "
        "sound and picture go on as if it did not"
    )
    assert jumps_in_words(Clock()) is None


# -- in files ------------------------------------------------------------------------------------------


def joined(path: Path, by: float, overlap: int = 0) -> Path:
    """Two recordings, the clock of the second ``by`` seconds after where the first ends, and its sound
    ``overlap`` packets early."""
    halves = []
    for number, begin in enumerate((0, HALF)):
        part = write(
            path.with_name(f"{path.stem}-{number}.ts"),
            "libx264",
            options={"crf": "20", "preset": "veryfast"},
            b_frames=2,
            begin=begin,
            count=HALF,
            sound=True,
        )
        late = path.with_name(f"{path.stem}-{number}-late.ts")
        shift = 100 + number * (Fraction(HALF, 25) + Fraction(by).limit_denominator(1000))
        with av.open(str(part)) as old, av.open(str(late), "w", options={"mpegts_copyts": "1"}) as new:
            both = [old.streams.video[0], old.streams.audio[0]]
            streams = [new.add_stream_from_template(stream, opaque=True) for stream in both]
            for packet in old.demux(both):
                if packet.pts is None or packet.dts is None:
                    continue
                own = shift - number * overlap * (packet.duration or 0) * packet.time_base * (
                    packet.stream.index == 1
                )
                packet.pts += round(own / packet.time_base)
                packet.dts += round(own / packet.time_base)
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
        halves.append(late.read_bytes())
    path.write_bytes(b"".join(halves))
    return path


def lead(path: Path) -> list[float]:
    """When each packet of sound begins, in seconds after the first frame."""
    with av.open(str(path)) as container:
        first = min(float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None)
    return [float(pts) - first for _, pts, _ in sound_of(path)[0]]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("by", [0.0, -60.0, -1.0, 40.0])
def test_a_clip_whose_clock_jumps_becomes_one_that_runs_on(tmp_path: Path, by: float, suffix: str) -> None:
    clip = joined(tmp_path / "joined.ts", by, overlap=1)
    source = ClipSource(clip)
    assert np.diff(source.times()).tolist() == [3600] * (2 * HALF - 1)
    assert (source.index.end - source.index.times[0]) * source.info.time_base == Fraction(2 * HALF, 25)
    clock = clock_of(clip)
    assert list(source.remarks) == [f"joined.ts: {jumps_in_words(clock)}"]
    assert len(clock.jumps) == (by != 0)
    assert [frame.pts for frame in source.frames()] == source.times()
    assert [frame.pts for frame in source.frames(50, 60)] == source.times()[50:60]
    result = tmp_path / f"result{suffix}"
    encoding = ClipEncoding(preset="ultrafast")
    with open_sink(result, source.info, encoding, audio_from=clip, overwrite=False) as sink:
        for frame in source.frames():
            sink.write(frame)
    assert ClipSource(result).index.count == 2 * HALF
    # Each half's sound is as far from its pictures as it was, but for what was heard already.
    parts = [lead(tmp_path / f"joined-{number}-late.ts") for number in (0, 1)]
    right = parts[0] + [HALF / 25 + time for time in parts[1]]
    found = lead(result)
    assert len(found) == len(right) - clock.overlaps
    assert 1 <= clock.overlaps <= 3
    assert max(min(abs(time - other) for other in right) for time in found) < 1.1e-3
    assert (np.diff(found) > 0).all()
    tick = 0.0015 if suffix == ".mkv" else 1e-4
    assert np.diff(found).max() < 2 * 1024 / 48_000 + tick  # nothing is missing but where they overlap


def _joined_flv(folder: Path) -> Path:
    """Two recordings put one behind the other, byte by byte: the clock starts again in the middle."""
    halves = [
        write(folder / f"{n}.flv", "libx264", b_frames=0, gop=15, count=HALF, begin=n * HALF, sound=True)
        for n in range(2)
    ]
    path = folder / "joined.flv"
    path.write_bytes(halves[0].read_bytes() + halves[1].read_bytes()[13:])  # without its header
    return path


def _set_back_mkv(folder: Path) -> Path:
    """A Matroska file whose later clusters say that they are 1.5 seconds earlier than they are."""
    muxer = {"cluster_time_limit": "500"}
    path = write(folder / "whole.mkv", "libx264", b_frames=2, gop=10, count=2 * HALF, sound=True, muxer=muxer)
    data = bytearray(path.read_bytes())
    at, changed = 0, 0
    while (at := data.find(b"\x1f\x43\xb6\x75", at + 1)) >= 0:  # a cluster
        place = data.index(b"\xe7", at) + 1  # its time
        size = data[place] & 0x7F
        time = int.from_bytes(data[place + 1 : place + 1 + size], "big")
        if time >= 2000:
            data[place + 1 : place + 1 + size] = (time - 1500).to_bytes(size, "big")
            changed += 1
    assert changed >= 2
    (folder / "back.mkv").write_bytes(data)
    return folder / "back.mkv"


@pytest.mark.parametrize("make", [_joined_flv, _set_back_mkv])
def test_other_files_whose_clock_steps_back_run_on_in_step(make: Any, tmp_path: Path) -> None:
    source = ClipSource(make(tmp_path))
    times = [frame.seconds for frame in source.frames()]
    assert len(times) == 2 * HALF
    assert np.allclose(np.diff(times), 0.04, atol=0.0021), "no gap, and no frame squeezed"
    (line,) = source.remarks
    assert "its clock jumps (-" in line
    target = tmp_path / "out.mkv"
    with open_sink(target, source.info, ClipEncoding(), audio_from=source.path, overwrite=False) as sink:
        for frame in source.frames():
            sink.write(frame)
    with av.open(str(target)) as written:
        heard = [float(p.pts * p.time_base) for p in written.demux(audio=0) if p.pts is not None and p.size]
    assert (np.diff(heard) > 0).all()
    assert np.diff(heard).max() < 0.08
    assert abs(heard[-1] - times[-1]) < 0.1, "sound ends with the picture"


def test_a_gap_in_matroska_stays_a_gap(tmp_path: Path) -> None:
    gap = [*range(20), *range(1020, 1040)]
    path = write(tmp_path / "gap.mkv", "libx264", b_frames=0, count=40, times=gap)
    source = ClipSource(path)
    assert list(source.remarks) == []
    assert [round(25 * frame.seconds) for frame in source.frames()] == gap


def test_frames_without_a_decoding_time_do_not_step_back() -> None:
    """Matroska whose first B-frames are seconds apart: the first pts are not in the order of the file."""
    times: list[tuple[int, int | None]] = [(0, None), (4, None), (2, 0), (1, 1), (3, 2), (5, 3)]
    packets = [
        Stamp(PICTURE, "video", Fraction(pts), None if dts is None else Fraction(dts), FRAME)
        for pts, dts in times
    ]
    assert read_clock(packets, PICTURE, mpeg=False).jumps == ()
