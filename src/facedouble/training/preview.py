"""The preview sheet: some faces of both sides, restored and swapped."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import Tensor

from facedouble.models.base import SwapModel
from facedouble.types import OTHER_SIDE, SIDES, Image, Side

COLUMNS = 14
_TILE = 128  # largest side of a picture on the sheet, pixels
_MARGIN = 40  # on the left, for the labels


@torch.no_grad()
def preview(
    network: SwapModel, faces: Mapping[Side, Tensor], geometry: Mapping[Side, Tensor | None] | None = None
) -> Image:
    """The sheet as an image in the standard colouring: for each side a row of its ``faces`` (N, 3, R, R),
    which do what ``geometry`` (N, K) says, as they are, a row from their own decoder, and a row from the
    other's."""
    bands = []
    for side in SIDES:
        other = OTHER_SIDE[side]
        described = None if geometry is None else geometry[side]
        rows = {
            side.upper(): faces[side],
            f"{side}>{side}".upper(): network(faces[side], side, side, described).picture,
            f"{side}>{other}".upper(): network(faces[side], side, other, described).picture,
        }
        bands += [_row(label, tensor.float()) for label, tensor in rows.items()]
    width = max(band.shape[1] for band in bands)
    return np.vstack([_widened(band, width) for band in bands])


def _row(label: str, faces: Tensor) -> Image:
    pixels = (faces.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    tiles = np.hstack([_reduced(picture) for picture in pixels])
    margin = np.full((tiles.shape[0], _MARGIN, 3), 255, dtype=np.uint8)
    at = (4, tiles.shape[0] // 2 + 5)
    cv2.putText(margin, label, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
    return np.hstack([margin, tiles])


def _reduced(picture: Image) -> Image:
    if picture.shape[0] <= _TILE:
        return picture
    return cv2.resize(picture, (_TILE, _TILE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _widened(band: Image, width: int) -> Image:
    return np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0)), constant_values=255)
