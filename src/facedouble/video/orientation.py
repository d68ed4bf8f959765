"""Which way up a stored picture is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.types import Box

Pixels = TypeVar("Pixels", bound=npt.NDArray[np.integer])


class Orientation(NamedTuple):
    """How a stored picture becomes upright: swap rows and columns, then reverse either."""

    transposed: bool
    rows_reversed: bool
    columns_reversed: bool

    def apply(self, image: Pixels) -> Pixels:
        """The upright picture of ``image``, ``(H, W)`` or ``(H, W, 3)``, contiguous."""
        if self == UPRIGHT:
            return image
        turned = image.swapaxes(0, 1) if self.transposed else image
        rows = slice(None, None, -1 if self.rows_reversed else 1)
        columns = slice(None, None, -1 if self.columns_reversed else 1)
        return cast(Pixels, np.ascontiguousarray(turned[rows, columns]))

    def undo(self, image: Pixels) -> Pixels:
        """The stored picture of an upright ``image``: the inverse of :meth:`apply`."""
        if self == UPRIGHT:
            return image
        rows = slice(None, None, -1 if self.rows_reversed else 1)
        columns = slice(None, None, -1 if self.columns_reversed else 1)
        turned = image[rows, columns]
        return cast(Pixels, np.ascontiguousarray(turned.swapaxes(0, 1) if self.transposed else turned))

    def stored(self, box: Box, width: int, height: int) -> Box:
        """Where a box of the upright picture, ``width`` by ``height``, lies in the stored one."""
        left, top, right, bottom = box
        if self.columns_reversed:
            left, right = width - right, width - left
        if self.rows_reversed:
            top, bottom = height - bottom, height - top
        return Box(top, left, bottom, right) if self.transposed else Box(left, top, right, bottom)


UPRIGHT = Orientation(False, False, False)


def orientation(matrix: tuple[int, int, int, int] | None, path: Path) -> Orientation:
    """The orientation that a display matrix asks for; ``None`` is upright.

    ``matrix`` is (a, b, c, d) of ISO 14496-12: a stored point (p, q) is shown at
    (a·p + c·q, b·p + d·q), x to the right, y down. Raises ``InputError`` when that is not made of
    quarter turns and mirrorings.
    """
    if matrix is None:
        return UPRIGHT
    a, b, c, d = matrix
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) < 0.01 * straight:
        return Orientation(False, rows_reversed=d < 0, columns_reversed=a < 0)
    if max(abs(a), abs(d)) < 0.01 * crossed:
        return Orientation(True, rows_reversed=b < 0, columns_reversed=c < 0)
    raise InputError(f"{path}: is turned by an angle that is no quarter turn; turn it upright first")


def exif_orientation(number: int) -> Orientation:
    """The orientation that Exif's number 1 to 8 asks for (Exif 2.32, 4.6.4)."""
    return Orientation(
        transposed=number >= 5,
        rows_reversed=number in (3, 4, 7, 8),
        columns_reversed=number in (2, 3, 6, 7),
    )


def display_matrix(side_data: Mapping[str, bytes]) -> tuple[int, int, int, int] | None:
    """The part of the display matrix in a frame's side data that turns; ``None`` where it has none."""
    if len(matrix := side_data.get("DISPLAYMATRIX", b"")) < 20:
        return None
    a, b, _, c, d = np.frombuffer(matrix, dtype=np.int32)[:5].tolist()
    return a, b, c, d
