"""The description of a set of landmarks: which points there are, what each is, and what each is good for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.faces.registry import DEFAULT_SCHEME, LANDMARK_SCHEMES
from facedouble.types import Landmarks

Indices = tuple[int, ...]
"""Numbers of points within a scheme, from 0."""

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Opening:
    """Where to measure how far an eye or a mouth is open.

    ``corners`` are its two corners, the one at the left of the image first. ``pairs`` are points of the
    upper and of the lower edge that lie opposite each other.
    """

    corners: tuple[int, int]
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Eye:
    """The points of one eye: the closed ``contour`` between the lids, in drawing order; ``iris``, its centre
    first, is empty in schemes without irises."""

    contour: Indices
    opening: Opening
    iris: Indices = ()


@dataclass(frozen=True, slots=True)
class Regions:
    """The parts of a face. Left and right are the person's, so the right eye is at the left of the image.

    ``jaw`` runs from the right ear over the chin to the left ear. Brows run from left to right in the image.
    Lips are closed contours in drawing order. ``nose_base`` is the point between the nostrils.
    """

    jaw: Indices
    right_brow: Indices
    left_brow: Indices
    nose: Indices
    nose_base: int
    right_eye: Eye
    left_eye: Eye
    outer_lips: Indices
    inner_lips: Indices
    mouth: Opening

    @property
    def eyes(self) -> tuple[Eye, Eye]:
        """The right eye, then the left one."""
        return self.right_eye, self.left_eye

    @property
    def brows(self) -> Indices:
        return self.right_brow + self.left_brow

    @property
    def lips(self) -> Indices:
        return self.outer_lips + self.inner_lips

    @property
    def points(self) -> Indices:
        """The points of all regions, each once, in order. A dense mesh has many others, which would hide a
        face if they were drawn."""
        return tuple(sorted({index for region in self.named().values() for index in region}))

    def named(self) -> dict[str, Indices]:
        """Every region as indices, by name."""
        return {
            "jaw": self.jaw,
            "right_brow": self.right_brow,
            "left_brow": self.left_brow,
            "nose": self.nose,
            "right_eye": self.right_eye.contour,
            "left_eye": self.left_eye.contour,
            "right_iris": self.right_eye.iris,
            "left_iris": self.left_eye.iris,
            "outer_lips": self.outer_lips,
            "inner_lips": self.inner_lips,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """How much each of P points counts, arrays (P,), at least 0.

    ``alignment``: in fitting the crop. ``rigid``: points that expression moves little, from which the pose of
    the head is estimated; ``across`` and ``down`` are used in their place for its horizontal and vertical
    coordinates.
    """

    alignment: _Array
    rigid: _Array
    across: _Array
    down: _Array


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkScheme:
    """A set of P landmarks.

    ``version`` changes whenever the same name comes to mean other points. Raises ``ValueError`` for a
    description that contradicts itself.
    """

    name: str
    version: int
    mean_shape: Landmarks
    """(P, 2): where the points of an average, frontal, symmetric face lie in a crop, as shares of its side.
    All schemes place the same face at the same spot, so that crops do not depend on the scheme."""
    depth: _Array
    """(P,): how far each point lies in front of a plane through the ears, in the unit of ``mean_shape``."""
    regions: Regions
    weights: Weights
    inner: Indices
    """The points within the face. Their centre and spread say where a face is and how large."""
    stable: Indices
    """Nose and eyes: points that must agree with the motion of the picture while a face is tracked."""
    tracking: tuple[Indices, ...]
    """Places whose motion in the picture is tracked: each the mean of these points of the mean shape."""
    hull: Indices
    """The points whose convex hull is the face."""
    warp_handles: Indices
    """The points by which training bends a picture towards another face: few, as each costs time."""
    detector_box: tuple[float, float]
    """The box of dlib's frontal detector in units of the size of the inner face: how far its centre lies
    below theirs, and its side."""
    optional: frozenset[int] = frozenset()
    """Points that may be missing (NaN), such as irises of shut eyes."""
    expressions: tuple[str, ...] = ()
    """Names of the expression values, such as blendshapes, that the predictor derives from the landmarks."""
    shape: _Array = field(init=False, repr=False)
    """(P, 3): the mean face in space; x and y as in ``mean_shape``, z away from the camera."""

    def __post_init__(self) -> None:
        self._validate()
        flat = self.mean_shape.astype(np.float64)
        object.__setattr__(self, "shape", np.column_stack([flat, -self.depth]))
        for array in (self.mean_shape, self.depth, self.shape):
            array.flags.writeable = False

    @property
    def count(self) -> int:
        """How many points there are."""
        return len(self.mean_shape)

    @property
    def required(self) -> Indices:
        """The points that every face has."""
        return tuple(i for i in range(self.count) if i not in self.optional)

    @property
    def face_width(self) -> float:
        """Distance between the ends of the jaw, as a share of the crop's side."""
        jaw = self.regions.jaw
        return float(self.mean_shape[jaw[-1], 0] - self.mean_shape[jaw[0], 0])

    @property
    def eye_distance(self) -> float:
        """Distance between the centres of the eyes in space, in the unit of ``shape``."""
        right, left = (self.shape[list(eye.contour)].mean(axis=0) for eye in self.regions.eyes)
        return float(np.linalg.norm(right - left))

    def known(self, landmarks: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        """Which points (..., P) of landmarks (..., P, 2) are not missing."""
        return np.asarray(~np.isnan(landmarks).any(axis=-1))

    def points(self, landmarks: Landmarks, indices: Sequence[int]) -> Landmarks:
        """The points (K, 2) with these ``indices`` of landmarks (P, 2), without those that are missing."""
        chosen = landmarks[list(indices)]
        return chosen[~np.isnan(chosen).any(axis=1)] if self.optional else chosen

    def _validate(self) -> None:
        count = self.count
        arrays = (self.depth, *(getattr(self.weights, name) for name in Weights.__slots__))
        if self.mean_shape.shape != (count, 2) or any(array.shape != (count,) for array in arrays):
            raise ValueError(f"{self.name}: mean shape, depth and weights are of different numbers of points")
        if any((array < 0).any() or not array.any() for array in arrays[1:]):
            raise ValueError(f"{self.name}: weights must be at least 0, and not all of them 0")
        regions = self.regions
        if len(regions.jaw) < 2:
            raise ValueError(f"{self.name}: the jaw needs two points at least, from ear to ear")
        used: list[Indices] = [
            *regions.named().values(),
            self.inner,
            self.stable,
            self.hull,
            self.warp_handles,
        ]
        openings = (regions.mouth, *(eye.opening for eye in regions.eyes))
        needed = [regions.nose_base, *self.warp_handles]
        for eye in regions.eyes:
            needed += eye.contour
        for opening in openings:
            needed += [*opening.corners, *(point for pair in opening.pairs for point in pair)]
        if any(not 0 <= i < count for group in (*used, *self.tracking, needed) for i in group):
            raise ValueError(f"{self.name}: a region names a point that does not exist")
        if self.optional & set(needed):
            raise ValueError(
                f"{self.name}: eyes, corners of the mouth, nose base and handles cannot be optional"
            )


class HasLandmarks(Protocol):
    """Anything that names the scheme of its landmarks, such as a ``Face``."""

    @property
    def scheme(self) -> str: ...


def scheme_of(face: HasLandmarks) -> LandmarkScheme:
    """The scheme of a face's landmarks. Raises ``SettingsError`` for a name that is not registered."""
    return LANDMARK_SCHEMES[face.scheme]


def common_scheme(faces: Iterable[HasLandmarks]) -> LandmarkScheme:
    """The one scheme of several faces, the default for none.

    Raises ``InputError`` if they have different schemes.
    """
    names = sorted({face.scheme for face in faces})
    if len(names) > 1:
        raise InputError(
            f"landmarks of different schemes ({', '.join(names)}) cannot be mixed; extract the clips again "
            "with the same landmarks"
        )
    return LANDMARK_SCHEMES[names[0] if names else DEFAULT_SCHEME]


def group_by_scheme(faces: Sequence[HasLandmarks]) -> Mapping[str, list[int]]:
    """Positions of faces by the name of their scheme."""
    groups: dict[str, list[int]] = {}
    for position, face in enumerate(faces):
        groups.setdefault(face.scheme, []).append(position)
    return groups
