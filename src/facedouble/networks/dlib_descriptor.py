"""dlib's face descriptor as a PyTorch network, differentiable for use in a loss."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedouble.errors import AssetError
from facedouble.networks.dlib_format import Layer, read_network

CHIP = 150
"""Side in pixels of the square input, cropped as ``dlib.get_face_chip`` does."""

CHIP_PADDING = 0.25
"""Padding around the face for ``dlib.get_face_chip``, as a share of its size."""

_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""For each level, from the input on: channels, blocks, and whether the first block halves the resolution."""


class _Block(nn.Module):
    """A residual block of two 3x3 convolutions. If it ``halves`` the resolution, dlib does not pad, the
    shortcut is the mean of 2x2 pixels, and differing sizes are filled with zeros before they are added."""

    def __init__(self, channels: int, filters: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        stride, padding = (2, 0) if halves else (1, 1)
        self.first = nn.Conv2d(channels, filters, 3, stride=stride, padding=padding)
        self.second = nn.Conv2d(filters, filters, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.second(F.relu(self.first(x)))
        if self.halves:
            x = F.avg_pool2d(x, 2)
            size = [max(a, b) for a, b in zip(x.shape[1:], inner.shape[1:], strict=True)]
            x, inner = _padded(x, size), _padded(inner, size)
        return F.relu(x + inner)


class DlibDescriptorNetwork(nn.Module):
    """dlib's ResNet-29 for faces (King 2017; after He et al. 2016), for inference: frozen, with the affine
    layers folded into the convolutions before them.

    Its descriptors equal those of ``dlib.face_recognition_model_v1`` for the same chip, up to rounding.
    Gradients reach the picture, never the weights.
    """

    mean: Tensor

    def __init__(self, path: Path) -> None:
        """Read dlib's weights from ``path`` (``dlib_face_recognition_resnet_model_v1.dat``). Raises
        ``AssetError`` for a file that is not that network's."""
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        self.levels = nn.ModuleList()
        channels = 32
        for filters, blocks, halves in _LEVELS:
            level = nn.Sequential()
            for i in range(blocks):
                level.append(_Block(channels, filters, halves=halves and i == 0))
                channels = filters
            self.levels.append(level)
        self.dense = nn.Linear(channels, 128, bias=False)
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        mean, layers = read_network(path)
        self.mean.copy_(torch.tensor(mean).view(3, 1, 1) / 255)
        try:
            self._load(layers)
        except (RuntimeError, ValueError) as error:
            raise AssetError(f"{path}: not the weights of dlib's face descriptor ({error})") from error
        self.requires_grad_(False).eval()

    def forward(self, chips: Tensor) -> Tensor:
        """Descriptors (N, 128) of face chips (N, 3, 150, 150), R, G, B in 0..1."""
        return self.features(chips)[1]

    def features(self, chips: Tensor) -> tuple[list[Tensor], Tensor]:
        """Activations of the first four levels, (N, C, H, W) with 32, 64, 128, 256 channels and 35, 17, 8,
        4 pixels, all at least 0, and the descriptors (N, 128)."""
        # dlib divides values of 0..255 by 256.
        x = F.relu(self.stem((chips - self.mean) * (255 / 256)))
        x = F.max_pool2d(x, 3, stride=2)
        activations = []
        for level in self.levels:
            x = level(x)
            activations.append(x)
        return activations[:-1], self.dense(x.mean(dim=(2, 3)))

    @torch.no_grad()
    def _load(self, layers: list[Layer]) -> None:
        """Copy the weights, which are stored in the order in which they are used."""
        weighted = [layer for layer in layers if len(layer.parameters)]
        convolutions = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        *affine_pairs, dense = weighted
        if [layer.kind for layer in weighted] != ["con_4", "affine_"] * len(convolutions) + ["fc_2"]:
            raise ValueError(f"{len(weighted)} layers with weights, or another order")
        for module, convolution, affine in zip(
            convolutions, affine_pairs[::2], affine_pairs[1::2], strict=True
        ):
            gamma, beta = affine.parameters.chunk(2)
            count = module.out_channels
            weight, bias = convolution.parameters[:-count], convolution.parameters[-count:]
            module.weight.copy_(weight.view_as(module.weight) * gamma.view(-1, 1, 1, 1))
            module.bias.copy_(bias * gamma + beta)  # type: ignore[union-attr]
        # dlib stores inputs x outputs.
        self.dense.weight.copy_(dense.parameters.view(self.dense.in_features, -1).T)


def _padded(x: Tensor, size: list[int]) -> Tensor:
    """``x`` (N, C, H, W), padded with zeros at the end of channels, rows and columns to ``size`` (C, H,
    W)."""
    channels, rows, columns = (wanted - had for wanted, had in zip(size, x.shape[1:], strict=True))
    return F.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x
