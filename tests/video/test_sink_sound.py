"""The times of the frames that are written, and the sound in step with them."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.sinks import open_sink
from tests.video.sinks import FINE, info, plain, small, sound_of


def with_tone(path: Path, frames: int, rate: int = 25) -> Path:
    """A small clip with a tone of its length, written with PyAV alone."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=rate)
        picture.width, picture.height = 64, 48
        sound = container.add_stream("aac", rate=48_000)
        for frame in plain(frames):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(frame.rgb(), format="rgb24")))
        wave = (np.sin(np.arange(48_000 * frames // rate) / 20) * 0.5).astype(np.float32)
        tone = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        tone.sample_rate, tone.pts = 48_000, 0
        for resampled in av.AudioResampler("fltp", "stereo", 48_000, frame_size=1024).resample(tone):
            container.mux(sound.encode(resampled))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("time_base", "times"),
    [
        (Fraction(1, 1000), [0, 33, 70, 71, 300, 333, 900]),
        (Fraction(1, 90_000), [3003, 6006, 9009, 12_012, 90_001, 90_090, 99_099]),  # the sound comes first
        (Fraction(1001, 30_000), list(range(7))),
    ],
)
def test_times_and_sync_are_kept(
    clips: dict[str, Path], tmp_path: Path, suffix: str, time_base: Fraction, times: list[int]
) -> None:
    target = tmp_path / f"varied{suffix}"
    like = info(tmp_path, 160, 90, time_base=time_base, rate=Fraction(30))
    with open_sink(target, like, FINE, audio_from=clips["sample_03"], overwrite=False) as sink:
        for index, (image, pts) in enumerate(zip(small(clips, 7), times, strict=True)):
            sink.write(Frame(index=index, pts=pts, time_base=time_base, content=image))
    found = [frame.seconds for frame in ClipSource(target).frames()]
    # Matroska counts in milliseconds.
    assert found == pytest.approx(
        [float(t * time_base) for t in times], abs=5.1e-4 if suffix == ".mkv" else 1e-9
    )
    before, after = sound_of(clips["sample_03"]), sound_of(target)
    assert [p[0] for p in after[0]] == [p[0] for p in before[0]]
    assert [float(p[1]) for p in after[0]] == pytest.approx([float(p[1]) for p in before[0]], abs=1e-3)


def test_order_of_coding_does_not_disturb_times(clips: dict[str, Path], tmp_path: Path) -> None:
    """With B-frames, packets are not in the order of their times."""
    target = tmp_path / "b.mp4"
    settings = ClipEncoding(crf=10, preset="medium")
    with open_sink(target, info(tmp_path, 160, 90), settings, audio_from=None, overwrite=False) as sink:
        for index, image in enumerate(small(clips, 30)):
            sink.write(Frame(index=index, pts=index + 2, time_base=Fraction(1, 25), content=image))
    with av.open(str(target)) as container:
        packets = [p.pts for p in container.demux(container.streams.video[0]) if p.size]
    assert packets != sorted(packets, key=lambda pts: pts or 0)
    assert ClipSource(target).times() == list(range(2, 32))


def test_sound_that_begins_before_zero_stays_in_step(tmp_path: Path) -> None:
    """AAC as encoders write it has a packet before time 0."""
    source = with_tone(tmp_path / "primed.mp4", 10)
    before = sound_of(source)
    assert before[0][0][1] < 0
    opened = ClipSource(source)
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"copy{suffix}"
        with open_sink(target, opened.info, FINE, audio_from=source, overwrite=False) as sink:
            for frame in opened.frames():
                sink.write(frame)
        after = sound_of(target)
        # Matroska has no edit list to hide the packet with, so it is not copied.
        kept = before[0] if suffix == ".mp4" else before[0][1:]
        assert [p[0] for p in after[0]] == [p[0] for p in kept]
        lead = kept[0][1] - ClipSource(source).times()[0] * opened.info.time_base
        copy = ClipSource(target)
        assert float(after[0][0][1] - copy.times()[0] * copy.info.time_base) == pytest.approx(
            float(lead), abs=2e-3
        )


def test_sound_and_picture_lie_beside_each_other_in_the_file(tmp_path: Path) -> None:
    """A player that reads a clip from a slow place needs both at once."""
    source = with_tone(tmp_path / "long.mp4", 30, rate=1)
    target = tmp_path / "out.mp4"
    opened = ClipSource(source)
    with open_sink(target, opened.info, FINE, audio_from=source, overwrite=False) as sink:
        for frame in opened.frames():
            sink.write(frame)
    with av.open(str(target)) as container:
        packets = [(p.pos or 0, float((p.dts or 0) * p.time_base)) for p in container.demux() if p.size]
    times = [seconds for _, seconds in sorted(packets)]
    assert max(times) > 28
    assert max(np.maximum.accumulate(times) - times) < 1.5


def test_the_timecode_of_a_camera_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "camera.mov"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.width, stream.height = 64, 48
        stream.metadata["timecode"] = "01:00:00;02"
        for frame in plain(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.rgb(), format="rgb24")))
        container.mux(stream.encode(None))
    opened = ClipSource(source)
    with open_sink(tmp_path / "out.mov", opened.info, FINE, audio_from=None, overwrite=False) as sink:
        for frame in opened.frames():
            sink.write(frame)
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:00:00;02"


def test_every_sound_stream_is_copied(clips: dict[str, Path], tmp_path: Path) -> None:
    two = tmp_path / "two.mkv"
    with (
        av.open(str(clips["sample_03"])) as first,
        av.open(str(clips["sample_04"])) as second,
        av.open(str(two), "w") as container,
    ):
        olds = [first.streams.audio[0], second.streams.audio[0]]
        news = [container.add_stream_from_template(stream) for stream in olds]
        news[1].metadata["language"] = "deu"
        news[0].disposition, news[1].disposition = Disposition(0), Disposition.default
        for old, new in zip(olds, news, strict=True):
            for packet in old.container.demux(old):  # type: ignore[attr-defined]
                if packet.size:
                    packet.stream = new
                    container.mux(packet)
    target = tmp_path / "out.mp4"
    with open_sink(target, info(tmp_path), FINE, audio_from=two, overwrite=False) as sink:
        for frame in plain(5):
            sink.write(frame)
    packets = [[p[0] for p in stream] for stream in sound_of(target)]
    assert packets == [[p[0] for p in sound_of(clips[name])[0]] for name in ("sample_03", "sample_04")]
    with av.open(str(target)) as container:
        assert container.streams.audio[1].metadata["language"] == "deu"
        assert [bool(s.disposition & Disposition.default) for s in container.streams.audio] == [False, True]


def test_a_capture_whose_clock_starts_anywhere_stays_in_step(clips: dict[str, Path], tmp_path: Path) -> None:
    capture = tmp_path / "capture.ts"
    with av.open(str(clips["sample_03"])) as old, av.open(str(capture), "w") as new:
        both = [old.streams.video[0], old.streams.audio[0]]
        streams = [new.add_stream_from_template(stream, opaque=True) for stream in both]
        for packet in old.demux(both):
            if packet.pts is not None and packet.dts is not None:
                shift = round(30_000 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[both.index(packet.stream)]
                new.mux(packet)
    source = ClipSource(capture)
    target = tmp_path / "out.mp4"
    with open_sink(target, source.info, FINE, audio_from=capture, overwrite=False) as sink:
        for frame in islice(source.frames(), 10):
            sink.write(frame)
    assert ClipSource(target).times() == [3003 * i for i in range(10)]
    before, after = sound_of(clips["sample_03"])[0], sound_of(target)[0]
    assert [p[0] for p in after] == [p[0] for p in before]
    assert [float(p[1]) for p in after] == pytest.approx([float(p[1]) for p in before], abs=1e-3)


def test_a_source_without_sound_gives_a_clip_without_sound(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    for path, audio in ((silent, None), (tmp_path / "copy.mp4", silent)):
        with open_sink(path, info(tmp_path), FINE, audio_from=audio, overwrite=False) as sink:
            for frame in plain(3):
                sink.write(frame)
        assert sound_of(path) == []
