"""Faces of two people that are alike in pose and expression."""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 10
_PART = 1024  # faces compared at a time


def nearest(landmarks: Tensor, others: Tensor, count: int = NEIGHBOURS) -> Tensor:
    """For each of N faces the ``count`` of M others most like it: numbers (N, count), nearest first.

    ``landmarks`` (N, P, 2) and ``others`` (M, P, 2) of aligned faces, in one unit. Each side's mean shape
    is taken away first, so that what is compared is pose and expression and not whose face it is. Where
    there are fewer others, all of them are given.
    """
    own = (landmarks - landmarks.mean(dim=0)).flatten(1)
    other = (others - others.mean(dim=0)).flatten(1)
    count = min(count, len(other))
    found = [torch.cdist(part, other).topk(count, largest=False).indices for part in own.split(_PART)]
    return torch.cat(found)
