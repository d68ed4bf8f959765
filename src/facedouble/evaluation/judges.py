"""Who judges a result: every landmark scheme that is installed, and first one that did not drive the swap.

A swap follows the landmarks with which its faces were found. Judged by those alone, whatever they miss is
missed again. All schemes are compared at the same places, those of dlib68, so that their values and what is
good are comparable; gaze alone is each scheme's own, as only some have irises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedouble.errors import AssetError
from facedouble.evaluation.expression import gaze
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around
from facedouble.faces.pose import face_poses
from facedouble.faces.registry import LANDMARK_PREDICTORS
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faces.schemes.to_dlib68 import TO_DLIB68
from facedouble.types import Detection, Face, Image, Landmarks

_MIN_PRESENCE = 0.5
_MIN_OVERLAP = 0.3  # intersection over union of the face found with the face that is there


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one judge finds of a face in a result and in its source. ``native`` are its landmarks of both as
    they are, (2, P, 2), ``points`` those in the places that judges are compared at, and ``depth`` (2, P)
    theirs, NaN where the scheme knows none; ``gaze`` (2,). ``found``: whether both are of the face that is
    there."""

    native: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    depth: npt.NDArray[np.float32]
    gaze: tuple[float, float]
    found: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What one judge found in the N frames of a result. ``found`` (N,): where it saw the face. The others are
    of those M frames alone: their numbers ``index`` (M,), ``landmarks`` and ``source_landmarks`` (M, P, 2),
    in frame pixels, which follow ``scheme``, and ``gaze`` (M, 2): result, source."""

    name: str
    found: npt.NDArray[np.bool_]
    index: npt.NDArray[np.int64]
    landmarks: npt.NDArray[np.float32]
    source_landmarks: npt.NDArray[np.float32]
    depth: npt.NDArray[np.float32]
    gaze: npt.NDArray[np.float64]
    scheme: LandmarkScheme


class Judge:
    """One landmark scheme that looks at results."""

    def __init__(self, analyser: FaceAnalyser) -> None:
        self.analyser = analyser
        self.name = analyser.scheme.name
        self._change = TO_DLIB68.get(self.name)
        self._scheme = analyser.scheme if self._change is None else DLIB68

    def look(self, images: tuple[Image, Image], face: Face) -> Sighting:
        """The face in result and source, from the same starting point."""
        start = self._start(images[1], face)
        both = self.analyser.refine_all(images, [start, start])
        native = np.stack([seen.points for seen in both])
        there = box_around(face.landmarks, scheme_of(face))
        found = all(
            (seen.presence is None or seen.presence >= _MIN_PRESENCE)
            and box_around(seen.points, self.analyser.scheme).overlap(there) >= _MIN_OVERLAP
            for seen in both
        )
        seen_gaze = [
            gaze(image, points, self.analyser.scheme) for image, points in zip(images, native, strict=True)
        ]
        depth = np.stack(
            [
                np.full(len(seen.points), np.nan, np.float32) if seen.depth is None else seen.depth
                for seen in both
            ]
        )
        points = native
        if self._change is not None:
            points, depth = self._change(native), self._change(depth[..., None])[..., 0]
        return Sighting(native, points, depth, (seen_gaze[0], seen_gaze[1]), found)

    def judged(self, index: Sequence[int], sightings: Sequence[Sighting]) -> Judged:
        """The sightings in the frames ``index``, put together."""
        found = np.array([sighting.found for sighting in sightings])
        points = np.stack([sighting.points for sighting in sightings])[found]
        return Judged(
            self.name,
            found,
            np.array(index)[found],
            points[:, 0],
            points[:, 1],
            np.stack([sighting.depth for sighting in sightings])[found],
            np.array([sighting.gaze for sighting in sightings], dtype=np.float64)[found],
            self._scheme,
        )

    def _start(self, source: Image, face: Face) -> Landmarks:
        """Landmarks of this scheme near a face: its own, or what is found in the box around them."""
        if face.scheme == self.name:
            return face.landmarks
        roll = float(face_poses([face], "landmarks")[0, 2])
        detection = Detection(box_around(face.landmarks, scheme_of(face)), face.confidence, roll)
        return self.analyser.predictor.predict(source, [detection])[0].points


def available_judges(driver: str) -> list[Judge]:
    """Every scheme that is installed. The first decides: one that is not the ``driver``, the scheme that the
    swap follows, if there is any."""
    judges = []
    for name in LANDMARK_PREDICTORS:
        try:
            LANDMARK_PREDICTORS.prepare(name)
        except AssetError:
            continue  # describe_judges says what is not installed
        judges.append(Judge(FaceAnalyser(landmarks=name)))
    return sorted(judges, key=lambda judge: judge.name == driver)


def describe_judges(driver: str, seen: Mapping[str, int], frames: int) -> str:
    """One sentence on who judged: ``seen`` is in how many of the ``frames`` each judge saw the face, the one
    that decides first."""
    first, *others = seen
    if first == driver:
        missing = " and ".join(name for name in LANDMARK_PREDICTORS if name not in seen)
        text = f"Landmarks are judged by {first}, which the swap follows as well"
        text += f"; with {missing} installed it would be judged independently." if missing else "."
    else:
        beside = f"; the values of {' and '.join(others)} stand beside" if others else ""
        text = f"Landmarks are judged by {first}; the swap follows {driver}{beside}."
    for name, count in seen.items():
        if count < frames:
            text += f" {name} saw no face, or one that is covered, in {frames - count} of {frames} frames, "
            text += "which do not count."
    return text
