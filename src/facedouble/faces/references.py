"""Keeping the faces of some people and leaving out those of others, by pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedouble.errors import InputError
from facedouble.faces.analyser import FaceAnalyser
from facedouble.settings.people import FaceChoice
from facedouble.types import Descriptor, Face, FaceStatus
from facedouble.video.images import read_image


@dataclass(frozen=True, slots=True)
class References:
    """Descriptors (128,) of the people wanted and of those not wanted, and the largest distance at which a
    face is taken for one of them."""

    wanted: Sequence[Descriptor]
    unwanted: Sequence[Descriptor]
    threshold: float

    @classmethod
    def read(cls, choice: FaceChoice, analyser: FaceAnalyser | None = None) -> References | None:
        """The references that a choice of faces names; ``None`` if it names none.

        If a picture shows several faces, the largest counts. Raises ``InputError`` for a picture that
        cannot be read or shows no face.
        """
        if not choice.filter and not choice.nfilter:
            return None
        analyser = analyser or FaceAnalyser()
        return cls(
            [_describe(path, analyser) for path in choice.filter],
            [_describe(path, analyser) for path in choice.nfilter],
            choice.threshold,
        )

    def classify(self, track: Sequence[Face]) -> list[Face]:
        """Faces of one track with their distances to the references and the status that follows.

        A face without a descriptor gets that of the face of its track nearest in time. It is a ``stranger``
        if it resembles nobody wanted, and ``unwanted`` if it resembles somebody not wanted, and nobody
        wanted more.
        """
        described = [face for face in track if face.descriptor is not None]
        if not described:
            return list(track)
        return [self._classified(face, _nearest(face, described)) for face in track]

    def _classified(self, face: Face, descriptor: Descriptor) -> Face:
        wanted = _distance(descriptor, self.wanted)
        unwanted = _distance(descriptor, self.unwanted)
        status: FaceStatus = face.status
        if wanted is not None and wanted > self.threshold:
            status = "stranger"
        elif unwanted is not None and unwanted <= self.threshold and (wanted is None or unwanted <= wanted):
            status = "unwanted"
        return face.with_(wanted_distance=wanted, unwanted_distance=unwanted, status=status)


def _describe(path: Path, analyser: FaceAnalyser) -> Descriptor:
    image = read_image(path)
    found = analyser.search_image(image)
    if not found:
        raise InputError(f"{path}: no face was found in this reference picture")
    return analyser.describe(image, found[0].landmarks)


def _nearest(face: Face, described: Sequence[Face]) -> Descriptor:
    nearest = min(described, key=lambda other: abs(other.frame_index - face.frame_index))
    assert nearest.descriptor is not None
    return nearest.descriptor


def _distance(descriptor: Descriptor, references: Sequence[Descriptor]) -> float | None:
    return min((float(np.linalg.norm(descriptor - other)) for other in references), default=None)
