"""Select faces by name, and take them out of use or back by moving their crops between folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from facedouble.curation.crop_order import folder_of
from facedouble.errors import InputError, OutputError
from facedouble.faces.clustering import UNKNOWN_PERSON, assign_people
from facedouble.faceset.layout import BLURRY, CROPS, DROPPED, crop_name, parse_crop_name
from facedouble.faceset.people import Key, check_person, read_people, write_people
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run, operation
from facedouble.types import Face

_SYNTAX = (
    "person:0, person:unknown, person:NAME, track:3, a crop such as 000123_0, or a span such as "
    "000123_0..000130_0"
)


@dataclass(frozen=True, slots=True)
class MoveResult:
    """How many crops were moved, by the folder they came from, and the folder they are in now."""

    by_folder: dict[str, int]
    target: str

    @property
    def count(self) -> int:
        return sum(self.by_folder.values())


def remove(faceset: Faceset, names: Sequence[str], *, run: Run | None = None) -> MoveResult:
    """Move the crops that ``names`` stand for to ``dropped/``; see :func:`select` for the names.

    Raises ``InputError`` for a name that stands for nothing, before anything is moved. Cancelled, it stops
    between two crops, and the same call moves the others.
    """
    return remove_faces(faceset, select(faceset.all_faces(), names), run=run)


def remove_faces(faceset: Faceset, faces: Sequence[Face], *, run: Run | None = None) -> MoveResult:
    """Move the crops of ``faces`` to ``dropped/``."""
    with operation("remove", run) as run, run.lock(faceset.path, inside=True):
        return run.finish(_move(faceset, faces, (CROPS, BLURRY), DROPPED, run))


def restore(faceset: Faceset, names: Sequence[str], *, run: Run | None = None) -> MoveResult:
    """Move the crops that ``names`` stand for from ``dropped/`` and ``blurry/`` to ``faces/``.

    Raises ``InputError`` for a name that stands for nothing, before anything is moved.
    """
    return restore_faces(faceset, select(faceset.all_faces(), names), run=run)


def restore_faces(faceset: Faceset, faces: Sequence[Face], *, run: Run | None = None) -> MoveResult:
    """Move the crops of ``faces`` from ``dropped/`` and ``blurry/`` to ``faces/``."""
    with operation("restore", run) as run, run.lock(faceset.path, inside=True):
        return run.finish(_move(faceset, faces, (DROPPED, BLURRY), CROPS, run))


def name_people(faceset: Faceset, people: Mapping[Key, str | None], *, run: Run | None = None) -> None:
    """Note who some faces are, by the numbers of frame and face; ``None`` takes a name away.

    Raises ``InputError`` for a name that is none.
    """
    with operation("name_people", run) as run, run.lock(faceset.path, inside=True):
        known: dict[Key, str | None] = {**read_people(faceset.path), **people}
        try:
            named = {key: check_person(name) for key, name in known.items() if name is not None}
        except ValueError as error:
            raise InputError(str(error)) from error
        write_people(faceset.path, named)


def select(faces: Sequence[Face], names: Sequence[str]) -> list[Face]:
    """The faces that ``names`` stand for, each once, in order of frames.

    A name is ``person:N``, ``person:unknown``, ``person:NAME`` where somebody gave that name to faces,
    ``track:N``, a crop's with or without folder, prefix and ``.png``, or two of these with ``..`` between
    them for all of their track in between. ``faces`` are all of a faceset, so that persons have the numbers
    that its overview gives them. Raises ``InputError`` for a name that stands for no face or no crop.
    """
    person_of = assign_people(faces)
    chosen: set[tuple[int, int]] = set()
    for name in names:
        kind, _, number = name.partition(":")
        if kind == "person" and number and any(face.person == number for face in faces):
            found = [face for face in faces if face.person == number]
        elif kind == "person" and number:
            wanted = UNKNOWN_PERSON if number == "unknown" else _number(number, name)
            found = [face for face in faces if person_of[face.key] == wanted]
        elif kind == "track" and number:
            wanted = _number(number, name)
            found = [face for face in faces if face.track == wanted]
        elif all(_key_of(part) for part in name.partition("..")[::2]):
            found = _span(faces, name)
        else:
            found = [_by_crop(faces, name)]
        if not found:
            raise InputError(f"there is no {name} in this faceset; see what there is with: faces FACESET")
        chosen.update(face.key for face in found)
    return [face for face in faces if face.key in chosen]


def _span(faces: Sequence[Face], name: str) -> list[Face]:
    first, last = (_by_crop(faces, part) for part in name.split("..", 1))
    if first.track != last.track:
        raise InputError(
            f"{name}: its first and last face are on different tracks, {first.track} and {last.track}"
        )
    frames = range(first.frame_index, last.frame_index + 1)
    return [face for face in faces if face.track == first.track and face.frame_index in frames]


def _key_of(name: str) -> tuple[int, int] | None:
    file = PurePath(name.replace("\\", "/")).name
    return parse_crop_name(file if file.endswith(".png") else f"{file}.png")


def _by_crop(faces: Sequence[Face], name: str) -> Face:
    key = _key_of(name)
    if key is None:
        raise InputError(f"{name!r} is none of: {_SYNTAX}")
    for face in faces:
        if face.key == key:
            if face.crop is None:
                raise InputError(f"{name} has no crop that could be moved: it was deleted, or never cut")
            return face
    raise InputError(f"there is no face {name} in this faceset")


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise InputError(f"{name!r} is none of: {_SYNTAX}")
    return int(text)


def _move(
    faceset: Faceset, faces: Sequence[Face], sources: tuple[str, ...], target: str, run: Run
) -> MoveResult:
    counts: dict[str, int] = {}
    stage = run.stage("move", len(faces), "crops")
    for done, face in enumerate(run.each(faces), 1):
        folder = folder_of(face)
        if folder not in sources:
            continue
        source = faceset.crop_path(face)
        try:
            (faceset.path / target).mkdir(exist_ok=True)
            source.rename(_free(faceset.path / target / crop_name(*face.key)))
        except OSError as error:
            raise OutputError(f"{source}: cannot be moved to {target}/ ({error.strerror})") from error
        counts[folder] = counts.get(folder, 0) + 1
        stage.progress(done)
    stage.finish(crops=sum(counts.values()))
    return MoveResult(counts, target)


def _free(path: Path) -> Path:
    """``path``, or where there is a file already, the first free name that ends like it."""
    free, number = path, 1
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"copy{number}-{path.name}")
    return free
