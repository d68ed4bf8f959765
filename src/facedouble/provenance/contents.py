"""What a file carries, by its media type."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from facedouble.errors import InputError
from facedouble.provenance.carried import Carried
from facedouble.provenance.image_parts import JPEG, PNG, TIFF, image_carries
from facedouble.provenance.mp4 import clip_carries

MAX_PARTS = 20_000
"""Boxes side by side in a file whose credentials are read. The library's time grows with their square: 20,000
take some 5 seconds."""

_MAGIC = {"image/png": (PNG,), "image/jpeg": (JPEG,), "image/tiff": TIFF, "image/webp": (b"RIFF",)}
_CLIPS = ("video/mp4", "video/quicktime")


def contents_of(file: BinaryIO, kind: str, path: Path = Path("file")) -> Carried:
    """What a file of media type ``kind`` carries in itself; nothing for kinds that embed nothing.

    Raises ``InputError`` when it is not of this kind.
    """
    if kind in _CLIPS:
        return clip_carries(file, path)
    if kind not in _MAGIC:
        return Carried()
    found = image_carries(file, _MAGIC[kind])
    if found is None:
        raise InputError(f"{path}: damaged, or not what its name says")
    return found
