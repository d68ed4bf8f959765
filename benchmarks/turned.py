"""How far a head may turn: ``python -m benchmarks.turned``.

A scanned head (``turned_head``) turns to 95° and back in three scenes, to one side or the other. For each
range of yaws: whether the detector finds it on the still frame, whether the landmark predictor sees it there,
whether it is kept when it is followed as extraction does, and how far yaw and landmarks are from the truth.
Without the scan in the folder ``benchmarks`` of the cache there is nothing to measure; ``README.md`` says
where it comes from.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from benchmarks.landmarks import subjects
from benchmarks.table import Cell, Table, print_tables
from benchmarks.turned_head import Array, HeadPose, Placed, Scan, load, project
from facedouble.assets import cache_folder
from facedouble.errors import InputError
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around, eye_distance
from facedouble.faces.pose import head_pose
from facedouble.faces.tracklets import Observation, track_faces
from facedouble.faces.views import StillPicture
from facedouble.types import Box, Image, Landmarks

_SIZE = (360, 272)
_STEP, _FURTHEST = 2.5, 95.0
_HELD = 4  # frames for which the head rests when it is turned furthest
_SEGMENT = 30  # frames that extraction analyses by themselves
_EDGES = (0, 45, 60, 70, 80, 90, 96)  # of the ranges of yaws, in degrees
_OWN = HeadPose(7.0, -8.0)  # where the scan looks when its axes look ahead
_SAME = 0.2  # boxes that overlap more are of one face
_VISIBLE = 0.3  # cosine of the angle to the camera from which a landmark's place counts as seen
_SCENES = (
    (Placed(scale=0.62, at=(180, 140)), 1),
    (Placed(scale=0.31, at=(180, 120), light=(-0.6, 0.3, 0.7)), -1),
    (Placed(HeadPose(0, -12), 0.62, (180, 140), (0.8, 0.2, 0.5), (0.42, 0.36, 0.33)), 1),
)
"""Even light and a face of 100 pixels; light from one side and 50 pixels; dark and looking down. With the
side that the head turns to: 1 for the right of the image."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A drawn frame, how the head was placed, and the ``yaw`` in degrees at which it looks."""

    image: Image
    placed: Placed
    yaw: float


@dataclass(slots=True)
class Tally:
    """What was found on the frames of one range of yaws. Errors are in degrees and in eye distances."""

    frames: int = 0
    found: int = 0
    seen: int = 0
    kept: int = 0
    yaw_errors: list[float] = field(default_factory=list)
    point_errors: list[float] = field(default_factory=list)

    def row(self) -> list[Cell]:
        shares: list[Cell] = [
            f"{count / max(self.frames, 1):.0%}" for count in (self.found, self.seen, self.kept)
        ]
        yaw = float(np.mean(self.yaw_errors)) if self.yaw_errors else None
        points = f"{np.mean(self.point_errors):.1%}" if self.point_errors else None
        return [self.frames, *shares, yaw, points]


def measure() -> list[Table]:
    """One table. Raises ``InputError`` without the scan."""
    cv2.setNumThreads(1)
    scan = load(cache_folder() / "benchmarks")
    if scan is None:
        raise InputError(
            f"james.obj and james.jpg of menpo3d 0.8.6 are not in {cache_folder() / 'benchmarks'}; "
            "benchmarks/README.md says how to get them"
        )
    scenes = [sweep(scan, placed, side) for placed, side in _SCENES]
    columns = ["turned by", "frames", "detector", "landmarks", "followed", "yaw off, °", "landmarks off"]
    rows: list[list[Cell]] = []
    for subject in subjects():
        analyser = subject.analyser()
        tallies = [Tally() for _ in _EDGES[1:]]
        for frames in scenes:
            _add(tallies, frames, analyser, scan)
        for low, high, tally in zip(_EDGES, _EDGES[1:], tallies, strict=False):
            rows.append([f"{subject.name}: {low} to {high}°", *tally.row()])
    return [Table("turned", columns, rows)]


def sweep(scan: Scan, start: Placed, side: int) -> list[Frame]:
    """The head turns to one side and back, with a little motion besides, in front of coloured blots."""
    up = np.arange(0, _FURTHEST + 0.1, _STEP)
    yaws = side * np.array([*up, *[_FURTHEST] * _HELD, *up[::-1]])
    random = np.random.default_rng(0)
    blots = cv2.GaussianBlur(random.uniform(0, 255, (*_SIZE[::-1], 3)).astype(np.float32), (0, 0), 9)
    background = np.clip((blots - blots.mean()) * 9 + 110, 0, 255).astype(np.uint8)
    frames = []
    for number, yaw in enumerate(yaws):
        pose = replace(start.pose, yaw=float(yaw) - _OWN.yaw, pitch=start.pose.pitch - _OWN.pitch)
        at = (start.at[0] + 12 * np.sin(number / 9), start.at[1] + 5 * np.sin(number / 7))
        placed = replace(start, pose=pose, at=(float(at[0]), float(at[1])))
        noise = random.normal(0, 2, background.shape)
        image = np.clip(scan.draw(background, placed) + noise, 0, 255).astype(np.uint8)
        frames.append(Frame(image, placed, float(yaw)))
    return frames


@dataclass(frozen=True, eq=False)
class Truth:
    """Where the landmarks of a frontal frame lie on the scan, ``places`` (P, 3), NaN for those beside it, the
    directions ``normals`` (P, 3) in which the surface looks there, and the eye distance there in
    millimetres."""

    places: Array
    normals: Array
    eye_distance: float

    @classmethod
    def of(cls, frame: Frame, analyser: FaceAnalyser, scan: Scan) -> Truth:
        """Raises ``ValueError`` if the frame shows no face to the analyser."""
        faces = analyser.search_image(frame.image)
        if not faces:
            raise ValueError("no face on the frontal frame")
        landmarks = faces[0].landmarks
        places = scan.surface(landmarks, frame.placed, _SIZE)
        apart = np.linalg.norm(np.nan_to_num(places)[:, None] - scan.vertices, axis=2)
        size = eye_distance(landmarks, analyser.scheme) / frame.placed.scale
        return cls(places, scan.normals[apart.argmin(axis=1)], size)

    def box(self, frame: Frame, analyser: FaceAnalyser) -> Box:
        return box_around(self.points(frame), analyser.scheme)

    def points(self, frame: Frame) -> Landmarks:
        return project(self.places, frame.placed)[:, :2].astype(np.float32)

    def error(self, found: Landmarks, frame: Frame, analyser: FaceAnalyser) -> float:
        """Mean distance of the landmarks within the face on the side that is seen, in eye distances."""
        inner = list(analyser.scheme.inner)
        facing = (self.normals[inner] @ frame.placed.pose.rotation.T)[:, 2] > _VISIBLE
        apart = np.linalg.norm(found[inner] - self.points(frame)[inner], axis=1)[facing]
        return float(np.nanmean(apart)) / (self.eye_distance * frame.placed.scale)


def _add(tallies: Sequence[Tally], frames: Sequence[Frame], analyser: FaceAnalyser, scan: Scan) -> None:
    truth = Truth.of(frames[0], analyser, scan)
    followed = _followed(frames, analyser)
    for number, frame in enumerate(frames):
        tally, there = tallies[int(np.digitize(abs(frame.yaw), _EDGES[1:-1]))], truth.box(frame, analyser)
        tally.frames += 1
        tally.found += any(
            there.overlap(seen.box) > _SAME for seen in analyser.detector.detect(frame.image, thorough=True)
        )
        tally.seen += any(
            there.overlap(box_around(face.landmarks, analyser.scheme)) > _SAME
            for face in analyser.search_image(frame.image)
        )
        own = followed.get(number)
        if own is None or there.overlap(box_around(own.landmarks, analyser.scheme)) < _SAME:
            continue
        tally.kept += 1
        yaw = head_pose(own.landmarks, analyser.scheme, own.depth).yaw
        # Beyond a profile a head looks into the picture again, and its yaw falls.
        true = frame.yaw if abs(frame.yaw) <= 90 else float(np.sign(frame.yaw)) * 180 - frame.yaw
        tally.yaw_errors.append(abs(yaw - true))
        tally.point_errors.append(truth.error(own.landmarks, frame, analyser))


def _followed(frames: Sequence[Frame], analyser: FaceAnalyser) -> dict[int, Observation]:
    """What is known of the face by frame, found segment by segment as in extraction."""
    found: dict[int, Observation] = {}
    for first in range(0, len(frames), _SEGMENT):
        part = [StillPicture(frame.image) for frame in frames[first : first + _SEGMENT + 1]]
        for tracklet in track_faces(part, (), analyser):
            for own in tracklet.observations:
                if own.position < _SEGMENT:
                    found.setdefault(first + own.position, own)
    return found


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(prog="python -m benchmarks.turned", description=__doc__).parse_args()
    print_tables(measure())


if __name__ == "__main__":
    main()
