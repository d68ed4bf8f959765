"""What a face does, as a vector: the shape of brows, lids and lips, how far eyes and mouth are open, where
the eyes look, and where the head points.

Models that have a geometry code are told this beside the picture, so that no training has to discover it. The
shape is that of the head seen from the front: the head's rotation and size are taken away first. Which
components there are depends on the landmark scheme; each scheme has one pure function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facedouble.faces.align import map_points, scale_of
from facedouble.faces.network_input import InputCrop
from facedouble.faces.pose import head_poses
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.faces.schemes.scheme import Eye, Indices, LandmarkScheme, Opening
from facedouble.faces.schemes.to_dlib68 import as_dlib68
from facedouble.faces.time_filters import gaussian
from facedouble.types import Face, FloatArray

_Array = npt.NDArray[np.float64]

PLACEMENT = ("roll", "size", "across", "down")
"""Components that say how the head lies in the model's view: degrees clockwise, the logarithm of its size,
and where the middle of its rigid points is; the view's centre is 0 and its edges are 1 away. Moving the
picture changes these alone."""

_SIGMA = 0.8  # frames; Gaussian along the track
_STEEP = 0.35  # smallest cosine by which a turned face is widened
_SHAPE_UNIT, _OPENING_UNIT, _GAZE_UNIT, _ANGLE_UNIT, _PLACE_UNIT = 0.01, 0.02, 0.03, 1.5, 0.01
"""The smallest deviations that are more than noise: eye distances, openings, eye widths, degrees, places."""


@dataclass(frozen=True, slots=True)
class LandmarkTrack:
    """Landmarks of N faces in the model's view: ``points`` (N, P, 2) in the unit of :data:`PLACEMENT`,
    ``depth`` (N, P) in the same unit, NaN where it is not known."""

    points: _Array
    depth: _Array


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """How faces of a landmark scheme are described. ``version`` changes whenever the numbers come to mean
    something else.

    ``components`` names the K numbers; ``units`` (K,) are the smallest deviations that are more than noise.
    ``mirrored`` (K,) says which component each becomes in a mirrored picture, and ``signs`` (K,) its sign.
    """

    scheme: LandmarkScheme
    version: int
    components: tuple[str, ...]
    units: FloatArray
    mirrored: npt.NDArray[np.int64]
    signs: FloatArray
    describe: Callable[[LandmarkTrack], _Array] = field(repr=False)

    @property
    def name(self) -> str:
        return self.scheme.name

    @property
    def count(self) -> int:
        return len(self.components)

    def describes(self, face: Face) -> bool:
        """Whether the landmarks of ``face`` are of this scheme, or can be brought to it."""
        return face.scheme == self.name or self.name == DLIB68.name

    @property
    def placement(self) -> tuple[int, ...]:
        """Where the components of :data:`PLACEMENT` are."""
        return tuple(self.components.index(name) for name in PLACEMENT)


def lid_components(geometry: Geometry) -> Mapping[int, list[int]]:
    """For the component that says how far an eye is open, which components shutting it moves."""
    found: dict[int, list[int]] = {}
    for side, eye in zip(("right", "left"), geometry.scheme.regions.eyes, strict=True):
        names = [f"{side}_eye_open", *(f"point_{point}_down" for point in eye.contour)]
        places = [geometry.components.index(name) for name in names if name in geometry.components]
        found[places[0]] = places
    return found


def describe_faces(faces: Sequence[Face], geometry: Geometry, coverage: float) -> FloatArray:
    """What N faces of one clip do, (N, K), smoothed along each track.

    The faces of a track are in the order of their frames; ``coverage`` is the central share of the crop that
    the model sees. Raises ``InputError`` for a scheme that cannot be brought to that of ``geometry``.
    """
    if not faces:
        return np.zeros((0, geometry.count), np.float32)
    if any(face.scheme != geometry.name for face in faces):
        faces = [as_dlib68(face) for face in faces]
    view = InputCrop(1, coverage)
    alignments = [view.alignment(face.alignment, face.crop_size) for face in faces]
    points = [2 * map_points(matrix, face.smoothed) for matrix, face in zip(alignments, faces, strict=True)]
    unknown = np.full(geometry.scheme.count, np.nan)
    depths = [
        unknown if face.depth is None else 2 * scale_of(matrix) * face.depth
        for matrix, face in zip(alignments, faces, strict=True)
    ]
    track = LandmarkTrack(np.stack(points).astype(np.float64), np.stack(depths).astype(np.float64))
    described = geometry.describe(track).astype(np.float32)
    for run in _runs(faces):
        described[run] = gaussian(described[run], _SIGMA)
    return described


def _runs(faces: Sequence[Face]) -> list[list[int]]:
    """Positions of faces that follow each other frame by frame on one track."""
    runs: list[list[int]] = []
    last: dict[int, tuple[int, list[int]]] = {}
    for position, face in enumerate(faces):
        frame, run = last.get(face.track, (-2, []))
        if face.frame_index != frame + 1:
            run = []
            runs.append(run)
        run.append(position)
        last[face.track] = face.frame_index, run
    return runs


# -- the components --------------------------------------------------------------------------------------


def _expressive(scheme: LandmarkScheme) -> Indices:
    """The points whose place tells the expression; of a dense mesh every second."""
    parts = scheme.regions
    step = 2 if scheme.count > 100 else 1
    middle = len(parts.jaw) // 2
    chin = parts.jaw[middle - 2 : middle + 3 : 2]
    eyes = [eye.contour[::step] for eye in parts.eyes]
    groups = (parts.brows, *eyes, parts.outer_lips[::step], parts.inner_lips[::step], chin)
    return tuple(point for group in groups for point in group)


def _frontal(track: LandmarkTrack, scheme: LandmarkScheme) -> tuple[_Array, _Array]:
    """Points (N, P, 2) of heads seen from the front, in eye distances from the middle of their rigid points;
    and yaw, pitch, roll, size, across and down (N, 6)."""
    yaw, pitch, roll = head_poses(track.points, scheme, track.depth)[:, :3].T
    rotation = _rotations(np.radians(yaw), np.radians(pitch), np.radians(roll))
    weights = scheme.weights.rigid / scheme.weights.rigid.sum()
    centred = scheme.shape - weights @ scheme.shape
    middle = np.einsum("p,npa->na", weights, track.points)
    seen = track.points - middle[:, None]
    model = np.einsum("nab,pb->npa", rotation[:, :2], centred)
    size = np.einsum("p,npa->n", weights, model * seen) / np.einsum("p,npa->n", weights, model**2)
    solid = ~np.isnan(track.depth).all(axis=1)
    deep = np.broadcast_to(centred[:, 2], seen.shape[:2]).copy()
    if solid.any():
        away = track.depth[solid] - (track.depth[solid] @ weights)[:, None]
        space = np.dstack([seen[solid], away]) / size[solid, None, None]
        deep[solid] = np.einsum("nb,npb->np", rotation[solid][:, :, 2], space)
    # What is seen of each point, without what its depth adds to it: the rest is turned to the front.
    flat = seen / size[:, None, None] - rotation[:, None, :2, 2] * deep[..., None]
    shape = np.einsum("nab,npb->npa", _widened(rotation[:, :2, :2]), flat) / scheme.eye_distance
    pose = np.column_stack([yaw, pitch, roll, np.log(np.maximum(size, 1e-6)), middle])
    return shape, pose


def _widened(seen: _Array) -> _Array:
    """The inverse of how turned heads (N, 2, 2) are seen, bounded where a profile hides nearly everything."""
    u, scales, v = np.linalg.svd(seen)
    return np.asarray(np.einsum("nba,nb,ncb->nac", v, 1 / np.maximum(scales, _STEEP), u))


def _rotations(yaw: _Array, pitch: _Array, roll: _Array) -> _Array:
    """Matrices (N, 3, 3) whose angles are these, in radians; see :mod:`facedouble.faces.pose`."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(*entries: _Array) -> _Array:
        return np.stack(entries, axis=1).reshape(-1, 3, 3)

    about_z = matrix(
        np.cos(roll), -np.sin(roll), zero, np.sin(roll), np.cos(roll), zero, zero, zero, one
    )  # fmt: skip
    about_y = matrix(np.cos(yaw), zero, -np.sin(yaw), zero, one, zero, np.sin(yaw), zero, np.cos(yaw))
    about_x = matrix(one, zero, zero, zero, np.cos(pitch), np.sin(pitch), zero, -np.sin(pitch), np.cos(pitch))
    return np.asarray(about_z @ about_y @ about_x)


def _opening(shape: _Array, opening: Opening) -> _Array:
    left, right = opening.corners
    width = np.linalg.norm(shape[:, right] - shape[:, left], axis=1)
    upper, lower = zip(*opening.pairs, strict=True)
    gap = (shape[:, list(lower), 1] - shape[:, list(upper), 1]).mean(axis=1)
    return np.asarray(gap / np.maximum(width, 1e-6))


def _gaze(shape: _Array, eye: Eye) -> _Array:
    """Where the iris is between the corners of its eye (N, 2), in widths of the eye from the middle; 0 where
    it is missing."""
    left, right = eye.opening.corners
    middle = (shape[:, left] + shape[:, right]) / 2
    width = np.linalg.norm(shape[:, right] - shape[:, left], axis=1, keepdims=True)
    return np.asarray(np.nan_to_num((shape[:, eye.iris[0]] - middle) / np.maximum(width, 1e-6)))


def _mirror_of(scheme: LandmarkScheme) -> Mapping[int, int]:
    """For each point the one in its place in a mirrored picture."""
    across = scheme.mean_shape.astype(np.float64) * (-1, 1) + (1, 0)
    distance = np.linalg.norm(across[:, None] - scheme.mean_shape[None], axis=2)
    return dict(enumerate(distance.argmin(axis=1).tolist()))


def make_geometry(scheme: LandmarkScheme, version: int) -> Geometry:
    """The description of faces with landmarks of ``scheme``: pose and place of the head, openings, gaze where
    there are irises, and the frontal shape of brows, lids, lips and chin."""
    points = _expressive(scheme)
    names = ["yaw", "pitch", *PLACEMENT, "right_eye_open", "left_eye_open", "mouth_open"]
    units = [_ANGLE_UNIT] * 3 + [_PLACE_UNIT] * 3 + [_OPENING_UNIT] * 3
    opposite = {name: (name, 1) for name in names}
    opposite |= {"yaw": ("yaw", -1), "roll": ("roll", -1), "across": ("across", -1)}
    opposite |= {"right_eye_open": ("left_eye_open", 1), "left_eye_open": ("right_eye_open", 1)}
    eyes = dict(zip(("right", "left"), scheme.regions.eyes, strict=True))
    sighted = [side for side, eye in eyes.items() if eye.iris]
    for side in sighted:
        other = {"right": "left", "left": "right"}[side]
        for axis, sign in (("across", -1), ("down", 1)):
            names.append(f"{side}_gaze_{axis}")
            units.append(_GAZE_UNIT)
            opposite[names[-1]] = f"{other}_gaze_{axis}", sign
    mirror = _mirror_of(scheme)
    for point in points:
        for axis, sign in (("across", -1), ("down", 1)):
            names.append(f"point_{point}_{axis}")
            units.append(_SHAPE_UNIT)
            opposite[names[-1]] = f"point_{mirror[point]}_{axis}", sign

    def describe(track: LandmarkTrack) -> _Array:
        shape, pose = _frontal(track, scheme)
        openings = [_opening(shape, eye.opening) for eye in eyes.values()]
        parts = [pose, np.column_stack([*openings, _opening(shape, scheme.regions.mouth)])]
        parts += [_gaze(shape, eyes[side]) for side in sighted]
        return np.column_stack([*parts, shape[:, list(points)].reshape(len(shape), -1)])

    return Geometry(
        scheme,
        version,
        tuple(names),
        np.array(units, dtype=np.float32),
        np.array([names.index(opposite[name][0]) for name in names]),
        np.array([opposite[name][1] for name in names], dtype=np.float32),
        describe,
    )


MEDIAPIPE478_GEOMETRY = make_geometry(MEDIAPIPE478, 1)
DLIB68_GEOMETRY = make_geometry(DLIB68, 1)
