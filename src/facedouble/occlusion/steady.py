"""Masks that follow the picture's motion: those of neighbouring frames, moved by optical flow, and fused."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import FloatArray, Grey, Image, Mask

_SIDE = 128  # of the pictures that motion is measured on
_NEIGHBOUR = 0.6  # how much a neighbour counts where it fits perfectly
_CLEAR = 0.95  # a mask that is nowhere lower hides nothing, and its neighbours change nothing of it
_DIFFERENCE = 0.06  # of colours 0..1, beyond which a moved neighbour does not fit


def moved(mask: Mask, flow: FloatArray) -> Mask:
    """``mask`` (S, S) of another frame where ``flow`` (s, s, 2), in shares of the side, says that each
    pixel of this one is there."""
    side = mask.shape[0]
    full = cv2.resize(flow, (side, side), interpolation=cv2.INTER_LINEAR) * side
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    return np.asarray(
        cv2.remap(
            mask,
            columns + full[..., 0],
            rows + full[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


class Motion:
    """Motion between crops of one track, dense (DIS; Kroeger et al. 2016). For one thread."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def between(self, here: Grey, there: Grey) -> FloatArray:
        """Where each pixel of ``here`` is in ``there`` (s, s, 2), relative, in shares of the side."""
        found = self._flow.calc(here, there, None)  # type: ignore[call-overload]
        return np.asarray(found / here.shape[0], np.float32)


def fuse(masks: Sequence[Mask], crops: Sequence[Image], adjacent: Sequence[bool]) -> list[Mask]:
    """Masks (N, S, S) 0..1 of the crops of a track, each with its two neighbours moved to it.

    ``adjacent`` (N - 1): whether a crop and the one after it are of consecutive frames. Both neighbours count
    alike, so there is no lag. Where a moved neighbour does not look like the frame it does not count.
    """
    small = [
        np.asarray(cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8) for crop in crops
    ]
    grey = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in small]
    motion = Motion()
    fused: list[Mask] = []
    clear = [float(mask.min(initial=1.0)) > _CLEAR for mask in masks]
    for index, own in enumerate(masks):
        if all(clear[max(0, index - 1) : index + 2]):
            fused.append(own)
            continue
        total, weight = own.copy(), np.ones_like(own)
        for other in (index - 1, index + 1):
            if not 0 <= other < len(masks) or not adjacent[min(index, other)]:
                continue
            flow = motion.between(grey[index], grey[other])
            share = _fit(small[index], small[other], flow, own.shape[0])
            total += share * moved(masks[other], flow)
            weight += share
        fused.append(np.asarray(total / weight, np.float32))
    return fused


def _fit(here: npt.NDArray[np.uint8], there: npt.NDArray[np.uint8], flow: FloatArray, side: int) -> Mask:
    """How far the other frame, moved, looks like this one, (side, side) 0 to ``_NEIGHBOUR``."""
    rows, columns = np.mgrid[: here.shape[0], : here.shape[0]].astype(np.float32)
    across, down = columns + flow[..., 0] * here.shape[0], rows + flow[..., 1] * here.shape[0]
    seen = cv2.remap(there, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    apart = np.abs(seen.astype(np.float32) - here).mean(axis=2) / 255
    share = _NEIGHBOUR * np.exp(-np.square(apart / _DIFFERENCE))
    return np.asarray(cv2.resize(share.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR))


def disagreement(
    masks: Sequence[Mask], crops: Sequence[Image], hulls: Sequence[Mask], adjacent: Sequence[bool]
) -> list[float]:
    """How far each mask (S, S) of a track is from those of its neighbours, moved to it by the picture's
    motion: mean difference within the hull, 0..1; 0 for a face without neighbours. ``crops`` are (S, S,
    3)."""
    fused = fuse(masks, crops, adjacent)
    found = []
    for own, other, hull in zip(masks, fused, hulls, strict=True):
        found.append(float((np.abs(own - other) * hull).sum() / max(float(hull.sum()), 1.0)))
    return found
