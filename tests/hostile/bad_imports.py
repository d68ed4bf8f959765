"""Facesets of other programs that are broken or hostile."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from facedouble.faces.schemes.dlib68 import DLIB68
from tests.hostile.bad_input import BadInput, writes
from tests.interchange.writers import (
    dfl_jpeg,
    dfl_pack,
    dfl_values,
    faceswap_png,
    fsa,
    fsa_face,
)

_PICTURE = np.full((64, 64, 3), 90, np.uint8)
_POINTS = DLIB68.mean_shape.astype(np.float64) * 60
_VALUES = dfl_values("00001.png", _POINTS, np.eye(3)[:2])
_FACE = fsa_face(_POINTS)
_RUNS = b"cos\nsystem\n(S'touch keep/mine.txt; rm keep/mine.txt'\ntR."
_HUGE_MEMO = b"\x80\x02]r\xff\xff\xff\x7f."  # puts a list at place two thousand million
_HUGE_BYTES = b"\x80\x04\x8e" + struct.pack("<Q", 1 << 33) + b"x."
_DOUBLED = b"\x80\x02]q\x00" + b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60)) + b"."
_NESTED = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."


def imports() -> list[BadInput]:
    """All of them."""
    tables: dict[str, Iterator[tuple[str, bytes]]] = {
        "bad.fsa": _alignments(),
        "bad.pak": _packs(),
        "bad/a.jpg": _dfl_pictures(),
        "bad/a.png": _faceswap_pictures(),
    }
    found = []
    for name, entries in tables.items():
        path = name.split("/")[0]
        for what, data in entries:
            for source in ([], ["--source", "clip.mp4"]):
                command = ["import", path, "-o", "new", *source]
                known = "with" if source else "without"
                found.append(BadInput(f"import {name}, {known} clip: {what}", writes(name, data), command))
    return found


def _alignments() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "noise", bytes(range(256)) * 40
    yield "half a file", fsa({"a_000001.png": [_FACE]})[:200]
    yield "no dict", fsa(pickle.dumps([1]))
    yield "code", fsa(_RUNS)
    yield "a huge memo", fsa(_HUGE_MEMO)
    yield "huge bytes", fsa(_HUGE_BYTES)
    yield "a doubled list", fsa(_DOUBLED)
    yield "deep nesting", fsa(_NESTED)
    yield "a bomb", _bomb(600 << 20)
    yield "a version to come", fsa({"a_000001.png": [_FACE]}, version=9.0)
    yield "a version that is none", fsa({"a_000001.png": [_FACE]}, version=float("nan"))
    yield "no faces", fsa({})
    yield "a frame number without end", fsa({f"a_{'9' * 9}.png": [_FACE]})
    yield "the same face a million times", fsa(_repeated(1_000_000))
    yield (
        "landmarks that are none",
        fsa({"a_000001.png": [{**_FACE, "landmarks_xy": np.full((68, 2), np.nan)}]}),
    )
    yield "landmarks of one point", fsa({"a_000001.png": [{**_FACE, "landmarks_xy": np.zeros((68, 2))}]})
    yield "landmarks far away", fsa({"a_000001.png": [{**_FACE, "landmarks_xy": np.full((68, 2), 1e30)}]})
    yield "landmarks in words", fsa({"a_000001.png": [{**_FACE, "landmarks_xy": ["x", "y"] * 34}]})
    yield "a face that is a number", fsa({"a_000001.png": [7]})  # type: ignore[list-item]


def _packs() -> Iterator[tuple[str, bytes]]:
    good = dfl_jpeg(_PICTURE, _VALUES)
    yield "nothing", b""
    yield "another version", struct.pack("<QQ", 7, 3) + b"abc"
    yield "an index longer than the file", struct.pack("<QQ", 1, 1 << 40) + b"abc"
    yield "code", dfl_pack([good], _RUNS)
    yield "a huge memo", dfl_pack([good], _HUGE_MEMO)
    yield "no list", dfl_pack([good], pickle.dumps(5))
    whole = dfl_pack([good], [{}])
    yield "no pictures", whole[: len(whole) - len(good)]
    packed = pickle.dumps([{}])
    head = struct.pack("<QQ", 1, len(packed)) + packed
    yield "offsets past the end", head + struct.pack("<2Q", 1 << 62, 1 << 63) + good
    yield "offsets that fall", head + struct.pack("<2Q", 500, 3) + good
    yield "pictures that are none", head + struct.pack("<2Q", 0, 1 << 20) + bytes(4000)
    many = pickle.dumps([{}] * 100_000)
    table = struct.pack("<100001Q", *([0, len(good)] * 50_000), 1 << 30)
    yield "one place for all", struct.pack("<QQ", 1, len(many)) + many + table + good


def _dfl_pictures() -> Iterator[tuple[str, bytes]]:
    yield "code", dfl_jpeg(_PICTURE, _RUNS)
    yield "a huge memo", dfl_jpeg(_PICTURE, _HUGE_MEMO)
    yield "a doubled list", dfl_jpeg(_PICTURE, _DOUBLED)
    yield "nothing in it", dfl_jpeg(_PICTURE, {})
    yield "no landmarks", dfl_jpeg(_PICTURE, {**_VALUES, "landmarks": None, "source_landmarks": None})
    nan = np.full((68, 2), np.nan)
    yield (
        "landmarks that are none",
        dfl_jpeg(_PICTURE, {**_VALUES, "landmarks": nan, "source_landmarks": nan}),
    )
    singular = {**_VALUES, "image_to_face_mat": np.zeros((2, 3))}
    yield "a matrix that is singular", dfl_jpeg(_PICTURE, singular)
    yield "ten million polygons", dfl_jpeg(_PICTURE, _many_polygons())


def _faceswap_pictures() -> Iterator[tuple[str, bytes]]:
    yield "code", faceswap_png(_PICTURE, "__import__('os').system('rm keep/mine.txt')", "a.png")
    yield "deep nesting", faceswap_png(_PICTURE, "(" * 100_000, "a.png")
    yield "signs without end", faceswap_png(_PICTURE, "-" * 1_000_000 + "1", "a.png")
    yield "a bomb", faceswap_png(_PICTURE, "'" + "a" * (30 << 20) + "'", "a.png", packed=True)
    yield "no dict", faceswap_png(_PICTURE, "[1, 2]", "a.png")
    bad = {**_FACE, "mask": {"x": {**_mask(), "stored_size": 1 << 20}}}
    yield "a mask of a million by a million", faceswap_png(_PICTURE, bad, "a_000001.png")
    whole = faceswap_png(_PICTURE, _FACE, "a_000001.png")
    at = whole.index(b"iTXt")
    yield "a text of 2 GB", whole[: at - 4] + struct.pack(">I", (1 << 31) - 1) + whole[at:]


def _mask() -> dict[str, Any]:
    values = {"m": (np.zeros((64, 64), np.uint8), np.eye(3)[:2])}
    return fsa_face(_POINTS, values)["mask"]["m"]


def _bomb(length: int) -> bytes:
    packer = zlib.compressobj(1)
    chunk = bytes(1 << 20)
    return b"".join(packer.compress(chunk) for _ in range(length >> 20)) + packer.flush()


def _repeated(count: int) -> bytes:
    """One face, told many times."""
    face = pickle.dumps(_FACE, protocol=2)[2:-1]
    meta = pickle.dumps({"version": 2.4}, protocol=2)[2:-1]
    faces = b"]r\xe7\x03\0\0(" + face + b"r\xe8\x03\0\0" + b"j\xe8\x03\0\0" * (count - 1) + b"e"
    frame = b"}U\x05faces" + faces + b"s"
    data = b"}U\x0ca_000001.png" + frame + b"s"
    return b"\x80\x02}(U\x08__meta__" + meta + b"U\x08__data__" + data + b"u."


def _many_polygons() -> bytes:
    polygon = pickle.dumps({"type": 0, "pts": [[1.0, 2.0]] * 3}, protocol=2)[2:-1]
    level = b"(" + polygon + b"q\xf0" + b"h\xf0" * 29_000 + b"l"
    return b"\x80\x02}U\x0cseg_ie_polys}U\x05polys" + level + b"ss."
