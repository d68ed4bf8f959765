"""Checks of arrays that were read from a file: names, types, shapes, and that their values are finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape by name; -1 is any length."""


def check_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], expected: Shapes, *, may_be_nan: tuple[str, ...] = ()
) -> None:
    """Raise ``ValueError`` if one of the ``expected`` arrays is missing, of another type or shape, or has
    values that are not finite. Of those in ``may_be_nan`` some may be unknown, but not infinite."""
    for name, (kind, shape) in expected.items():
        array = arrays.get(name)
        if array is None or array.dtype != kind or array.ndim != len(shape):
            raise ValueError(f"{name} is damaged")
        if any(length not in (-1, size) for length, size in zip(shape, array.shape, strict=True)):
            raise ValueError(f"{name} is damaged")
        bad = np.isinf(array) if name in may_be_nan else ~np.isfinite(array)
        if bad.any():
            raise ValueError(f"{name} has values that are not finite")
