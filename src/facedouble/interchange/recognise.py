"""What a path holds: which other program made it, and which of its files are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facedouble.errors import InputError
from facedouble.files import read_regular
from facedouble.interchange import deepfacelab, faceswap
from facedouble.interchange.foreign import MAX_PICTURE
from facedouble.video.images import image_files

Kind = Literal["dfl", "dfl-pack", "faceswap", "faceswap-alignments", "pictures"]

PACK = "faceset.pak"
ALIGNMENTS = ".fsa"
_PICTURES_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Found:
    """``kind`` of faces, and the ``files`` they are in, in order. ``folder`` holds the pictures of the faces,
    ``None`` where there are none, or where they are inside one file."""

    kind: Kind
    files: tuple[Path, ...]
    folder: Path | None


def recognise(path: Path) -> Found:
    """What ``path`` holds. Raises ``InputError`` for what is no faceset of any program known here."""
    if path.is_file():
        return _recognise_file(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder")
    if (path / PACK).is_file():
        return Found("dfl-pack", (path / PACK,), None)
    pictures = image_files(path)
    for picture in pictures[:_PICTURES_LOOKED_AT]:
        kind = _kind_of_picture(picture)
        if kind is not None:
            suffixes = (".jpg", ".jpeg") if kind == "dfl" else (".png",)
            own = tuple(file for file in pictures if file.suffix.lower() in suffixes)
            return Found(kind, own, path)
    return Found("pictures", tuple(pictures), path)


def _recognise_file(path: Path) -> Found:
    if path.suffix.lower() == ".pak":
        return Found("dfl-pack", (path.resolve(),), None)
    if path.suffix.lower() == ALIGNMENTS:
        return Found("faceswap-alignments", (path.resolve(),), None)
    raise InputError(
        f"{path}: not a faceset that can be imported; name a folder of face pictures (DeepFaceLab, faceswap, "
        "or any), a faceset.pak or an alignments file (.fsa)"
    )


def _kind_of_picture(file: Path) -> Literal["dfl", "faceswap"] | None:
    try:
        data = read_regular(file, MAX_PICTURE)
        if deepfacelab.metadata(data) is not None:
            return "dfl"
        return "faceswap" if faceswap.comment(data) is not None else None
    except (OSError, ValueError):
        return None
