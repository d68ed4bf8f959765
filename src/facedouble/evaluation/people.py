"""Who a face of a result is to be, who it was, and who else there is: descriptors of known people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facedouble.assets import demo_clips, have_demo_clips
from facedouble.errors import InputError
from facedouble.evaluation.metrics import fine_detail
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.identity import SAME_PERSON
from facedouble.faces.network_input import InputCrop
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import Descriptor, Image, Landmarks
from facedouble.video.images import read_image
from facedouble.video.sampling import frames_at
from facedouble.video.source import open_source

DETAIL_VIEW = InputCrop(128, 0.7)
"""What fine detail is compared on: the face 128 pixels wide, whatever it was or the model draws."""

_MOST_CROPS = 60
_FRAMES_OF_A_CLIP = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Someone known: ``descriptors`` (N, 128) of their faces, N at least 1, and the mean fine detail of
    their real faces seen through :data:`DETAIL_VIEW`."""

    name: str
    descriptors: npt.NDArray[np.float32]
    detail: float = float("nan")

    @property
    def mean(self) -> Descriptor:
        return np.asarray(self.descriptors.mean(axis=0), dtype=np.float32)


def know(name: str, facesets: Sequence[Path], *, detail: bool = False) -> Person:
    """What a person's facesets say of them. ``detail`` asks for their fine detail too, of up to 60 of
    their crops. Raises ``InputError`` where no face has a descriptor."""
    descriptors: list[Descriptor] = []
    details: list[float] = []
    for path in facesets:
        with Faceset.open(path) as faceset:
            faces = faceset.faces()
            descriptors += [face.descriptor for face in faces if face.descriptor is not None]
            step = max(1, len(faces) * len(facesets) // _MOST_CROPS)
            for face in faces[::step] if detail else ():
                inner = DETAIL_VIEW.alignment(np.eye(2, 3), face.crop_size)
                points = map_points(inner, map_points(face.alignment, face.smoothed))
                details.append(detail_of(read_image(faceset.crop_path(face)), inner, points, scheme_of(face)))
    if not descriptors:
        raise InputError(f"{', '.join(map(str, facesets))}: no face with a descriptor; extract again")
    return Person(name, np.stack(descriptors), float(np.mean(details)) if details else float("nan"))


def detail_of(
    image: Image, alignment: npt.NDArray[np.float64], points: Landmarks, scheme: LandmarkScheme
) -> float:
    """Fine detail of the face that ``alignment`` cuts out of ``image``; ``points`` are its landmarks in
    the cut-out's pixels."""
    size = DETAIL_VIEW.resolution
    return fine_detail(extract_crop(image, alignment, size), inner_face_mask(points, size, scheme))


def strangers(known: Sequence[Person]) -> list[Person]:
    """People of the demonstration's clips, where these are on this machine, but for those who are one
    of ``known``: others for a face to be taken for."""
    if not have_demo_clips():
        return []
    clips = demo_clips()
    found = []
    for number, of_person in enumerate((clips.a, clips.b), start=1):
        described = []
        for descriptor in _described(of_person):
            described.append(descriptor)
            if any(np.linalg.norm(descriptor - person.mean) < SAME_PERSON for person in known):
                described.clear()
                break
        if described:
            found.append(Person(f"actor {number} of the demonstration", np.stack(described)))
    return found


def _described(clips: Sequence[Path]) -> Iterator[Descriptor]:
    """Descriptors of the largest face of a few frames of each clip."""
    analyser = FaceAnalyser()
    for clip in clips:
        source = open_source(clip)
        step = max(1, source.info.frames // _FRAMES_OF_A_CLIP)
        for frame in frames_at(source, range(0, source.index.count, step)):
            for face in analyser.search(frame.grey(), frame.grey())[:1]:
                yield analyser.describe(frame.rgb(), face.landmarks)


def nearest(descriptors: npt.NDArray[np.floating], gallery: Sequence[Person]) -> npt.NDArray[np.int64]:
    """Whose single face is nearest to each descriptor (N, 128): numbers (N,) of people in ``gallery``."""
    distances = [
        np.linalg.norm(descriptors[:, None] - person.descriptors[None], axis=2).min(axis=1)
        for person in gallery
    ]
    return np.asarray(np.argmin(distances, axis=0), dtype=np.int64)
