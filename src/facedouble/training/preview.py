"""The preview sheet: what the model makes of some faces of both sides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facedouble.models.base import SwapModel
from facedouble.training.data import SideData
from facedouble.types import Image, Side
from facedouble.video.images import write_png

_COLUMNS = 7


def write_preview(path: Path, network: SwapModel, data: Mapping[Side, SideData]) -> None:
    """Write the sheet as PNG: for each side a row of faces as they are, a row from their own
    decoder, a row from the other's, seven faces spread evenly over the side's clips."""
    write_png(path, preview(network, data))


@torch.no_grad()
def preview(network: SwapModel, data: Mapping[Side, SideData]) -> Image:
    """The sheet as an image (6R, 7R, 3) in the standard colouring, R the model's resolution."""
    rows: list[Tensor] = []
    pairs: tuple[tuple[Side, Side], ...] = (("a", "b"), ("b", "a"))
    for side, other in pairs:
        faces = data[side].reduced(_COLUMNS)
        rows += [faces, network(faces, side, side).picture, network(faces, side, other).picture]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy().astype(np.uint8)
