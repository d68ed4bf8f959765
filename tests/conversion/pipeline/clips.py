"""Settings and comparisons of clips that the tests of whole conversions share."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.planes import YuvPlanes

FRAMES = 40
LOSSLESS = ClipEncoding(codec="ffv1")
FAST = ClipEncoding(preset="ultrafast")
PLAIN = None


def settings(encoding: ClipEncoding | None = FAST, **changes: object) -> ConvertSettings:
    plain: dict[str, object] = {"device": "cpu", "precision": "fp32", "credentials": False}
    return from_options(ConvertSettings, encoding=encoding, **plain, **changes)


def planes(clip: Path) -> list[tuple[np.ndarray, ...]]:
    found = []
    for frame in ClipSource(clip).frames():
        assert isinstance(frame.content, YuvPlanes)
        upright = frame.content.upright()
        assert upright is not None
        found.append(tuple(plane.copy() for plane in upright.planes))
    return found


def same(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def packets(clip: Path) -> list[tuple[object, ...]]:
    """Every packet of a clip: its stream, times, and bytes."""
    with av.open(str(clip)) as container:
        return [(p.stream.index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


def only(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)
