"""What the tests of sinks share: frames to write, and what to look for in the clips."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from facedouble.settings.video import ClipEncoding
from facedouble.types import Image
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.info import SourceInfo

FINE = ClipEncoding(crf=1, preset="ultrafast")


def info(path: Path, width: int = 64, height: int = 48, **changes: object) -> SourceInfo:
    plain = SourceInfo(path, "folder", width, height, 0, Fraction(25), Fraction(1, 25))
    return replace(plain, **changes)  # type: ignore[arg-type]


def plain(count: int, width: int = 64, height: int = 48) -> Iterator[Frame]:
    """Frames of one grey each, 20 levels apart."""
    for index in range(count):
        image = np.full((height, width, 3), 20 * index % 256, np.uint8)
        yield Frame(index=index, pts=index, time_base=Fraction(1, 25), content=image)


def sound_of(path: Path) -> list[list[tuple[bytes, Fraction, Fraction]]]:
    """Of each sound stream, every packet's bytes, time and duration in seconds."""
    with av.open(str(path)) as container:
        streams = list(container.streams.audio)
        packets: dict[int, list[tuple[bytes, Fraction, Fraction]]] = {s.index: [] for s in streams}
        for packet in container.demux(streams) if streams else ():  # of no stream, PyAV takes all
            if packet.size:
                assert packet.pts is not None
                assert packet.duration is not None
                tick = packet.time_base
                packets[packet.stream.index].append(
                    (bytes(packet), packet.pts * tick, packet.duration * tick)
                )
        return [packets[s.index] for s in streams]


def small(clips: dict[str, Path], count: int, width: int = 160, height: int = 90) -> list[Image]:
    """The first frames of a real clip, reduced."""
    frames = islice(ClipSource(clips["sample_02"]).frames(), count)
    return [
        cv2.resize(f.rgb(), (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8) for f in frames
    ]
