"""What a swap must leave alone: the picture outside the face, times, sound and tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.types import Grey, Image, Mask
from facedouble.video.demux import reason
from facedouble.video.source import open_source

MOST_PSNR = 100.0
"""dB given for pictures without any difference."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(result: Image, source: Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio, 10 log10(255² / mean square difference), of images (H, W, 3) inside
    ``mask`` (H, W); in dB, higher is nearer, at most :data:`MOST_PSNR`."""
    # Squares of 8 bits fit in uint16, where this is several times faster than in floating point.
    apart = cv2.absdiff(result, source)
    squares = cv2.multiply(apart, apart, dtype=cv2.CV_16U)
    error = float(np.mean(cv2.mean(squares, None if mask is None else (mask > 0.5).astype(np.uint8))[:3]))
    return MOST_PSNR if error == 0 else min(MOST_PSNR, float(10 * np.log10(255**2 / error)))


def ssim_map(result: Grey, source: Grey) -> npt.NDArray[np.float32]:
    """Structural similarity (Wang et al. 2004) at each pixel of two grey pictures (H, W), -1..1.

    The published constants: a Gaussian window of 1.5 pixels, K1 0.01, K2 0.03."""
    x, y = result.astype(np.float32), source.astype(np.float32)

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), dtype=np.float32)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    similarity = (2 * mx * my + _C1) * (2 * cov + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    return np.asarray(similarity, dtype=np.float32)


def ssim(result: Grey, source: Grey, mask: Mask) -> float:
    """Mean of :func:`ssim_map` over ``mask`` (H, W); 1 where nothing differs."""
    return float((ssim_map(result, source) * mask).sum() / max(float(mask.sum()), 1e-6))


@dataclass(frozen=True, slots=True)
class Container:
    """What a clip or folder is beside its pictures. ``times`` are of its frames, in seconds, empty for a
    folder; ``sound`` is the SHA-256 of each audio stream's packets; ``tags`` are the colour tags and the
    shape of a pixel."""

    frames: int
    size: tuple[int, int]
    times: tuple[float, ...]
    sound: tuple[str, ...]
    tags: tuple[int | Fraction, ...]
    is_clip: bool


def look_at(path: Path) -> Container:
    """What there is of a clip or folder beside its pictures. Raises ``InputError``."""
    source = open_source(path)
    info = source.info
    times: list[float] = []
    count = 0
    # Decoded as planes only: nothing is turned into RGB.
    for frame in source.frames():
        count += 1
        times.append(float(frame.pts * frame.time_base))
    is_clip = info.kind == "clip"
    tags = (
        info.colour_matrix,
        info.colour_primaries,
        info.colour_transfer,
        info.colour_range,
        info.sample_aspect,
    )
    return Container(
        frames=count,
        size=(info.width, info.height),
        times=tuple(times) if is_clip else (),
        sound=_sound(path) if is_clip else (),
        tags=tags if is_clip else (),
        is_clip=is_clip,
    )


def _sound(path: Path) -> tuple[str, ...]:
    try:
        with av.open(f"file:{path}") as container:
            digests = {stream.index: hashlib.sha256() for stream in container.streams.audio}
            for packet in container.demux(container.streams.audio) if digests else ():
                digests[packet.stream.index].update(bytes(packet))
            return tuple(digest.hexdigest() for digest in digests.values())
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: its sound cannot be read ({reason(error)})") from error
