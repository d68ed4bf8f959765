"""Faces with their masks, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from facedouble.curation.contact_sheets import short_name
from facedouble.curation.drawing import Cell, contact_sheet
from facedouble.types import Face, Grey, Image

_RED = (230, 40, 40)
_STRENGTH = 0.6


class Masked(Protocol):
    """A face with its crop (S, S, 3) and its mask (S, S), how much of it is hidden and how far the mask is
    from its neighbours', 0..1."""

    @property
    def face(self) -> Face: ...
    @property
    def crop(self) -> Image: ...
    @property
    def mask(self) -> Grey: ...
    @property
    def hidden(self) -> float: ...
    @property
    def apart(self) -> float: ...


def mask_sheet(name: str, found: Sequence[Masked]) -> Image:
    """The faces ``found`` in the faceset called ``name``, what is hidden of them in red."""
    cells = [
        Cell(
            with_mask(one.crop, one.mask),
            short_name(one.face),
            f"{100 * one.hidden:.0f}% hidden, {100 * one.apart:.1f}% in doubt",
        )
        for one in found
    ]
    return contact_sheet(cells, f"{name}: masks, the most doubtful first", columns=8, side=200)


def with_mask(crop: Image, mask: Grey) -> Image:
    """A crop (S, S, 3) with what its mask (S, S) hides in red."""
    hidden = _STRENGTH * (1 - mask[..., None] / np.float32(255))
    return np.asarray(np.round(crop + hidden * (np.array(_RED) - crop)), np.uint8)
