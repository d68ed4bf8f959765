"""Alignment: the similarity that takes a face to a standard place in a square crop."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.types import Alignment, Box, Grey, Image, Landmarks

# Mean positions of the 68 landmarks, x then y, in units where the crop's side is 1. The shape is
# the one dlib's predictor starts from (its answer to an image without features), made symmetric.
# fmt: off
_HALF_SHAPE = (
    (-84.5, 15.0), (-84.5, 37.0), (-82.0, 61.0), (-77.0, 83.5), (-68.0, 105.0), (-55.5, 125.5),
    (-39.5, 143.0), (-20.5, 155.0), (0.0, 158.0),
)
_RIGHT_BROW = ((-68.0, -9.0), (-57.5, -16.5), (-42.5, -17.5), (-28.0, -15.0), (-14.5, -8.0))
_NOSE_LINE = ((0.0, 6.5), (0.0, 22.5), (0.0, 37.5), (0.0, 53.5))
_NOSTRILS = ((-19.0, 63.0), (-10.5, 67.0), (0.0, 69.5), (10.5, 67.0), (19.0, 63.0))
_RIGHT_EYE = ((-52.5, 8.0), (-43.0, 2.0), (-31.5, 2.0), (-22.5, 8.0), (-32.5, 10.0), (-43.0, 10.0))
_OUTER_MOUTH = (
    (-35.5, 97.5), (-23.0, 90.5), (-8.0, 87.5), (0.0, 89.0), (8.0, 87.5), (23.0, 90.5), (35.5, 97.5),
    (25.0, 108.0), (11.0, 114.5), (0.0, 115.5), (-11.0, 114.5), (-25.0, 108.0),
)
_INNER_MOUTH = (
    (-29.5, 97.0), (-9.5, 95.0), (0.0, 96.0), (9.5, 95.0), (29.5, 97.0), (9.5, 101.5), (0.0, 102.5),
    (-9.5, 101.5),
)
# fmt: on


def _mean_shape() -> Landmarks:
    def mirror(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
        return [(-x, y) for x, y in points]

    left_eye = [mirror(_RIGHT_EYE)[i] for i in (3, 2, 1, 0, 5, 4)]
    points = [
        *_HALF_SHAPE,
        *mirror(_HALF_SHAPE)[-2::-1],
        *_RIGHT_BROW,
        *mirror(_RIGHT_BROW)[::-1],
        *_NOSE_LINE,
        *_NOSTRILS,
        *_RIGHT_EYE,
        *left_eye,
        *_OUTER_MOUTH,
        *_INNER_MOUTH,
    ]
    shape = np.array(points, dtype=np.float64)
    # 300 units a side: brows to chin fill 60% of the crop's height, the face's middle in its centre.
    return (shape / 300 + (0.5, 0.5 - 62.0 / 300)).astype(np.float32)


MEAN_SHAPE: Landmarks = _mean_shape()

# What talking moves little decides where the crop lies: eyes and nose fully, brows and the corners
# of the mouth a little, jaw and lips not at all. Otherwise every opening of the mouth would scale
# the whole face.
_WEIGHTS = np.zeros(68)
_WEIGHTS[17:27] = 0.25
_WEIGHTS[27:36] = 1.0
_WEIGHTS[36:48] = 1.0
_WEIGHTS[[48, 54]] = 1.0


def align(landmarks: Landmarks, size: int, *, level_eyes: bool = False) -> Alignment:
    """Alignment of a face: the (2, 3) similarity taking frame points to points of a crop.

    Least squares fit of the landmarks to :data:`MEAN_SHAPE`, rotation, one scale and shift
    (Umeyama 1991), each landmark weighted by how little expression moves it.
    ``landmarks`` (68, 2) in frame pixels; ``size`` the crop's side in pixels. ``level_eyes`` turns
    the crop afterwards around the point between the eyes until these are at one height.
    """
    target = MEAN_SHAPE.astype(np.float64) * size - 0.5
    alignment = fit_similarity(landmarks.astype(np.float64), target, _WEIGHTS)
    if not level_eyes:
        return alignment
    right, left = map_points(alignment, landmarks)[36:48].reshape(2, 6, 2).mean(axis=1).astype(np.float64)
    along = left - right
    turn = np.array([[along[0], along[1]], [-along[1], along[0]]]) / np.hypot(*along)
    middle = (left + right) / 2
    return np.column_stack([turn @ alignment[:, :2], turn @ alignment[:, 2] + middle - turn @ middle])


def fit_similarity(
    source: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    target: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Alignment:
    """Weighted least squares similarity (no reflection) from ``source`` to ``target`` points.

    In two dimensions the SVD of Umeyama (1991) reduces to complex division: with points as complex
    numbers and both sets centred, the turn and scale is ``sum(w t conj(s)) / sum(w |s|^2)``.
    Raises ``ValueError`` when all source points coincide.
    """
    weight = weights / weights.sum()
    source_mean = weight @ source
    target_mean = weight @ target
    s = (source - source_mean) @ (1, 1j)
    t = (target - target_mean) @ (1, 1j)
    spread = float((weight * np.abs(s) ** 2).sum())
    if spread <= 0:
        raise ValueError("the points of a face coincide")
    turn = complex((weight * t * s.conj()).sum() / spread)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def inverse(alignment: Alignment) -> Alignment:
    """The (2, 3) matrix that takes crop points back to frame points."""
    linear = np.linalg.inv(alignment[:, :2])
    return np.column_stack([linear, -linear @ alignment[:, 2]])


def map_points(alignment: Alignment, points: Landmarks) -> Landmarks:
    """Points moved by an alignment: (N, 2) to (N, 2)."""
    return (points @ alignment[:, :2].T + alignment[:, 2]).astype(np.float32)


def scale_of(alignment: Alignment) -> float:
    """Crop pixels for one frame pixel."""
    return float(np.hypot(alignment[0, 0], alignment[1, 0]))


def recrop(alignment: Alignment, size: int, coverage: float, new_size: int) -> Alignment:
    """The alignment of the central ``coverage`` (0..1) of a crop of side ``size``, made
    ``new_size`` pixels wide. A model trains on such a central square of the stored crop."""
    scale = new_size / (size * coverage)
    offset = size * (1 - coverage) / 2
    # Whole numbers are pixel centres, so edges lie half a pixel outside them.
    move = np.array([[scale, 0, (0.5 - offset) * scale - 0.5], [0, scale, (0.5 - offset) * scale - 0.5]])
    return np.column_stack([move[:, :2] @ alignment[:, :2], move[:, :2] @ alignment[:, 2] + move[:, 2]])


def extract_crop(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """The crop of side ``size`` that an alignment describes, grey or RGB, uint8 or uint16 as ``image`` is.

    What lies outside the frame is black. A crop smaller than its part of the frame is first cut at a
    whole multiple of its size, with about the frame's own resolution, and averaged down, so that
    fine detail does not turn into moiré. A much smaller one is cut from a frame that was averaged down
    before, to no less than twice the crop's resolution.
    """
    reduction = int(1 / max(scale_of(alignment), 1e-6) / 2)
    if reduction > 1:
        image, alignment = _averaged(image, alignment, size, reduction)
    factor = max(1, int(np.ceil(1 / max(scale_of(alignment), 1e-6) - 0.1)))
    if factor == 1:
        return warp_bicubic(image, alignment, size)
    finer = recrop(alignment, size, 1.0, size * factor)
    large = warp_bicubic(image, finer, size * factor)
    return np.asarray(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA), dtype=image.dtype)


def fast_crop(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """The same for looking at and not for keeping, several times faster: the part of the frame is
    averaged down by a whole factor, to about the crop's resolution, and interpolated linearly."""
    factor = max(1, int(1 / max(scale_of(alignment), 1e-6) + 0.35))
    if factor > 1:
        image, alignment = _averaged(image, alignment, size, factor)
    warped = cv2.warpAffine(image, alignment, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(warped, dtype=np.uint8)


def _averaged(
    image: Image | Grey, alignment: Alignment, size: int, factor: int
) -> tuple[Image | Grey, Alignment]:
    """The part of a frame that a crop is cut from, averaged down by a whole ``factor``, and the crop's
    alignment there."""
    height, width = image.shape[:2]
    left, top, right, bottom = crop_bounds(alignment, size, width, height, margin=2 * factor)
    wide, high = max(1, (right - left) // factor), max(1, (bottom - top) // factor)
    part = Box(left, top, min(left + wide * factor, width), min(top + high * factor, height))
    pixels = image[part.top : part.bottom, part.left : part.right]
    reduced = np.asarray(cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA), dtype=image.dtype)
    return reduced, alignment_in_region(alignment, part, (wide, high))


def crop_bounds(alignment: Alignment, size: int, width: int, height: int, *, margin: int) -> Box:
    """The upright part of a frame, ``width`` by ``height``, that a crop of side ``size`` is cut from,
    with ``margin`` pixels around it where the frame has them; never empty."""
    corners = np.array([(0, 0), (size - 1, 0), (0, size - 1), (size - 1, size - 1)], dtype=np.float32)
    points = map_points(inverse(alignment), corners)
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    left, top = max(0, min(left - margin, width - 1)), max(0, min(top - margin, height - 1))
    right, bottom = min(right + margin + 1, width), min(bottom + margin + 1, height)
    return Box(left, top, max(left + 1, right), max(top + 1, bottom))


def alignment_in_region(alignment: Alignment, part: Box, size: tuple[int, int]) -> Alignment:
    """The alignment for a part of the frame that was resized to ``size`` (width, height)."""
    step = np.array([part.width / size[0], part.height / size[1]])
    # Point p of the resized part lies at (p + 1/2) step - 1/2 + (left, top) of the frame.
    shift = alignment[:, :2] @ (step / 2 - 0.5 + (part.left, part.top)) + alignment[:, 2]
    return np.column_stack([alignment[:, :2] * step, shift])


def warp_bicubic(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """A crop interpolated from the frame's pixels (bicubic), with nothing averaged: for crops that are
    not much smaller than their part of the frame."""
    warped = cv2.warpAffine(image, alignment, (size, size), flags=cv2.INTER_CUBIC)
    return np.asarray(warped, dtype=image.dtype)
