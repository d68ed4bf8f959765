"""What an edit list of the source hides is in no result: neither seen nor heard, in any container."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.evaluation.media_info import read_media_info
from facedouble.settings.video import ClipEncoding
from facedouble.types import FloatArray
from facedouble.video.clip_source import ClipSource
from facedouble.video.image_sequences import clip_to_images
from facedouble.video.sinks import Span, open_parts, open_sink, open_work_folder

RATE = 48_000
HIDDEN, SHOWN = 1.0, 1.2  # seconds
LEAD_IN = 0.1


def secret(path: Path, codec: str = "aac") -> Path:
    """A second of a loud tone under white pictures, then a quiet tone of another pitch under black ones; the
    edit lists of both tracks show the second part only."""
    whole = path.with_name(f"whole{path.suffix}")
    count = round((HIDDEN + SHOWN) * 25)
    time = np.arange(round((HIDDEN + SHOWN) * RATE)) / RATE
    loud = time < HIDDEN
    wave = np.where(loud, 0.8 * np.sin(2 * np.pi * 440 * time), 0.02 * np.sin(2 * np.pi * 3000 * time))
    with av.open(str(whole), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.max_b_frames = 2
        sound = container.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(sound, av.AudioStream)
        for index in range(count):
            picture = np.full((48, 64, 3), 235 if index < HIDDEN * 25 else 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        format = sound.codec_context.format.name
        values = (wave * 32767).astype(np.int16) if format == "s16" else wave.astype(np.float32)
        tone = av.AudioFrame.from_ndarray(values[None], format=format, layout="mono")
        tone.sample_rate, tone.pts = RATE, 0
        for part in av.AudioResampler(format, "mono", RATE, frame_size=1024).resample(tone):
            container.mux(sound.encode(part))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
    path.write_bytes(_trimmed(whole.read_bytes()))
    whole.unlink()
    return path


def _trimmed(data: bytes) -> bytes:
    """The file with every edit (ISO 14496-12, elst) beginning ``HIDDEN`` seconds later."""
    changed = bytearray(data)
    head = data.index(b"mvhd") + 4
    movie = int.from_bytes(data[head + 12 : head + 16], "big")
    at = 0
    while (at := data.find(b"elst", at + 1)) >= 0:
        media = data.index(b"mdhd", at) + 4
        ticks = int.from_bytes(data[media + 12 : media + 16], "big")
        assert int.from_bytes(data[at + 8 : at + 12], "big") == 1
        entry = at + 12
        length = int.from_bytes(data[entry : entry + 4], "big") - round(HIDDEN * movie)
        start = int.from_bytes(data[entry + 4 : entry + 8], "big") + round(HIDDEN * ticks)
        changed[entry : entry + 4], changed[entry + 4 : entry + 8] = (
            length.to_bytes(4, "big"),
            start.to_bytes(4, "big"),
        )
    return bytes(changed)


def heard(path: Path, *, hidden_too: bool = False) -> FloatArray:
    """The sound of a clip as a player plays it, or all that is in its packets."""
    parts = []
    with av.open(str(path), options={"ignore_editlist": "1"} if hidden_too else {}) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().astype(np.float32)
            parts.append(samples[0] / 32768 if frame.format.name.startswith("s16") else samples[0])
    return np.concatenate(parts)


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("source_name", ["secret.mp4", "secret.mov"])
def test_nothing_hidden_is_seen_or_heard(tmp_path: Path, source_name: str, suffix: str, parts: bool) -> None:
    clip = secret(tmp_path / source_name)
    assert np.abs(heard(clip)).max() < 0.1
    source = ClipSource(clip)
    result = tmp_path / f"result{suffix}"
    fast = ClipEncoding(preset="ultrafast")
    if parts:
        with (
            open_work_folder(result, {}) as work,
            open_parts(result, source.info, fast, work, audio_from=clip, overwrite=False) as sink,
        ):
            for frame in source.frames():
                sink.write(frame)
            sink.finish_part({})
    else:
        with open_sink(result, source.info, fast, audio_from=clip, overwrite=False) as whole:
            for frame in source.frames():
                whole.write(frame)
    assert max(float(frame.rgb().max()) for frame in ClipSource(result).frames()) < 40
    sound = heard(result)
    assert np.abs(sound).max() < 0.1
    assert len(sound) / RATE == pytest.approx(SHOWN, abs=2 * 1024 / RATE)
    everything = heard(result, hidden_too=True)
    assert len(everything) / RATE < SHOWN + LEAD_IN + 3 * 1024 / RATE
    if suffix == ".mkv":
        assert np.abs(everything).max() < 0.1
    # In step: the quiet tone begins with the first black picture in both.
    with av.open(str(result)) as container:
        audio = next(container.decode(audio=0))
        assert audio.pts is not None
        assert audio.time_base is not None
        start = float(audio.pts * audio.time_base)
    times = ClipSource(result).times()
    assert start - float(times[0] * ClipSource(result).info.time_base) == pytest.approx(0, abs=1024 / RATE)
    assert read_media_info(result).sound == read_media_info(clip).sound


def test_kept_ranges_do_not_reveal_it(tmp_path: Path) -> None:
    clip = secret(tmp_path / "secret.mp4")
    source = ClipSource(clip)
    tick = source.info.time_base
    start, end = (source.index.times[n] * tick for n in (0, 10))
    result = tmp_path / "result.mkv"
    with (
        open_work_folder(result, {}) as work,
        open_parts(result, source.info, ClipEncoding(), work, audio_from=clip, overwrite=False) as sink,
    ):
        for frame in source.frames(0, 10):
            sink.write(frame)
        sink.finish_part({})
        sink.trim([Span(start, end, start)])
    assert np.abs(heard(result, hidden_too=True)).max() < 0.1


def test_images_show_nothing_hidden(tmp_path: Path) -> None:
    count = clip_to_images(secret(tmp_path / "secret.mp4"), tmp_path / "images")
    assert count == round(SHOWN * 25)
