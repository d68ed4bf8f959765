"""Whether the parts of a face look like parts of a real one: pure functions on crops and landmarks.

Each patch of mouth, eyes and skin is compared with the nearest patch at the same place in real frames of the
person. A torn lip or two eyes over each other have no near one. What sharpening and blurring change, the
strength of a picture's bands, is made the same in all pictures first.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.network_input import InputCrop
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import FloatArray, Image, Landmarks, Mask

Distances = npt.NDArray[np.float64]

CROP = InputCrop(128, 0.6875)
"""The part of a face's crop that is examined; the eyes of an average face are 47 pixels apart in it."""

REGIONS = ("mouth", "eyes", "skin")

_PATCH = 12  # pixels: a quarter of the distance between the eyes
_SCALES = (0.75, 1.5, 3.0, 6.0)  # pixels: 2, 4, 8 and 16 where the eyes are 128 apart
_SEEN = 0.8  # of a patch that is not covered, from which on it counts
_SHIFT = 2  # pixels: landmarks lie differently by as much
_LEAST = 1e-3  # of 0..1: a band weaker than this is the noise of 8 bits
_USUAL = (0.08, 0.08, 0.03)  # at least: people whose clips show one pose are nearer to themselves than that
_APART = 0.25  # of the length of a clip: frames nearer to each other than this are one moment


def structure(crop: Image, mask: Mask) -> FloatArray:
    """The luma of a crop (S, S, 3) without its slow shading, with every band as strong as any other.

    The sum (S, S) of three bands between Gaussian blurs, each divided by its root mean square inside ``mask``
    (S, S). As every band is scaled as a whole, blurring and sharpening change nothing in it as long as
    something of the band is left.
    """
    luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.float32) / np.float32(255)
    blurred = [cv2.GaussianBlur(luma, (0, 0), scale) for scale in _SCALES]
    total = np.zeros_like(luma)
    for fine, coarse in itertools.pairwise(blurred):
        band = fine - coarse
        strength = float(np.sqrt((band * band * mask).sum() / max(float(mask.sum()), 1e-6)))
        total += band / np.float32(max(strength, _LEAST))
    return np.asarray(total, dtype=np.float32)


def patch_centres(points: Landmarks, scheme: LandmarkScheme) -> Mapping[str, FloatArray]:
    """Centres (K, 2) of the patches of each of :data:`REGIONS`, from landmarks (P, 2), in their pixels."""
    regions = scheme.regions

    def middle(*indices: int) -> FloatArray:
        return np.asarray(points[list(indices)].mean(axis=0), dtype=np.float32)

    sides = (regions.mouth.pairs[0], regions.mouth.pairs[-1])
    lips = [middle(pair[side]) for pair in sides for side in (0, 1)]
    upper, lower = (middle(*(pair[side] for pair in regions.mouth.pairs)) for side in (0, 1))
    corners = [middle(corner) for corner in regions.mouth.corners]
    eyes = []
    for eye in regions.eyes:
        eyes += [middle(corner) for corner in eye.opening.corners] + [middle(*eye.contour)]
    for brow in (regions.right_brow, regions.left_brow):
        eyes.append(middle(*brow))
    nose, chin = middle(regions.nose_base), middle(regions.jaw[len(regions.jaw) // 2])
    right, left = (middle(*eye.contour) for eye in regions.eyes)
    skin = [nose, (upper + lower + chin) / 3, (right + left) / 2]
    for centre, corner in zip((right, left), corners, strict=True):
        skin += [
            (centre + corner) / 2,
            (nose + corner) / 2,
            0.4 * centre + 0.6 * nose,
            (corner + chin) / 2,
        ]
    found = {"mouth": [*corners, *lips, upper, lower, (upper + lower) / 2], "eyes": eyes, "skin": skin}
    return {name: np.asarray(found[name], dtype=np.float32) for name in REGIONS}


def cut_patches(picture: FloatArray, centres: FloatArray) -> FloatArray:
    """Patches (K, D) around ``centres`` (K, 2), flat. Beyond the picture's edge it is 0."""
    patches = [cv2.getRectSubPix(picture, (_PATCH, _PATCH), (float(x), float(y))).ravel() for x, y in centres]
    return np.asarray(patches, dtype=np.float32)


def all_patches(
    picture: FloatArray, centres: Mapping[str, FloatArray], shift: tuple[int, int] = (0, 0)
) -> FloatArray:
    """The patches (K, D) of all regions, in the order of :data:`REGIONS`, moved by ``shift`` pixels."""
    together = np.concatenate([centres[name] for name in REGIONS])
    return cut_patches(picture, together + np.array(shift, dtype=np.float32))


def seen_places(visible: Mask, points: Landmarks, scheme: LandmarkScheme) -> npt.NDArray[np.bool_]:
    """Which places of a face (K,), in the order of :func:`all_patches`, show it: ``visible`` (S, S) 0..1 and
    the landmarks ``points`` are of its crop."""
    centres = patch_centres(points, scheme)
    places = np.rint(np.concatenate([centres[name] for name in REGIONS])).astype(int)
    across, down = np.clip(places, 0, len(visible) - 1).T
    near = cv2.blur(visible, (_PATCH, _PATCH))
    return np.asarray(near[down, across] > _SEEN)


@dataclass(frozen=True, slots=True, eq=False)
class RealPatches:
    """The patches of a person's real frames. ``patches`` (K, N, D): for each of K places those of all frames,
    each at nine shifts, and ``squares`` (K, N) their sums of squares; ``region`` (K,) is the place's position
    in :data:`REGIONS`. ``usual`` (3,) is how far the person's own frames are from each other by
    :meth:`distances`, region by region."""

    patches: FloatArray
    squares: FloatArray
    region: npt.NDArray[np.int64]
    usual: Distances

    def distances(
        self,
        own: FloatArray,
        allowed: npt.NDArray[np.bool_] | None = None,
        seen: npt.NDArray[np.bool_] | None = None,
    ) -> Distances:
        """How far the patches (K, D) of a face are from the nearest real ones, region by region (3,).

        Squared differences over the sum of squares of both, summed over a region's patches, so that patches
        with much structure count most: 0 for a copy, 1 for what has nothing in common. ``allowed`` (N,)
        leaves out some of the real ones, ``seen`` (K,) places of the face that are covered; NaN for a region
        of which nothing is seen.
        """
        squares = (own * own).sum(axis=1)[:, None]
        apart = squares + self.squares - 2 * np.einsum("kd,knd->kn", own, self.patches, optimize=True)
        both = np.maximum(squares + self.squares, 1e-9)
        share = apart / both
        if allowed is not None:
            share = np.where(allowed, share, np.inf)
        best = np.argmin(share, axis=1)
        place = np.arange(len(own)) if seen is None else np.nonzero(seen)[0]
        of, nearest = self.region[place], best[place]
        sums = [np.bincount(of, all_[place, nearest], len(REGIONS)) for all_ in (apart, both)]
        with np.errstate(invalid="ignore"):
            return np.asarray(sums[0] / sums[1], dtype=np.float64)


def collect(
    frames: Sequence[tuple[FloatArray, Mapping[str, FloatArray]]],
    clip: Sequence[int],
    moment: Sequence[float],
) -> RealPatches:
    """The patches of real frames: each frame's :func:`structure` and :func:`patch_centres`, the number of its
    ``clip``, and its ``moment``, a time or frame number within the clip.

    What is usual is the mean distance of a frame from the other clips, or, where there is but one clip, from
    moments at least a quarter of its length away.
    """
    region = np.concatenate([np.full(len(frames[0][1][name]), number) for number, name in enumerate(REGIONS)])
    shifts = [(x, y) for y in (-_SHIFT, 0, _SHIFT) for x in (-_SHIFT, 0, _SHIFT)]
    shifted = []
    for picture, centres in frames:
        shifted += [all_patches(picture, centres, shift) for shift in shifts]
    patches = np.ascontiguousarray(np.stack(shifted, axis=1))
    real = RealPatches(patches, (patches * patches).sum(axis=2), region, np.full(len(REGIONS), np.nan))
    clips, moments = np.array(clip), np.array(moment, dtype=np.float64)
    several = len(set(clip)) > 1
    far = max(_APART * float(np.ptp(moments)), 1e-9)
    own = []
    for number in range(len(frames)):
        other = clips != clips[number] if several else np.abs(moments - moments[number]) >= far
        if other.any():
            middle = number * len(shifts) + len(shifts) // 2
            own.append(real.distances(patches[:, middle], np.repeat(other, len(shifts))))
    usual = np.maximum(np.mean(own, axis=0), _USUAL) if own else np.array(_USUAL)
    return RealPatches(patches, real.squares, region, usual)
