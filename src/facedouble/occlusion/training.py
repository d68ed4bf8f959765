"""Teaching the network on drawn occluders."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.errors import TrainingError
from facedouble.occlusion.examples import EVERYBODY, KnownFace, Variety, make_batch
from facedouble.occlusion.network import OcclusionNetwork
from facedouble.types import FloatArray

_WARM_UP = 0.05  # of the steps
_DECAY = 1e-4  # of the weights
_KEPT = (
    32  # half batches, of which one is shown again with each new one: to draw them takes as long as to learn
)

Batch = tuple[FloatArray, FloatArray, FloatArray]


def teach(
    network: OcclusionNetwork,
    faces: Sequence[KnownFace],
    steps: int,
    *,
    batch_size: int = 16,
    rate: float = 2e-3,
    seed: int = 0,
    variety: Variety = EVERYBODY,
    device: torch.device | None = None,
    report: Callable[[int, float], None] | None = None,
) -> OcclusionNetwork:
    """The network after ``steps`` of AdamW on examples of ``faces``; that given is not changed.

    The learning ``rate`` rises over the first twentieth and falls along a cosine. ``report`` is called with
    the steps taken and the loss of the last. The result does not depend on threads. Raises
    ``TrainingError`` where loss or weights are no numbers any more.
    """
    device = device or torch.device("cpu")
    learner = copy.deepcopy(network).to(device).train()
    learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(learner.parameters(), lr=rate, weight_decay=_DECAY)
    random = np.random.default_rng(seed)

    kept: deque[Batch] = deque(maxlen=_KEPT)

    def batch() -> Batch:
        fresh = make_batch(faces, batch_size // 2, random, variety)
        kept.append(fresh)
        again = kept[random.integers(len(kept))]
        given, visible, weight = (np.concatenate(pair) for pair in zip(fresh, again, strict=True))
        return given, visible, weight

    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(batch)
        for step in range(steps):
            given, visible, weight = (torch.from_numpy(array).to(device) for array in following.result())
            if step + 1 < steps:
                following = maker.submit(batch)
            for group in optimizer.param_groups:
                group["lr"] = rate * _schedule(step / steps)
            optimizer.zero_grad(set_to_none=True)
            loss = mask_loss(learner(given.contiguous(memory_format=torch.channels_last)), visible, weight)
            shown = float(loss.detach())
            if not math.isfinite(shown):
                raise TrainingError(
                    f"the loss is {shown} after {step} steps: nothing can be learned from here"
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
            optimizer.step()
            if report is not None:
                report(step + 1, shown)
    if not all(bool(torch.isfinite(weight).all()) for weight in learner.parameters()):
        raise TrainingError("the last step made weights that are no numbers")
    return learner.eval()


def mask_loss(logits: Tensor, visible: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy, weighted by pixel, and one less the overlap (soft IoU) of the hidden parts of the
    batch; all (N, 1, S, S). 0 for the mask itself."""
    entropy = F.binary_cross_entropy_with_logits(logits, visible, reduction="none")
    least = -(torch.xlogy(visible, visible) + torch.xlogy(1 - visible, 1 - visible))
    entropy = ((entropy - least) * weight).sum() / weight.sum()
    hidden, found = (1 - visible) * weight, torch.sigmoid(-logits) * weight
    both = torch.minimum(hidden, found).sum(dim=(1, 2, 3))
    either = torch.maximum(hidden, found).sum(dim=(1, 2, 3))
    return entropy + 0.3 * (1 - (both + 20) / (either + 20)).mean()


def _schedule(share: float) -> float:
    if share < _WARM_UP:
        return share / _WARM_UP + 0.02
    return 0.5 * (1 + math.cos(math.pi * (share - _WARM_UP) / (1 - _WARM_UP))) + 0.005
