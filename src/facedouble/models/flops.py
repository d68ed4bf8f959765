"""How many operations a model takes, counted and not guessed."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from facedouble.models.base import SwapModel
from facedouble.types import SIDES


def training_flops(model: SwapModel, batch_size: int = 1) -> int:
    """Floating-point operations (a multiplication and an addition are two) of one training step, forward
    and backward, with ``batch_size`` faces of each side.

    Counted by PyTorch from what its operators are called with: matrix products and convolutions of the
    model itself. Activations, losses, optimizer, discriminators and perceptual networks are left out.
    Gradients that were there are gone afterwards; nothing else is changed.
    """
    face = torch.zeros(1, 3, model.resolution, model.resolution, device=next(model.parameters()).device)
    training = model.training
    model.eval()  # statistics of the batch stay as they are
    with FlopCounterMode(display=False) as counter:
        for side in SIDES:
            drawn = model(face, side, side)
            total = drawn.picture.sum() if drawn.mask is None else drawn.picture.sum() + drawn.mask.sum()
            total.backward()
    model.train(training)
    model.zero_grad(set_to_none=True)
    return int(counter.get_total_flops()) * batch_size
