"""The faces of faceswap: alignments files (``.fsa``), and the pictures of faces that it extracts (PNG).

An alignments file is zlib over a pickled dict: ``__meta__`` with its version, ``__data__`` with the faces by
the name of their frame. The pictures carry a Python literal with the same values in an iTXt chunk with the
key ``faceswap``.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from facedouble.interchange.foreign import MAX_MASK_SIDE, POINTS, ForeignFace, ForeignMask
from facedouble.interchange.plain_pickle import read_pickle
from facedouble.interchange.plain_values import (
    data_of,
    inflated,
    literal,
    mapping,
    matrix,
    points,
    text,
    whole,
)

MAX_INFLATED = 512 << 20  # bytes of an alignments file
_PNG = b"\x89PNG\r\n\x1a\n"
_KEY = b"faceswap"
_MAX_TEXT = 4 << 20
_MAX_CHUNKS = 100_000
_LEAST_BYTES = POINTS * 2 * 4  # of a face: its landmarks
_VERSIONS = range(2, 3)
_FROM_LANDMARKS = {"components", "extended"}  # masks that say nothing landmarks do not say
_TAKEN = {"x", "y", "w", "h", "landmarks_xy", "mask"}
_LEFT_TO_EXTRACTION = {"identity", "thumb"}
_OF_A_CLIP = re.compile(r".+_(\d{6,9})\.\w{1,5}", re.ASCII)


def read_alignments(data: bytes) -> Iterator[ForeignFace | tuple[str, str]]:
    """The faces of an alignments file; for one that cannot be read, its name and why. Raises ``ValueError``
    where the whole file cannot be read."""
    plain = inflated(data, MAX_INFLATED)
    content = mapping(read_pickle(plain), "a dict of frames")
    frames = mapping(content.get("__data__"), "an alignments file with frames")
    version = mapping(content.get("__meta__", {}), "what is said of the file").get("version")
    if not isinstance(version, int | float) or int(version) not in _VERSIONS:
        raise ValueError(f"an alignments file of version {version!r}; this program knows version 2")
    room = len(plain) // _LEAST_BYTES  # one value in a pickle can stand for many
    for frame, entry in frames.items():
        if not isinstance(frame, str):
            yield repr(frame)[:80], "a frame without a name"
            continue
        faces = entry.get("faces") if isinstance(entry, dict) else None
        if not isinstance(faces, list):
            yield frame, "a frame without a list of faces"
            continue
        room -= len(faces)
        if room < 0:
            raise ValueError("an alignments file with more faces than its size can hold")
        for index, face in enumerate(faces):
            name = f"{frame} face {index}"
            try:
                yield _face(name, frame, mapping(face, "a face"))
            except ValueError as error:
                yield name, str(error)


def comment(data: bytes) -> str | None:
    """The text of faceswap in a PNG, ``None`` if it has none or is no PNG. Raises ``ValueError`` for one that
    is damaged or too long."""
    if data[:8] != _PNG:
        return None
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return None
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"IDAT", b"IEND"):
            return None
        body = data[at + 8 : at + 8 + length]
        if kind == b"iTXt" and body.startswith(_KEY + b"\0"):
            if len(body) != length or zlib.crc32(kind + body) != int.from_bytes(
                data[at + 8 + length : at + 12 + length], "big"
            ):
                raise ValueError("a text that is damaged")
            return _text(body[len(_KEY) + 1 :])
        at += 12 + length
    return None


def read_picture(name: str, data: bytes) -> ForeignFace:
    """The face of a picture that faceswap extracted. Raises ``ValueError``."""
    found = comment(data)
    if found is None:
        raise ValueError("a PNG without faceswap's data")
    values = mapping(literal(found), "a dict")
    source = mapping(values.get("source"), "where the face is from")
    frame = text(source.get("source_filename"))
    face = mapping(values.get("alignments"), "a face")
    return _face(name, frame, face)


def _text(body: bytes) -> str:
    """The text of an iTXt chunk behind its key: flags, language, translated key, text."""
    packed, _, rest = body[0:1], body[1:2], body[2:]
    parts = rest.split(b"\0", 2)
    if len(parts) != 3:
        raise ValueError("a text that is damaged")
    raw = inflated(parts[2], _MAX_TEXT) if packed == b"\x01" else parts[2]
    if len(raw) > _MAX_TEXT:
        raise ValueError(f"a text of more than {_MAX_TEXT} bytes")
    return raw.decode("utf-8")


def _face(name: str, frame: str | None, values: dict[Any, Any]) -> ForeignFace:
    masks, left_out = [], {str(key)[:80] for key in values.keys() - _TAKEN - _LEFT_TO_EXTRACTION}
    for kind, mask in mapping(values.get("mask") or {}, "a dict of masks").items():
        if kind in _FROM_LANDMARKS:
            left_out.add(f"mask {kind}")
        else:
            masks.append(_mask(str(kind)[:80], mapping(mask, "a mask")))
    left_out |= {str(key) for key in values.keys() & _LEFT_TO_EXTRACTION if values[key] is not None}
    match = _OF_A_CLIP.fullmatch(frame or "")
    return ForeignFace(
        name=name,
        frame=frame,
        number=int(match[1]) - 1 if match and int(match[1]) > 0 else None,
        landmarks=points(values.get("landmarks_xy")),
        masks=tuple(masks),
        left_out=tuple(sorted(left_out)),
    )


def _mask(kind: str, values: dict[Any, Any]) -> ForeignMask:
    side = whole(values.get("stored_size"), "the size of a mask")
    if not 16 <= side <= MAX_MASK_SIDE:
        raise ValueError(f"a mask of a size that is not 16 to {MAX_MASK_SIDE}")
    data = inflated(data_of(values.get("mask")), side * side)
    if len(data) != side * side:
        raise ValueError("a mask of another size than it says")
    return ForeignMask(kind, side, data, matrix(values.get("affine_matrix")))
