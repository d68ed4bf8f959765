"""The order in which people see crops in a file browser, and names that are shown to them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from facedouble.faces.clustering import UNKNOWN_PERSON
from facedouble.faceset.store import Faceset
from facedouble.types import Face

FrameSize = tuple[int, int] | None
"""Width and height of a faceset's frames; ``None`` where they may differ, in a folder of images."""


def folder_of(face: Face) -> str | None:
    """Which of the three folders a face's crop lies in; ``None`` without a crop."""
    return None if face.crop is None else _slashed(face.crop).split("/", 1)[0]


def in_browsing_order(faces: Iterable[Face]) -> list[Face]:
    """The faces that have a crop, in the order in which a file browser shows the crops: those of a folder
    before those of its subfolders, 2 before 10."""

    def browsed(face: Face) -> list[tuple[bool, int, str]]:
        folder, _, name = _slashed(str(face.crop)).rpartition("/")
        parts = re.findall(r"[0-9]+|[^0-9]+", f"{folder}/\0{name}")
        return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]

    return sorted((face for face in faces if face.crop is not None), key=browsed)


def frame_size_of(faceset: Faceset) -> FrameSize:
    """The size of a faceset's frames, where they have one."""
    if any(frame.name is not None for frame in faceset.frames()):
        return None
    source = faceset.source
    return source.width, source.height


def person_name(person: int) -> str:
    """``person 3``; ``person unknown`` for the one without a descriptor."""
    return "person unknown" if person == UNKNOWN_PERSON else f"person {person}"


def _slashed(path: str) -> str:
    return path.replace("\\", "/")
