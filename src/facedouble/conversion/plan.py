"""Which faces of a source are replaced, frame by frame, and all that has to be known of each beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import InputError
from facedouble.faces.colour import smooth_statistics
from facedouble.faceset import Faceset
from facedouble.types import Face, FloatArray
from facedouble.video.source import source_hash


@dataclass(frozen=True, slots=True)
class Planned:
    """A face to replace, and the colour statistics (2, 3) of its surroundings in time."""

    face: Face
    colour: FloatArray


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
    for face, colour in zip(every, smooth_statistics(every), strict=True):
        if face.key in kept:
            plan.setdefault(face.frame_index, []).append(Planned(face, colour))
    return plan, len(every) - len(kept)
