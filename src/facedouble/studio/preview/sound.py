"""The sound of a range of a clip, for its proxy."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from facedouble.errors import InputError
from facedouble.types import FloatArray
from facedouble.video.clock_reader import clock_of
from facedouble.video.libav import LIBAV_ERRORS, open_clip, reason
from facedouble.video.played_packets import played_packets

RATE = 48_000
_BEFORE = Fraction(1)  # seconds that are decoded in front of a range: codecs need some to settle
_BLOCK = 1024  # samples of a frame of AAC


def sound_between(clip: Path, start: Fraction, end: Fraction) -> FloatArray | None:
    """The first sound of a clip from ``start`` to ``end`` (seconds), (2, N) at :data:`RATE`, silent where
    there is none; ``None`` for a clip without sound. Raises ``InputError`` for sound that cannot be read."""
    if not clip.is_file():
        return None  # a folder of images
    samples = np.zeros((2, round((end - start) * RATE)), np.float32)
    try:
        with open_clip(clip) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
            for packet in played_packets(container, [stream], clock_of(clip), lead_in=False):
                if packet.pts is None or packet.pts * packet.time_base < start - _BEFORE:
                    continue
                if packet.pts * packet.time_base >= end:
                    break
                for frame in packet.decode():
                    assert isinstance(frame, av.AudioFrame)
                    for block in resampler.resample(frame):
                        _place(samples, block, start)
    except LIBAV_ERRORS as error:
        raise InputError(f"{clip.name}: its sound cannot be played ({reason(error)})") from error
    return samples


def _place(samples: FloatArray, block: av.AudioFrame, start: Fraction) -> None:
    """Put a block of sound where it belongs in ``samples``, which begin at ``start``."""
    if block.pts is None or block.time_base is None:
        return
    values = block.to_ndarray()
    at = round((block.pts * block.time_base - start) * RATE)
    first, last = max(0, at), min(samples.shape[1], at + values.shape[1])
    if first < last:
        samples[:, first:last] = values[:, first - at : last - at]


def add_sound(output: OutputContainer) -> AudioStream:
    """A stream for the sound of a proxy."""
    stream = output.add_stream("aac", rate=RATE)
    stream.layout = "stereo"
    return stream


def write_sound(output: OutputContainer, stream: AudioStream, samples: FloatArray) -> None:
    """Write samples (2, N) into a stream that :func:`add_sound` made."""
    for at in range(0, samples.shape[1], _BLOCK):
        block = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, at : at + _BLOCK]), format="fltp", layout="stereo"
        )
        block.sample_rate, block.pts, block.time_base = RATE, at, Fraction(1, RATE)
        output.mux(stream.encode(block))
    output.mux(stream.encode(None))
