"""Comparing pictures through a trained network: how alike they look, and whether it is the person.

(Johnson et al. 2016, "Perceptual losses for real-time style transfer and super-resolution".)
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedouble.assets import vgg19_weights
from facedouble.faces.align import inverse, map_points
from facedouble.faces.chip import CHIP, chip_alignment
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.networks.face_descriptor import DESCRIPTOR, LEVELS, face_descriptor
from facedouble.networks.vgg import Vgg19
from facedouble.settings.recipe import DlibPerceptual, Recipe, VggPerceptual


class Perceptual(Protocol):
    """A loss between pictures and their targets, through a network that does not learn."""

    @property
    def network(self) -> nn.Module:
        """What pictures are compared through."""
        ...

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, a mean over the batch, of two batches (N, 3, R, R), R, G, B 0..1, of one person."""
        ...


def make_perceptual(
    recipe: Recipe, resolution: int, device: torch.device, precision: torch.dtype
) -> Perceptual | None:
    """The network through which pictures of that ``resolution`` are compared as well, or ``None`` for none.

    Raises ``AssetError`` when the network's weights are missing, with what to do.
    """
    match recipe.losses.perceptual:
        case DlibPerceptual() as how:
            return FacePerceptual(how, recipe.coverage, resolution, device, precision)
        case VggPerceptual(weights=weights) as how:
            return VggPerceptualLoss(weights or vgg19_weights(), how, device, precision)
    return None


class FacePerceptual:
    """Through dlib's face descriptor: features of its first four levels, and the descriptor itself,
    which says who it is.

    The pictures are cut to the chip of a face in the middle of the alignment; real ones are aligned, so they
    are near it.
    """

    def __init__(
        self,
        how: DlibPerceptual,
        coverage: float,
        resolution: int,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.network = face_descriptor(str(device))
        self.how, self.precision = how, precision
        scale, shift = chip_in_view(coverage)
        # As affine_grid counts: -1 and 1 are the outer edges, here of the chip and of the view.
        theta = torch.tensor([[scale, 0, shift[0]], [0, scale, shift[1]]], dtype=torch.float32)
        self.theta = theta.to(device)
        # A chip of larger pictures than it has pixels for would skip some: they are averaged first.
        self.reduction = max(1, int(resolution * scale / CHIP))

    def chips(self, pictures: Tensor) -> Tensor:
        """The chips (N, 3, 150, 150) of pictures (N, 3, R, R)."""
        if self.reduction > 1:
            pictures = F.avg_pool2d(pictures, self.reduction)
        size = [len(pictures), 3, CHIP, CHIP]
        grid = F.affine_grid(self.theta.expand(len(pictures), 2, 3), size, align_corners=False)
        return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        with _autocast(output, self.precision):
            mine = self.network(self.chips(output))
            with torch.no_grad():
                wanted = self.network(self.chips(target))
        loss = self.how.weight * feature_l1(
            [mine[name] for name in LEVELS], [wanted[name] for name in LEVELS]
        )
        if self.how.identity:
            # The person's mean over this batch: all are of one person, and nothing has to be kept.
            mean = wanted[DESCRIPTOR].float().mean(dim=0)
            distance = torch.linalg.vector_norm(mine[DESCRIPTOR].float() - mean, dim=1).mean()
            loss = loss + self.how.identity * distance
        return loss


class VggPerceptualLoss:
    """Through VGG-19's first four blocks."""

    def __init__(self, path: Path, how: VggPerceptual, device: torch.device, precision: torch.dtype) -> None:
        self.network = Vgg19(path).to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.how, self.precision = how, precision

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        with _autocast(output, self.precision):
            features = self.network.features(output)
            with torch.no_grad():
                wanted = self.network.features(target)
        return self.how.weight * feature_l1(features, wanted)


def feature_l1(features: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Mean absolute difference of features of at least 0, for each layer as a share of the mean of
    ``wanted``, so that no layer counts more for having larger numbers; mean over the layers."""
    shares = [
        (mine.float() - right.float()).abs().mean() / right.float().mean().clamp(min=1e-6)
        for mine, right in zip(features, wanted, strict=True)
    ]
    return torch.stack(shares).mean()


def chip_in_view(coverage: float) -> tuple[float, tuple[float, float]]:
    """Where the chip of the mean face lies in a model's view: ``scale`` and ``shift`` (x, y) that take chip
    coordinates to view coordinates, both from -1 at the left and upper edge to 1 at the other.

    ``coverage`` is the central part of the crop that the view shows.
    """
    # The mean face is symmetric: the chip is upright in the crop, whose sides are taken to be 0 to 1 here.
    back = inverse(chip_alignment(DLIB68.mean_shape, DLIB68))
    edges = map_points(back, np.array([[-0.5, -0.5], [CHIP - 0.5, CHIP - 0.5]], dtype=np.float32))
    first, last = (2 * edges - 1) / coverage
    scale, shift = (last - first) / 2, (last + first) / 2
    return float(scale.mean()), (float(shift[0]), float(shift[1]))


def _autocast(picture: Tensor, precision: torch.dtype) -> torch.autocast:
    return torch.autocast(picture.device.type, torch.bfloat16, enabled=precision is torch.bfloat16)
