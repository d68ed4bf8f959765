"""The faces of one side in memory, and batches of them.

Crops are read once and kept as uint8 with a fourth channel, the weight of each pixel in the loss.
They are kept at twice the model's resolution: a batch that is turned and shifted by parts of a pixel
is then sampled from them without losing fine detail (unmoved, a sample is the mean of 2x2 pixels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from facedouble.errors import TrainingError
from facedouble.faces.align import apply, cut
from facedouble.faces.colour import smooth_statistics
from facedouble.faces.hull import FOREHEAD, eyes_and_mouth, face_hull
from facedouble.faces.view import View, look
from facedouble.faceset import Faceset
from facedouble.types import Face, FloatArray, Image
from facedouble.video.images import read_image

_OVERSAMPLING = 2
_WEIGHT_OUTSIDE = 0.1
_WEIGHT_FACE = 1.0
_WEIGHT_FEATURES = 3.0
_MAX_WEIGHT = 4.0
MIN_FACES = 10


@dataclass(frozen=True)
class SideData:
    """All faces of one side.

    ``pixels`` (N, 4, S, S) uint8, S twice the model's resolution: R, G, B in the standard
    colouring, and the loss weight in units of 4/255. ``colour`` (2, 3) the side's mean statistics.
    """

    pixels: Tensor
    colour: FloatArray

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def reduced(self, most: int) -> Tensor:
        """At most ``most`` faces, evenly spread, (n, 3, S/2, S/2) float32 0..1, not moved."""
        chosen = torch.linspace(0, len(self) - 1, min(most, len(self))).round().long()
        pixels = self.pixels[chosen.to(self.pixels.device), :3].float() / 255
        return torch.nn.functional.avg_pool2d(pixels, _OVERSAMPLING)

    @property
    def mean_face(self) -> Tensor:
        """Mean picture (3, S/2, S/2) float32 0..1 at the model's resolution."""
        # Summed as they are: a float copy of every face would be four times as large.
        total = self.pixels[:, :3].sum(dim=0, keepdim=True, dtype=torch.float32)
        mean = total / (255 * len(self))
        return torch.nn.functional.avg_pool2d(mean, _OVERSAMPLING)[0]


def load_side(
    facesets: Sequence[Path], *, resolution: int, coverage: float, device: torch.device
) -> SideData:
    """Read the kept faces of some facesets. ``coverage`` is the central part of the crop used.

    Raises ``TrainingError`` for fewer than ten faces, ``InputError`` for a faceset that is not one.
    """
    size = resolution * _OVERSAMPLING
    pixels, colours = [], []
    for path in facesets:
        with Faceset.open(path) as faceset:
            faces = faceset.faces()
            statistics = smooth_statistics(faces)
            for face, colour in zip(faces, statistics, strict=True):
                pixels.append(_prepare(face, faceset.crop_path(face), colour, size, coverage))
            colours.append(statistics)
    if len(pixels) < MIN_FACES:
        names = ", ".join(str(path) for path in facesets)
        raise TrainingError(f"{names}: {len(pixels)} faces; training needs at least {MIN_FACES}")
    stacked = torch.from_numpy(np.stack(pixels)).to(device)
    return SideData(stacked, np.concatenate(colours).mean(axis=0))


def _prepare(face: Face, crop: Path, colour: FloatArray, size: int, coverage: float) -> Image:
    inner = View(size, coverage).of(np.eye(2, 3), face.crop_size)
    square = cut(read_image(crop), inner, size)
    points = apply(inner, apply(face.alignment, face.steady))
    seen = look(square, points, colour)
    weight = np.full((size, size), _WEIGHT_OUTSIDE, dtype=np.float32)
    hull = cv2.blur(face_hull(points, size, forehead=FOREHEAD), (size // 16, size // 16))
    weight += (_WEIGHT_FACE - _WEIGHT_OUTSIDE) * hull
    weight += (_WEIGHT_FEATURES - _WEIGHT_FACE) * cv2.blur(eyes_and_mouth(points, size), (5, 5))
    stacked = np.concatenate([seen, weight[..., None] / _MAX_WEIGHT], axis=2)
    return np.clip(stacked.transpose(2, 0, 1) * 255 + 0.5, 0, 255).astype(np.uint8)


def draw(side: SideData, count: int, generator: torch.Generator) -> Tensor:
    """``count`` faces (count, 4, S, S) float32, chosen evenly at random: R, G, B 0..1 and weight."""
    chosen = torch.randint(len(side), (count,), generator=generator)
    batch = side.pixels[chosen.to(side.pixels.device)].float()
    batch[:, :3] /= 255
    batch[:, 3] *= _MAX_WEIGHT / 255
    return batch
