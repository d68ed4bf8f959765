"""Where things lie in a faceset's folder, and the names of its crops."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from facedouble.errors import InputError
from facedouble.files import leads_out
from facedouble.types import Face

DATABASE = "faceset.sqlite"
CROPS = "faces"
BLURRY = "blurry"
DROPPED = "dropped"
LAYERS = "layers"
PEOPLE = "people.json"
LANDMARKS = "landmarks"
"""Pictures for people of where landmarks lie."""
_JOURNALS = ("-journal", "-wal", "-shm")

_CROP_NAME = re.compile(r"(?:^|\D)(\d{6,10})_(\d{1,4})\.png$", re.ASCII)


def crop_name(frame_index: int, face_index: int) -> str:
    """File name of a crop: ``000123_0.png``."""
    return f"{frame_index:06d}_{face_index}.png"


def parse_crop_name(name: str) -> tuple[int, int] | None:
    """Frame and face number at the end of a crop's file name, ``None`` for any other name.

    Names with a leading dot are ignored: macOS leaves such files beside others on foreign disks.
    """
    match = _CROP_NAME.search(name)
    return (int(match[1]), int(match[2])) if match and not name.startswith(".") else None


def check_layout(path: Path) -> None:
    """Raise ``InputError`` if a link leads a part of the faceset ``path`` out of its folder: what is outside
    is neither read nor written."""
    own = (DATABASE, f"{DATABASE}.new", CROPS, BLURRY, DROPPED, LAYERS, PEOPLE, LANDMARKS)
    journals = [name + suffix for name in own[:2] for suffix in _JOURNALS]
    for name in (*own, *journals):
        _check_link(path, path / name)


def _check_link(path: Path, inside: Path) -> None:
    if inside.is_symlink() and leads_out(path, inside):
        raise InputError(f"{inside}: a link that leads out of the faceset; put the files themselves there")


def iter_crops(path: Path) -> Iterator[str]:
    """Paths of all crops in the faceset ``path``, relative to it, with forward slashes.

    Those in ``faces/`` come last, so that in a mapping by name they replace copies in other folders. Links
    to folders are not followed. Raises ``InputError`` for a crop that is a link out of the faceset.
    """
    for folder in (DROPPED, BLURRY, CROPS):
        yield from _crops_in(path, folder)


def _crops_in(path: Path, inside: str) -> Iterator[str]:
    try:
        with os.scandir(f"{path}/{inside}") as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    folders = [entry for entry in entries if entry.is_dir()]
    for entry in entries:
        if entry not in folders and parse_crop_name(entry.name) is not None:
            if entry.is_symlink():
                _check_link(path, Path(entry.path))
            yield f"{inside}/{entry.name}"
    for entry in folders:
        if not entry.is_symlink():
            yield from _crops_in(path, f"{inside}/{entry.name}")


def folder_of(face: Face) -> str | None:
    """The folder of the faceset that holds a face's crop, ``None`` without a crop."""
    return None if face.crop is None else face.crop.replace("\\", "/").split("/", 1)[0]
