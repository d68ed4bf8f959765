"""The faces of DeepFaceLab: ``DFLJPG`` pictures, and the packed file ``faceset.pak``.

A DFLJPG is a JPEG with a pickled dict in its APP15 segment. The packed file: version (uint64, 1), length of
a pickled list (uint64), that list, n + 1 offsets (uint64), and n JPEGs one after the other. Each JPEG has its
own APP15 segment.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, BinaryIO

from facedouble.interchange.foreign import (
    MAX_PICTURE,
    MAX_POINTS,
    MAX_POLYGONS,
    ForeignFace,
    ForeignMask,
    ForeignPolygon,
)
from facedouble.interchange.plain_pickle import read_pickle
from facedouble.interchange.plain_values import data_of, mapping, matrix, outline, points, text

_JPEG = b"\xff\xd8"
_APP15 = 0xEF
_STARTS = (0xDA, 0xD9)  # the picture itself, or its end
_TAKEN = {
    "landmarks",
    "source_landmarks",
    "source_filename",
    "image_to_face_mat",
    "seg_ie_polys",
    "xseg_mask",
    "face_type",  # how much of the head is in the picture: the matrix says it
    "source_rect",  # the detector's box: the landmarks say it
}
_PACK_VERSION = 1
_MAX_FACES = 1_000_000
_MAX_INDEX = 512 << 20  # bytes


def metadata(data: bytes) -> bytes | None:
    """The pickle in a JPEG's APP15 segment, ``None`` if it has none or is no JPEG."""
    at = 2
    if data[:2] != _JPEG:
        return None
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _STARTS or length < 2:
            return None
        if marker == _APP15:
            return data[at + 4 : at + 2 + length]
        at += 2 + length
    return None


def read_picture(name: str, data: bytes) -> ForeignFace:
    """The face of a DFLJPG. Raises ``ValueError``."""
    found = metadata(data)
    if found is None:
        raise ValueError("a JPEG without DeepFaceLab's data")
    return _face(name, mapping(read_pickle(found), "a dict"))


def read_pack(name: str, file: BinaryIO) -> Iterator[ForeignFace | tuple[str, str]]:
    """The faces of a ``faceset.pak``; for one that cannot be read, its name and why. Raises ``ValueError``
    where the whole file cannot be read."""
    file.seek(0, 2)
    end = file.tell()
    file.seek(0)
    version, length = struct.unpack("<QQ", _exactly(file, 16))
    if version != _PACK_VERSION:
        raise ValueError(f"a packed faceset of version {version}; this program knows version {_PACK_VERSION}")
    if length > min(_MAX_INDEX, end):
        raise ValueError("a packed faceset whose index is longer than the file, or than 512 MiB")
    entries = read_pickle(_exactly(file, length))
    if not isinstance(entries, list) or len(entries) > _MAX_FACES:
        raise ValueError("a packed faceset without a list of faces")
    offsets = struct.unpack(f"<{len(entries) + 1}Q", _exactly(file, 8 * (len(entries) + 1)))
    # All offsets count from the end of the table, except the last, which is that of the file's end.
    edges = [min(file.tell() + offset, end) for offset in offsets]
    if sum(max(0, stop - begin) for begin, stop in pairwise(edges)) > end:
        raise ValueError("a packed faceset whose pictures lie over one another")
    for number, entry in enumerate(entries):
        own = _entry_name(entry, number)
        begin, stop = edges[number], edges[number + 1]
        try:
            if not 0 < stop - begin <= MAX_PICTURE:
                raise ValueError("its picture lies outside the file")
            file.seek(begin)
            found = metadata(_exactly(file, stop - begin))
            if found is None:
                raise ValueError("a JPEG without DeepFaceLab's data")
            yield _face(own, mapping(read_pickle(found), "a dict"), (begin, stop - begin))
        except ValueError as error:
            yield f"{name}: {own}", str(error)


def _face(name: str, values: dict[Any, Any], span: tuple[int, int] | None = None) -> ForeignFace:
    source = text(values.get("source_filename"))
    masks: tuple[ForeignMask, ...] = ()
    if values.get("xseg_mask") is not None:
        masks = (ForeignMask("XSeg", 0, data_of(values["xseg_mask"]), None),)
    left_out = tuple(sorted(str(key)[:80] for key in values.keys() - _TAKEN if values[key] is not None))
    return ForeignFace(
        name=name,
        frame=source,
        number=_frame_number(source),
        landmarks=points(values.get("source_landmarks")),
        crop_landmarks=points(values.get("landmarks")),
        crop_matrix=matrix(values.get("image_to_face_mat")),
        polygons=tuple(_polygons(values.get("seg_ie_polys"))),
        masks=masks,
        span=span,
        left_out=left_out,
    )


def _polygons(value: Any) -> Iterator[ForeignPolygon]:
    if value is None:
        return
    entries = mapping(value, "a dict of polygons").get("polys", [])
    if not isinstance(entries, list | tuple) or len(entries) > MAX_POLYGONS:
        raise ValueError(f"more than {MAX_POLYGONS} polygons")
    for entry in entries:
        found = mapping(entry, "a polygon")
        kind = found.get("type")
        if kind not in (0, 1):
            raise ValueError("a polygon of an unknown kind")
        found_points = outline(found.get("pts"), MAX_POINTS)
        if len(found_points) > 2:  # one that was begun and not finished encloses nothing
            yield ForeignPolygon(bool(kind), found_points)


def _frame_number(name: str | None) -> int | None:
    """DeepFaceLab writes a clip as ``00001.png``, ``00002.png`` and so on."""
    match = re.fullmatch(r"(\d{1,9})\.\w{1,5}", name or "", re.ASCII)
    return int(match[1]) - 1 if match and int(match[1]) > 0 else None


def _entry_name(entry: Any, number: int) -> str:
    own = entry.get("filename") if isinstance(entry, dict) else None
    return own[:200] if isinstance(own, str) and own else f"face {number}"


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise ValueError("the file is cut off")
    return data
