"""Which faces of a source are replaced, frame by frame, and all that has to be known of each beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from facedouble.conversion.colours import Tones
from facedouble.errors import InputError
from facedouble.faces.align import apply, inverse
from facedouble.faces.colour import smooth_statistics
from facedouble.faceset import Faceset
from facedouble.types import Face, FloatArray, Landmarks, Mask
from facedouble.video.source import source_hash

_OUTLINE_FRAMES = 1.5  # deviation of the Gaussian that smooths the outline of masks within the crop


@dataclass(frozen=True, slots=True)
class Planned:
    """A face to replace, with all of it that is steady in time.

    ``colour`` (2, 3): the colour statistics of its surroundings in time. ``outline`` (68, 2): the landmarks
    that masks are drawn from, frame pixels. ``tones``: how the drawn face takes on the frame's colours, one
    for a track. ``hidden`` (h, w) float32 0..1 over the model's view: where something is before the face;
    ``None`` where that was not looked for.
    """

    face: Face
    colour: FloatArray
    outline: Landmarks
    tones: Tones
    hidden: Mask | None = None


def make_plan(source: Path, faceset: Path) -> tuple[dict[int, list[Planned]], int]:
    """The faces to replace by frame, and how many were deleted from the faceset."""
    with Faceset.open(faceset) as store:
        if not store.complete:
            raise InputError(f"{faceset}: its extraction did not finish; run extract again with -s")
        record = store.source
        if record.sha256 != source_hash(source):
            raise InputError(f"{faceset} holds the faces of another source ({record.path}), not of {source}")
        every = [face for face in store.every_face() if face.cut]
        kept = {face.key for face in store.faces(blurry=True)}
    plan: dict[int, list[Planned]] = {}
    for item in planned(every):
        if item.face.key in kept:
            plan.setdefault(item.face.frame_index, []).append(item)
    return plan, len(every) - len(kept)


def planned(faces: Sequence[Face]) -> list[Planned]:
    """What can be said of faces, in order of frames, from what is stored of them. Their tones are those of
    their surroundings as they are; :func:`~facedouble.conversion.survey.survey` matches them better."""
    return [
        Planned(face, colour, outline, Tones(colour))
        for face, colour, outline in zip(faces, smooth_statistics(faces), outlines(faces), strict=True)
    ]


def outlines(faces: Sequence[Face]) -> list[Landmarks]:
    """The steady landmarks of faces, their shape within the crop smoothed along each track.

    The edge of a mask may not tremble with single landmarks; where the face is stays untouched.
    """
    result: list[Landmarks] = [face.steady for face in faces]
    tracks: dict[int, list[int]] = {}
    for position, face in enumerate(faces):
        tracks.setdefault(face.track, []).append(position)
    for positions in tracks.values():
        members = [faces[position] for position in positions]
        shapes = np.stack([apply(face.alignment, face.steady) / face.crop_size for face in members])
        smooth = gaussian_filter1d(shapes, _OUTLINE_FRAMES, axis=0, mode="nearest")
        for position, face, shape in zip(positions, members, smooth, strict=True):
            result[position] = apply(inverse(face.alignment), shape * face.crop_size)
    return result
