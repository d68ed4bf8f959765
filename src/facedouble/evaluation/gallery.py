"""Known people: who a result should be, who the source shows, and who else a face could be taken for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facedouble.assets import demo_clips, have_demo_clips
from facedouble.errors import InputError
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.identity import SAME_PERSON
from facedouble.faceset.store import Faceset
from facedouble.types import Descriptor
from facedouble.video.sampling import frames_at
from facedouble.video.source import open_source

_FRAMES_OF_A_CLIP = 4


@dataclass(frozen=True, slots=True)
class Person:
    """A known person: ``descriptors`` (N, 128) of their faces, N at least 1, and the number (N,) of the
    faceset that each face is of."""

    name: str
    descriptors: npt.NDArray[np.float32]
    facesets: npt.NDArray[np.int64]

    @property
    def mean(self) -> Descriptor:
        return np.asarray(self.descriptors.mean(axis=0), dtype=np.float32)

    def mean_without(self, faceset: int) -> Descriptor | None:
        """The mean of the faces of all facesets but one; ``None`` if there are no others."""
        others = self.descriptors[self.facesets != faceset]
        return np.asarray(others.mean(axis=0), dtype=np.float32) if len(others) else None

    def apart(self) -> float | None:
        """How far the faces of each faceset are from the mean of the others; ``None`` for a single one."""
        distances = [
            np.linalg.norm(self.descriptors[self.facesets == number] - mean, axis=1).mean()
            for number in np.unique(self.facesets)
            if (mean := self.mean_without(int(number))) is not None
        ]
        return float(np.mean(distances)) if distances else None


def load_person(name: str, facesets: Sequence[Path]) -> Person:
    """A person from their facesets. Raises ``InputError`` if no face has a descriptor."""
    descriptors: list[Descriptor] = []
    numbers: list[int] = []
    for number, path in enumerate(facesets):
        with Faceset.open(path) as faceset:
            descriptors += [face.descriptor for face in faceset.faces() if face.descriptor is not None]
        numbers += [number] * (len(descriptors) - len(numbers))
    if not descriptors:
        raise InputError(f"{', '.join(map(str, facesets))}: no face with a descriptor; extract again")
    return Person(name, np.stack(descriptors), np.array(numbers))


def demo_people(known: Sequence[Person]) -> list[Person]:
    """The actors of the demonstration's clips, if those are on this machine, except for anyone in ``known``:
    distractors for identity retrieval."""
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
            of_one = np.zeros(len(described), dtype=np.int64)
            found.append(Person(f"actor {number} of the demonstration", np.stack(described), of_one))
    return found


def _described(clips: Sequence[Path]) -> Iterator[Descriptor]:
    """Descriptors of the largest face in a few frames of each clip."""
    analyser = FaceAnalyser()
    for clip in clips:
        source = open_source(clip)
        step = max(1, source.info.frames // _FRAMES_OF_A_CLIP)
        for frame in frames_at(source, range(0, source.index.count, step)):
            for face in analyser.search(frame).others[:1]:
                yield analyser.describe(frame.rgb(), face.landmarks)


def nearest_person(descriptors: npt.NDArray[np.floating], gallery: Sequence[Person]) -> npt.NDArray[np.int64]:
    """For each descriptor (N, 128) the person with the nearest single face: positions (N,) in ``gallery``."""
    distances = [
        np.linalg.norm(descriptors[:, None] - person.descriptors[None], axis=2).min(axis=1)
        for person in gallery
    ]
    return np.asarray(np.argmin(distances, axis=0), dtype=np.int64)
