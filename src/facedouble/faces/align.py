"""Alignment: the similarity transform that takes a face to a standard position in a square crop."""

from __future__ import annotations

import math

import cv2
import numpy as np

from facedouble.faces.landmarks import eye_centres
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, Box, Grey, Image, Landmarks


def align(
    landmarks: Landmarks,
    size: int,
    scheme: LandmarkScheme,
    *,
    level_eyes: bool = False,
    enlarge: float = 1.0,
) -> Alignment:
    """Alignment of a face: the (2, 3) similarity that takes frame points to points of a crop.

    A weighted least-squares fit (rotation, one scale, translation; Umeyama 1991) of the landmarks (P, 2), in
    frame pixels, to the scheme's mean shape; points that expression moves count less. ``size`` is the side of
    the crop in pixels. ``enlarge`` then makes the face so many times larger about the mean of the points
    (:func:`facedouble.faces.pose.foreshortening` says by how much the fit makes a turned head too small);
    ``level_eyes`` rotates the crop about the point between the eyes until they are level. Missing points do
    not count.
    """
    target = scheme.mean_shape.astype(np.float64) * size - 0.5
    source, weights = landmarks.astype(np.float64), scheme.weights.alignment
    if scheme.optional:
        weights = weights * scheme.known(landmarks)
        source = np.nan_to_num(source)
    alignment = fit_similarity(source, target, weights)
    if enlarge != 1.0:
        middle = weights @ target / weights.sum()
        alignment = enlarge * alignment + np.column_stack([np.zeros((2, 2)), (1 - enlarge) * middle])
    if not level_eyes:
        return alignment
    right, left = (
        centre.astype(np.float64) for centre in eye_centres(map_points(alignment, landmarks), scheme)
    )
    along = left - right
    rotation = np.array([[along[0], along[1]], [-along[1], along[0]]]) / np.hypot(*along)
    middle = (left + right) / 2
    linear = rotation @ alignment[:, :2]
    return np.column_stack([linear, rotation @ alignment[:, 2] + middle - rotation @ middle])


def fit_similarity(
    source: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    target: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Alignment:
    """Weighted least-squares similarity (2, 3), without reflection, from ``source`` to ``target`` (N, 2).

    In two dimensions the SVD of Umeyama (1991) reduces to complex division: with points as complex numbers
    and both sets centred, rotation and scale are ``sum(w t conj(s)) / sum(w |s|^2)``.
    Raises ``ValueError`` if all source points coincide.
    """
    weight = weights / weights.sum()
    source_mean = weight @ source
    target_mean = weight @ target
    s = (source - source_mean) @ (1, 1j)
    t = (target - target_mean) @ (1, 1j)
    spread = float((weight * np.abs(s) ** 2).sum())
    if spread <= 0:
        raise ValueError("all points of the face coincide")
    turn = complex((weight * t * s.conj()).sum() / spread)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def inverse(alignment: Alignment) -> Alignment:
    """The (2, 3) matrix that takes crop points back to frame points."""
    linear = np.linalg.inv(alignment[:, :2])
    return np.column_stack([linear, -linear @ alignment[:, 2]])


def map_points(alignment: Alignment, points: Landmarks) -> Landmarks:
    """Points (N, 2) taken from frame to crop."""
    return (points @ alignment[:, :2].T + alignment[:, 2]).astype(np.float32)


def scale_of(alignment: Alignment) -> float:
    """Crop pixels per frame pixel. For stored pixels that are not square, per pixel of the frame as it is
    shown, which is stretched from them in one direction."""
    return min(_scales(alignment))


def _scales(alignment: Alignment) -> tuple[float, float]:
    """Crop pixels per frame pixel across and down; the same for square pixels."""
    (a, b), (c, d) = alignment[:, :2].tolist()
    return math.hypot(a, c), math.hypot(b, d)


def recrop(alignment: Alignment, size: int, coverage: float, new_size: int) -> Alignment:
    """The alignment to the central ``coverage`` (0..1) of a crop of side ``size``, resized to ``new_size``
    pixels. A model trains on such a central square of the stored crop."""
    scale = new_size / (size * coverage)
    offset = size * (1 - coverage) / 2
    # Whole numbers are pixel centres, so edges lie half a pixel outside them.
    move = np.array([[scale, 0, (0.5 - offset) * scale - 0.5], [0, scale, (0.5 - offset) * scale - 0.5]])
    return np.column_stack([move[:, :2] @ alignment[:, :2], move[:, :2] @ alignment[:, 2] + move[:, 2]])


def extract_crop(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """The crop of side ``size`` that an alignment describes, grey or RGB, uint8 or uint16 like ``image``.

    What lies outside the frame is black. To avoid moiré, a crop smaller than its area in the frame is first
    sampled at a whole multiple of its size, at about the frame's own resolution, and averaged down. If it is
    much smaller, the frame is averaged down first, to at least twice the crop's resolution.
    """
    across, down = (max(1, int(1 / max(scale, 1e-6) / 2)) for scale in _scales(alignment))
    if max(across, down) > 1:
        image, alignment = _averaged(image, alignment, size, across, down)
    factor = max(1, int(np.ceil(1 / max(scale_of(alignment), 1e-6) - 0.1)))
    if factor == 1:
        return warp_bicubic(image, alignment, size)
    finer = recrop(alignment, size, 1.0, size * factor)
    large = warp_bicubic(image, finer, size * factor)
    return np.asarray(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA), dtype=image.dtype)


def fast_crop(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """Like :func:`extract_crop`, several times faster and less exact, for pictures that are analysed and
    not kept: averaged down by a whole factor to about the crop's resolution, then sampled bilinearly."""
    factor = averaging(alignment)
    if factor > 1:
        image, alignment = _averaged(image, alignment, size, factor, factor)
    return warp_bilinear(image, alignment, size)


def averaging(alignment: Alignment) -> int:
    """By which whole factor a frame is averaged down to come near the resolution of a crop."""
    return max(1, int(1 / max(scale_of(alignment), 1e-6) + 0.35))


def _averaged(
    image: Image | Grey, alignment: Alignment, size: int, across: int, down: int
) -> tuple[Image | Grey, Alignment]:
    """The region of the frame that a crop covers, averaged down by whole factors, and the alignment from
    there to the crop."""
    height, width = image.shape[:2]
    left, top, right, bottom = crop_bounds(alignment, size, width, height, margin=2 * max(across, down))
    wide, high = max(1, (right - left) // across), max(1, (bottom - top) // down)
    region = Box(left, top, min(left + wide * across, width), min(top + high * down, height))
    pixels = image[region.top : region.bottom, region.left : region.right]
    reduced = np.asarray(cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA), dtype=image.dtype)
    return reduced, alignment_in_region(alignment, region, (wide, high))


def crop_bounds(alignment: Alignment, size: int, width: int, height: int, *, margin: int) -> Box:
    """The upright region of a frame, ``width`` by ``height`` pixels, that a crop of side ``size`` covers,
    with ``margin`` pixels around it, clipped to the frame; never empty."""
    corners = np.array([(0, 0), (size - 1, 0), (0, size - 1), (size - 1, size - 1)], dtype=np.float32)
    points = map_points(inverse(alignment), corners)
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    left, top = max(0, min(left - margin, width - 1)), max(0, min(top - margin, height - 1))
    right, bottom = min(right + margin + 1, width), min(bottom + margin + 1, height)
    return Box(left, top, max(left + 1, right), max(top + 1, bottom))


def alignment_in_region(alignment: Alignment, region: Box, size: tuple[int, int]) -> Alignment:
    """The same alignment, for the ``region`` of the frame resized to ``size`` (width, height)."""
    step = np.array([region.width / size[0], region.height / size[1]])
    # Point p of the resized region lies at (p + 1/2) step - 1/2 + (left, top) of the frame.
    shift = alignment[:, :2] @ (step / 2 - 0.5 + (region.left, region.top)) + alignment[:, 2]
    return np.column_stack([alignment[:, :2] * step, shift])


def warp_bilinear(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """A crop sampled bilinearly and without averaging. Colours get a fourth channel: OpenCV takes less than
    half the time for four."""
    colour = image.ndim == 3
    given = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA) if colour else image
    warped = cv2.warpAffine(given, alignment, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB) if colour else warped, dtype=np.uint8)


def warp_bicubic(image: Image | Grey, alignment: Alignment, size: int) -> Image:
    """A crop sampled bicubically and without averaging, for crops not much smaller than their region of
    the frame."""
    warped = cv2.warpAffine(image, alignment, (size, size), flags=cv2.INTER_CUBIC)
    return np.asarray(warped, dtype=image.dtype)
