"""Sorting: giving the crops names, or folders, in which a file browser shows them in a useful order.

Only names change. A crop is known by the end of its name, so a faceset whose sorting was cut off
anywhere is still the same faceset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedouble.curation.attributes import Array, brightness, face_attributes, width_in_frame
from facedouble.curation.crop_order import FrameSize, folder_of, frame_size_of
from facedouble.curation.registry import ORDERS
from facedouble.curation.review import review
from facedouble.errors import OutputError
from facedouble.faces.clustering import UNKNOWN_PERSON, assign_people
from facedouble.faces.landmarks import mouth_opening
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.layout import CROPS, crop_name
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run, operation
from facedouble.types import Face

_OWN_FOLDER = re.compile(r"(person|track)_(\d+|unknown)")


@dataclass(frozen=True, slots=True)
class SortResult:
    """How many crops were renamed, and which were skipped because another file has the name they should
    get."""

    renamed: int
    skipped: tuple[str, ...]


def _sharpness(faces: Sequence[Face], _: FrameSize) -> Array:
    return np.array([face.sharpness for face in faces])


def _yaw(faces: Sequence[Face], _: FrameSize) -> Array:
    return face_attributes(faces).yaw


def _pitch(faces: Sequence[Face], _: FrameSize) -> Array:
    return face_attributes(faces).pitch


def _mouth(faces: Sequence[Face], _: FrameSize) -> Array:
    return np.array([mouth_opening(face.smoothed, scheme_of(face)) for face in faces])


def _colour(faces: Sequence[Face], _: FrameSize) -> Array:
    return np.array([brightness(face.colour) for face in faces])


def _size(faces: Sequence[Face], _: FrameSize) -> Array:
    return np.array([width_in_frame(face) for face in faces])


def _review(faces: Sequence[Face], frame_size: FrameSize) -> Array:
    scores = {found.face.key: found.score for found in review(faces, frame_size)}
    return np.array([-scores.get(face.key, 0.0) for face in faces])


def _person_folder(faces: Sequence[Face]) -> list[str]:
    person_of = assign_people(faces)
    persons = [person_of[face.key] for face in faces]
    return ["person_unknown" if person == UNKNOWN_PERSON else f"person_{person}" for person in persons]


def _track_folder(faces: Sequence[Face]) -> list[str]:
    digits = max(3, len(str(max((face.track for face in faces), default=0))))
    return [f"track_{face.track:0{digits}d}" for face in faces]


@dataclass(frozen=True, slots=True)
class Order:
    """How crops are sorted: by a number, least first (``rank``), into ``folders``, or, with neither, by the
    names that extraction gave. Both functions get all faces of the faceset, so that a person's number and
    what looks wrong do not change with what was sorted out."""

    rank: Callable[[Sequence[Face], FrameSize], Array] | None = None
    folders: Callable[[Sequence[Face]], list[str]] | None = None


FRAME = Order()
IDENTITY = Order(folders=_person_folder)
TRACK = Order(folders=_track_folder)
SHARPNESS = Order(_sharpness)
YAW = Order(_yaw)
PITCH = Order(_pitch)
MOUTH = Order(_mouth)
COLOUR = Order(_colour)
SIZE = Order(_size)
REVIEW = Order(_review)


def new_names(faces: Sequence[Face], key: str, frame_size: FrameSize) -> list[tuple[str, str]]:
    """Old and new name of each crop in ``faces/``, from the faceset's folder, sorted by ``key``.

    ``faces`` are all of the faceset; ``frame_size`` as in ``review``. Equal ones stay in order of
    frames, those that have no such measure come last. Raises ``SettingsError`` for an unknown key.
    """
    order: Order = ORDERS[key]
    used = [position for position, face in enumerate(faces) if folder_of(face) == CROPS]
    plain = {position: crop_name(*faces[position].key) for position in used}
    named = {position: f"{CROPS}/{plain[position]}" for position in used}
    if order.folders is not None:
        folders = order.folders(faces)
        named = {position: f"{CROPS}/{folders[position]}/{plain[position]}" for position in used}
    elif order.rank is not None and used:
        values = order.rank(faces, frame_size)
        ranked = sorted(used, key=lambda position: (np.isnan(values[position]), values[position]))
        digits = max(4, len(str(len(used))))
        for rank, position in enumerate(ranked, 1):
            named[position] = f"{CROPS}/{rank:0{digits}d}-{plain[position]}"
    return [(str(faces[position].crop), named[position]) for position in used]


def sort_crops(faceset: Faceset, key: str, *, run: Run | None = None) -> SortResult:
    """Rename the crops in ``faces/`` so that they stand in the order of ``key``.

    Nothing is overwritten, and files that are no crops stay where they are. Raises ``SettingsError``
    for an unknown key, ``OutputError`` where a crop cannot be renamed. Cancelled, it stops between two crops,
    and the same call sorts the others.
    """
    with operation("sort", run) as run, run.lock(faceset.path, inside=True):
        return run.finish(_sort_crops(faceset, key, run))


def _sort_crops(faceset: Faceset, key: str, run: Run) -> SortResult:
    renamed = 0
    left: list[str] = []
    emptied: set[Path] = set()
    names = new_names(faceset.all_faces(), key, frame_size_of(faceset))
    stage = run.stage("sort", len(names), "crops")
    for done, (old, new) in enumerate(run.each(names), 1):
        stage.progress(done)
        source, target = faceset.path / old, faceset.path / new
        if source == target:
            continue
        # A folder that is a link leads out of the faceset, where a crop would no longer count.
        if target.exists() or target.is_symlink() or target.parent.is_symlink():
            left.append(old)
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
        except OSError as error:
            raise OutputError(f"{source}: cannot be renamed to {target} ({error.strerror})") from error
        renamed += 1
        emptied.add(source.parent)
    _remove_empty(faceset.path / CROPS, emptied)
    stage.finish(renamed=renamed)
    return SortResult(renamed, tuple(left))


def _remove_empty(crops: Path, emptied: set[Path]) -> None:
    """Remove folders inside ``crops`` that sorting made or took crops out of, where nothing is left."""
    # What an earlier sorting left, when it was cut off or its crops were removed since.
    own = {path for path in crops.glob("*_*") if _OWN_FOLDER.fullmatch(path.name)}
    for folder in sorted(own | emptied - {crops}, key=lambda path: len(path.parts), reverse=True):
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
