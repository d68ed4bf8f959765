"""Keeping the faces of some people and leaving out those of others, by pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facedouble.config import ExtractSettings
from facedouble.errors import InputError
from facedouble.faces.analyser import FaceAnalyser
from facedouble.types import Descriptor, Face, FaceStatus
from facedouble.video.images import read_image


@dataclass(frozen=True, slots=True)
class References:
    """Descriptors of the people wanted and of those not wanted, and the distance up to which a face
    is taken for one of them."""

    wanted: Sequence[Descriptor]
    unwanted: Sequence[Descriptor]
    threshold: float

    @classmethod
    def read(cls, settings: ExtractSettings) -> References | None:
        """The references that the settings name; ``None`` when they name none.

        Raises ``InputError`` for a picture that cannot be read or shows no face. Of several faces
        in a picture the largest counts.
        """
        if not settings.filter and not settings.nfilter:
            return None
        finder = FaceAnalyser(settings.detector)
        return cls(
            [_describe(path, finder) for path in settings.filter],
            [_describe(path, finder) for path in settings.nfilter],
            settings.ref_threshold,
        )

    def judge(self, track: Sequence[Face]) -> list[Face]:
        """Faces of one track with their distances to the references, and the verdict.

        A face without a descriptor is judged by the described face of its track nearest in time. It
        is ``stranger`` when it is like nobody wanted, ``unwanted`` when it is like somebody not wanted
        and no more like those wanted.
        """
        described = [face for face in track if face.descriptor is not None]
        if not described:
            return list(track)
        return [self._judged(face, _nearest(face, described)) for face in track]

    def _judged(self, face: Face, descriptor: Descriptor) -> Face:
        wanted = _distance(descriptor, self.wanted)
        unwanted = _distance(descriptor, self.unwanted)
        verdict: FaceStatus = face.status
        if wanted is not None and wanted > self.threshold:
            verdict = "stranger"
        elif unwanted is not None and unwanted <= self.threshold and (wanted is None or unwanted <= wanted):
            verdict = "unwanted"
        return face.with_(wanted_distance=wanted, unwanted_distance=unwanted, status=verdict)


def _describe(path: Path, finder: FaceAnalyser) -> Descriptor:
    image = read_image(path)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    found = finder.look(image if finder.detector.colour else grey, grey, thorough=True)
    if not found:
        raise InputError(f"{path}: no face was found in this reference picture")
    return finder.describe(image, found[0].landmarks)


def _nearest(face: Face, described: Sequence[Face]) -> Descriptor:
    nearest = min(described, key=lambda other: abs(other.frame_index - face.frame_index))
    assert nearest.descriptor is not None
    return nearest.descriptor


def _distance(descriptor: Descriptor, references: Sequence[Descriptor]) -> float | None:
    return min((float(np.linalg.norm(descriptor - other)) for other in references), default=None)
