"""What a person's real faces look like in fine detail: what a result should look like as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedouble.evaluation import coherence, octaves
from facedouble.evaluation.coherence import RealPatches
from facedouble.evaluation.octaves import Energies
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import Alignment, FloatArray, Image, Landmarks

_MAX_CROPS = 120


@dataclass(frozen=True, slots=True)
class Appearance:
    """A person's real faces: their mean energies in each band of :mod:`~facedouble.evaluation.octaves`, and
    their ``patches``."""

    octaves: Energies
    patches: RealPatches


def load_appearance(facesets: Sequence[Path]) -> Appearance:
    """How the faces of ``facesets`` look, from up to 120 crops, evenly spread."""
    energies, frames = [], []
    clips: list[int] = []
    moments: list[float] = []
    for number, path in enumerate(facesets):
        with Faceset.open(path) as faceset:
            faces = faceset.faces()
            step = max(1, -(-len(faces) * len(facesets) // _MAX_CROPS))
            for face in faces[::step]:
                crop, scheme = faceset.read_crop(face), scheme_of(face)
                points = map_points(face.alignment, face.smoothed)
                inner, whole = (
                    view.alignment(np.eye(2, 3), face.crop_size) for view in (octaves.CROP, coherence.CROP)
                )
                energies.append(octaves.face_octaves(crop, inner, points, scheme))
                frames.append(face_structure(crop, whole, points, scheme))
                clips.append(number)
                moments.append(float(face.frame_index))
    return Appearance(np.mean(energies, axis=0), coherence.collect(frames, clips, moments))


def face_structure(
    image: Image, alignment: Alignment, points: Landmarks, scheme: LandmarkScheme
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """``coherence.structure`` of a face, and the centres of its patches there. ``alignment`` takes pixels of
    ``image`` to its ``coherence.CROP``, ``points`` are its landmarks in the pixels of ``image``."""
    size = coherence.CROP.resolution
    within = map_points(alignment, points)
    picture = coherence.structure(extract_crop(image, alignment, size), inner_face_mask(within, size, scheme))
    return picture, dict(coherence.patch_centres(within, scheme))


def face_patches(image: Image, alignment: Alignment, points: Landmarks, scheme: LandmarkScheme) -> FloatArray:
    """``coherence.all_patches`` of a face, described as for :func:`face_structure`."""
    return coherence.all_patches(*face_structure(image, alignment, points, scheme))
