"""How many operations a model takes, counted and not guessed."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from facedouble.models.base import SwapModel
from facedouble.types import Side


def forward_flops(model: SwapModel) -> int:
    """Floating-point operations (a multiplication and an addition are two) of the matrix products and
    convolutions for one face, through the encoder and one decoder.

    Counted by PyTorch from what the operators were called with; everything else (activations,
    reshuffling, losses) is left out.
    """
    face = torch.zeros(2, 3, model.resolution, model.resolution, device=next(model.parameters()).device)
    training = model.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(face, "a", "a")
    model.train(training)
    return int(counter.get_total_flops()) // 2


def training_flops(model: SwapModel, batch_size: int = 2) -> int:
    """Operations of one training step, forward and backward, with ``batch_size`` faces of each side.

    Losses, optimizer, discriminators and perceptual networks are not counted: it is the work that the
    model itself asks for. Gradients that were there are gone afterwards.
    """
    size = (2, 3, model.resolution, model.resolution)
    face = torch.zeros(size, device=next(model.parameters()).device)
    sides: tuple[Side, Side] = ("a", "b")
    with FlopCounterMode(display=False) as counter:
        for side in sides:
            drawn = model(face, side, side)
            total = drawn.picture.sum() if drawn.mask is None else drawn.picture.sum() + drawn.mask.sum()
            total.backward()
    model.zero_grad(set_to_none=True)
    return int(counter.get_total_flops()) * batch_size // 2
