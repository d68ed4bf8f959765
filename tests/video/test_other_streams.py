"""Streams beside the picture: copied, converted to what the container holds, or left out with a line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from facedouble.errors import OutputError, SettingsError
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.sinks import open_sink
from tests.video.sinks import sound_of

CASES = Path(__file__).parents[1] / "cases"
CUE = (Fraction(121, 1000), Fraction(9, 10), "Hello there")


def copied(source: Path, target: Path, **settings: object) -> list[str]:
    """Write the frames and streams of a clip; returns what was said of them."""
    opened = ClipSource(source)
    how = ClipEncoding(**{"preset": "ultrafast", "crf": 30, **settings})  # type: ignore[arg-type]
    with open_sink(target, opened.info, how, audio_from=source, overwrite=True) as sink:
        for frame in opened.frames():
            sink.write(frame)
        return list(sink.remarks)


def cues(path: Path) -> list[tuple[Fraction, Fraction, str]]:
    """Start, duration and text of every subtitle, decoded."""
    found = []
    with av.open(str(path)) as container:
        if not container.streams.subtitles:
            return []
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            for part in stream.decode2(packet) or () if packet.size else ():
                text = part.ass.decode()  # type: ignore[attr-defined]
                text = text.rpartition(",,")[2]
                assert packet.pts is not None
                tick = packet.time_base
                found.append((packet.pts * tick, (packet.duration or 0) * tick, text))
    return found


def keeps_sound(source: Path, target: Path) -> bool:
    """Whether all packets of the first sound are there; of those in front of time 0 Matroska has none."""
    before, after = ([packet[0] for packet in sound_of(path)[0]] for path in (source, target))
    return after == before[len(before) - len(after) :] and len(before) - len(after) <= 2


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams]


@pytest.mark.parametrize(
    ("source", "suffix", "kind", "start"),
    [
        ("sub.mkv", ".mp4", "mov_text", 0.121),
        ("sub.mkv", ".mov", "mov_text", 0.121),
        ("sub.mkv", ".mkv", "subrip", 0.121),
        ("sub.mp4", ".mkv", "subrip", 0.1),
        ("sub.mp4", ".mp4", "mov_text", 0.1),
    ],
)
def test_subtitles_become_what_the_container_holds(
    tmp_path: Path, source: str, suffix: str, kind: str, start: float
) -> None:
    target = tmp_path / f"out{suffix}"
    said = copied(CASES / source, target)
    assert codecs(target)[2] == kind
    ((found, duration, text),) = cues(target)
    assert text == "Hello there"
    assert float(found) == pytest.approx(start, abs=2e-3)
    assert float(duration) == pytest.approx(0.9, abs=2e-3)
    assert keeps_sound(CASES / source, target)
    old = codecs(CASES / source)[2]
    written = {"mov_text": "mov_text", "subrip": "srt"}[kind]
    assert said == ([] if old == kind else [f"stream 2 (subtitles, {old}) is written as {written}"])


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_a_stream_that_nobody_knows_does_not_veto_the_others(tmp_path: Path, suffix: str) -> None:
    """The spatial sound of an iPhone beside its stereo."""
    target = tmp_path / f"out{suffix}"
    said = copied(CASES / "iphone16.mov", target)
    assert codecs(target) == ["h264", "aac"]
    assert keeps_sound(CASES / "iphone16.mov", target)
    (line,) = said
    assert line.startswith("stream 2 (sound, ")
    assert line.endswith(f"is left out: {suffix} cannot hold it")  # and nothing else is said to


@pytest.mark.parametrize(
    ("streams", "left"),
    [
        ("all", ["aac", "mov_text"]),
        ("sound", ["aac"]),
        ("subtitles", ["mov_text"]),
        ("none", []),
        ("1", ["aac"]),
    ],
)
def test_streams_are_chosen(tmp_path: Path, streams: str, left: list[str]) -> None:
    target = tmp_path / "out.mp4"
    copied(CASES / "sub.mp4", target, streams=streams)
    assert codecs(target) == ["h264", *left]


def test_a_stream_asked_for_by_number_is_there_or_the_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no other stream 7; it has 1, 2"):
        copied(CASES / "sub.mp4", tmp_path / "out.mp4", streams="7")
    with pytest.raises(OutputError, match=r"stream 2 \(sound, .*is left out: .mov cannot hold it"):
        copied(CASES / "iphone16.mov", tmp_path / "out.mov", streams="1,2")
    with pytest.raises(SettingsError, match="all, sound, subtitles, none, or numbers"):
        ClipEncoding(streams="music")


def test_the_advice_names_containers_that_hold_the_stream(tmp_path: Path) -> None:
    """Opus is nothing for MOV; MP4 and Matroska hold it."""
    source = tmp_path / "opus.mkv"
    with av.open(str(CASES / "sub.mkv")) as old, av.open(str(source), "w") as new:
        picture = new.add_stream_from_template(old.streams.video[0], opaque=True)
        sound = new.add_stream("libopus", rate=48_000, layout="stereo")
        for packet in old.demux(old.streams.video[0]):
            if packet.size:
                packet.stream = picture
                new.mux(packet)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=4096)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        new.mux(sound.encode(frame))
        new.mux(sound.encode(None))
    (line,) = copied(source, tmp_path / "out.mov")
    assert line.startswith("stream 1 (sound, opus) is left out: .mov cannot hold it; ")
    advised = line.partition("; ")[2].removesuffix(" can").split(" and ")
    assert ".mkv" in advised
    for suffix in advised:
        if suffix != ".webm":  # which does not hold H.264
            copied(source, tmp_path / f"out{suffix}")
            assert "opus" in codecs(tmp_path / f"out{suffix}")


def test_a_codec_that_the_container_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.webm cannot hold video of libx264.* or write .*\.mkv"):
        copied(CASES / "sub.mkv", tmp_path / "out.webm")
