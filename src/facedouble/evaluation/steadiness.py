"""How steady a result is over time: pure functions on landmarks, pictures and colours of its frames.

Each compares a result with its source, so that the motion of actor, camera and light cancels out and only
what the swap adds is left.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import Grey, Image, Mask

Series = npt.NDArray[np.float64]
"""One value per frame."""
Flow = npt.NDArray[np.float32]
"""(H, W, 2): for each pixel the offset to its position in the previous picture, x then y, in pixels."""


def jitter(result: npt.NDArray[np.floating], source: npt.NDArray[np.floating], size: npt.ArrayLike) -> Series:
    """Jitter of a result's landmarks relative to its source's, for each frame (N,).

    ``result`` and ``source`` (N, P, 2) are of consecutive frames, in frame pixels; ``size`` is the unit,
    one value or one per frame, such as the eye distance. For every point the second difference in time of
    (result - source) / size is computed; the value of a frame is its root mean square over the points, no
    unit. 0 is as steady as the source, lower is better. Constant differences (another face shape) and those
    that change evenly do not count. The first and the last frame, which have no second difference, are NaN.
    """
    apart = (result.astype(np.float64) - source) / np.broadcast_to(size, len(result))[:, None, None]
    values = np.full(len(result), np.nan)
    if len(result) >= 3:
        values[1:-1] = np.sqrt((np.diff(apart, n=2, axis=0) ** 2).sum(axis=2).mean(axis=1))
    return values


def backward_flow(before: Grey, after: Grey) -> Flow:
    """Optical flow from ``after`` (H, W) back to ``before``, by dense inverse search (Kroeger et al. 2016).

    Both must be at least 16 pixels high and wide.
    """
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*after.shape, 2), dtype=np.float32)
    return np.asarray(method.calc(after, before, start), dtype=np.float32)


def warp_along(before: Image | Grey, flow: Flow) -> Image | Grey:
    """``before`` warped along a backward flow (H, W, 2) onto the next picture."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(
        before, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


def change_along(before: Image, after: Image, flow: Flow, mask: Mask) -> float:
    """How much one picture differs from the previous one after motion compensation, in levels of 0..255.

    The mean over the channels and over ``mask`` (H, W) of \\|after - before warped along flow\\|; lower
    is steadier. It is the warping error of Lai et al. 2018 (Learning Blind Video Temporal Consistency),
    with the absolute instead of the squared difference. 0 for an empty mask.
    """
    change = cv2.absdiff(after, warp_along(before, flow)).mean(axis=2)
    return float((change * mask).sum() / max(float(mask.sum()), 1e-6))


def flicker(
    result_before: Image, result: Image, source_before: Image, source: Image, mask: Mask
) -> tuple[float, float, float]:
    """:func:`change_along` of a result and of its source along the optical flow of the SOURCE, and of the
    result along its own flow.

    All pictures (H, W, 3) show the same region of the frame. The ratio of the first value to the second is
    the flicker of a face: 1 is as steady as the source, more flickers, less is smoother than real (or
    softer: what has no detail cannot flicker). The ratio of the third to the second counts only what no
    motion explains: skin that slides across the face has a large first and a small third value.
    """
    flow = _flow_between(source_before, source)
    return (
        change_along(result_before, result, flow, mask),
        change_along(source_before, source, flow, mask),
        change_along(result_before, result, _flow_between(result_before, result), mask),
    )


def _flow_between(before: Image, after: Image) -> Flow:
    grey = (np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for image in (before, after))
    return backward_flow(*grey)


def mean_lab(image: Image, mask: Mask) -> Series:
    """Mean colour (3,) of an image inside ``mask`` (H, W): L, a, b of CIELAB (D65, sRGB), L 0..100."""
    lab = cv2.cvtColor(np.asarray(image, dtype=np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    return np.asarray(
        (lab * mask[..., None]).sum(axis=(0, 1)) / max(float(mask.sum()), 1e-6), dtype=np.float64
    )


def colour_drift(result: npt.NDArray[np.floating], source: npt.NDArray[np.floating]) -> Series:
    """How far the colour of a face drifts from its usual value, for each frame (N,).

    ``result`` and ``source`` (N, 3) are the mean colours of the face in CIELAB (:func:`mean_lab`), frame by
    frame. The value is the distance of (result - source) from its median over the frames, Delta E of CIE
    1976; lower is better, 1 is about a just noticeable difference. A constant cast does not count, nor do
    changes of light that the source shows as well.
    """
    apart = result.astype(np.float64) - source
    return np.asarray(np.linalg.norm(apart - np.nanmedian(apart, axis=0), axis=1))
