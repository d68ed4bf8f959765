"""Colour profiles (ICC.1:2022) of photos: their colours in sRGB, which everything here works in.

A profile of three primaries and three curves (sections 8.4, 10.6 and 10.18; those of cameras and
displays, such as Display P3 or Adobe RGB) is a matrix between two curves. Profiles with tables instead
(printers) are not supported. Colours outside sRGB are clipped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_MAX_TAGS = 200
_MAX_CURVE = 1 << 16
_STEPS = 1 << 14  # of the table back to sRGB

# sRGB's primaries as its own profile has them, adapted to D50; columns are red, green and blue.
_SRGB = np.array(
    [
        [0.43606567, 0.38514709, 0.14306641],
        [0.22248840, 0.71687317, 0.06060791],
        [0.01391602, 0.09707642, 0.71409607],
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class ColourProfile:
    """``curves`` (3, K) are the light, 0..1, of K equal steps of each channel; ``matrix`` (3, 3) takes light
    of the profile's primaries to that of sRGB's."""

    name: str
    curves: Doubles
    matrix: Doubles

    def to_srgb(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """RGB pixels (H, W, 3), uint8 or uint16, in sRGB."""
        limit = np.iinfo(pixels.dtype).max
        steps = np.linspace(0, 1, self.curves.shape[1])
        values = np.arange(limit + 1) / limit
        light = np.empty(pixels.shape, np.float32)
        for channel, curve in enumerate(self.curves):
            table = np.interp(values, steps, curve).astype(np.float32)
            light[..., channel] = table[pixels[..., channel]]
        light = np.asarray(cv2.transform(light, self.matrix.astype(np.float32)))
        place = np.rint(np.sqrt(np.clip(light, 0, 1)) * (_STEPS - 1)).astype(np.uint16)
        return np.asarray(_srgb_table(pixels.dtype.char)[place])

    def is_srgb(self) -> bool:
        """Whether no colour differs from sRGB by more than a level of 255."""
        grid = np.linspace(0, 255, 9).astype(np.uint8)
        samples = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(1, -1, 3)
        return int(np.abs(self.to_srgb(samples).astype(int) - samples).max()) <= 1


def read_profile(data: bytes) -> ColourProfile | None:
    """The profile in ``data``; ``None`` where it is sRGB.

    Raises ``ValueError`` for a profile that is damaged, or not of primaries and curves.
    """
    try:
        profile = _read(data)
    except (struct.error, IndexError, UnicodeDecodeError, np.linalg.LinAlgError) as error:
        raise ValueError("its colour profile is damaged") from error
    return None if profile.is_srgb() else profile


def _read(data: bytes) -> ColourProfile:
    space = data[16:20]
    if data[36:40] != b"acsp":
        raise ValueError("its colour profile is damaged")
    count = struct.unpack_from(">I", data, 128)[0]
    tags = {}
    for entry in range(min(count, _MAX_TAGS)):
        name, start, size = struct.unpack_from(">4sII", data, 132 + 12 * entry)
        tags[name] = data[start : start + size]
    name = _text(tags.get(b"desc", b"")) or "unnamed"
    if space == b"GRAY" and b"kTRC" in tags:
        curve = _curve(tags[b"kTRC"])
        return ColourProfile(name, np.stack([curve] * 3), np.eye(3))
    columns = [b"rXYZ", b"gXYZ", b"bXYZ"]
    if space != b"RGB " or not all(tag in tags for tag in columns):
        raise ValueError(f"its colour profile ({name}) is not one of primaries and curves")
    primaries = np.array([struct.unpack_from(">8xiii", tags[tag]) for tag in columns]).T / 65536
    curves = [_curve(tags.get(tag, b"")) for tag in (b"rTRC", b"gTRC", b"bTRC")]
    matrix = np.linalg.inv(_SRGB) @ primaries
    size = max(len(curve) for curve in curves)
    steps = np.linspace(0, 1, size)
    table = np.stack([np.interp(steps, np.linspace(0, 1, len(curve)), curve) for curve in curves])
    if not (np.isfinite(matrix).all() and np.isfinite(table).all()):
        raise ValueError("its colour profile is damaged")
    return ColourProfile(name, table, matrix)


def _curve(tag: bytes) -> Doubles:
    """A tone curve as its values at equal steps from 0 to 1."""
    steps = np.linspace(0, 1, 4096)
    if tag[:4] == b"curv":
        count = struct.unpack_from(">I", tag, 8)[0]
        if count == 0:
            return np.array([0.0, 1.0])
        if count == 1:
            return np.asarray(steps ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        if count > _MAX_CURVE:
            raise ValueError("its colour profile is damaged")
        return np.array(struct.unpack_from(f">{count}H", tag, 12)) / 65535
    if tag[:4] == b"para":
        kind = struct.unpack_from(">H", tag, 8)[0]
        count = (1, 3, 4, 5, 7)[kind]
        g, a, b, c, d, e, f = [*(np.array(struct.unpack_from(f">{count}i", tag, 12)) / 65536), *[0.0] * 7][:7]
        return _parametric(steps, kind, g, a, b, c, d, e, f)
    raise ValueError("its colour profile has no tone curves")


def _parametric(
    x: Doubles, kind: int, g: float, a: float, b: float, c: float, d: float, e: float, f: float
) -> Doubles:
    """The curves of parametricCurveType (ICC.1:2022, 10.18)."""
    if kind == 0:
        return np.asarray(x**g)
    with np.errstate(all="ignore"):
        power = np.maximum(a * x + b, 0) ** g
        if kind == 1:
            return np.where(x >= -b / a if a else False, power, 0)
        if kind == 2:
            return np.where(x >= -b / a if a else False, power + c, c)
        if kind == 3:
            return np.where(x >= d, power, c * x)
        return np.where(x >= d, power + e, c * x + f)


def _text(tag: bytes) -> str:
    """The text of a description, of version 2 (desc) or 4 (mluc), cut to what fits a line."""
    if tag[:4] == b"desc":
        size = min(struct.unpack_from(">I", tag, 8)[0], 80)
        text = tag[12 : 12 + size].split(b"\0")[0].decode("ascii", "replace")
    elif tag[:4] == b"mluc" and struct.unpack_from(">I", tag, 8)[0]:
        size, start = struct.unpack_from(">II", tag, 20)
        text = tag[start : start + min(size, 160)].decode("utf-16-be", "replace")
    else:
        return ""
    return "".join(letter for letter in text if letter.isprintable())


@lru_cache(maxsize=2)
def _srgb_table(kind: str) -> npt.NDArray[Any]:
    """SRGB values (IEC 61966-2-1) for the square roots of light at ``_STEPS`` equal steps."""
    light = np.linspace(0, 1, _STEPS) ** 2
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(shown * np.iinfo(kind).max).astype(kind))
