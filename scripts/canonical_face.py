"""Write the canonical face of MediaPipe, on which the scheme ``mediapipe478`` rests:
``python scripts/canonical_face.py face_landmarker.task``.

The file is inside the package pyfame 1.0.10, ``pyfame/models/mediapipe/face_landmarker.task`` (Google,
Apache-2.0). It is a zip archive; its ``geometry_pipeline_metadata_landmarks.binarypb`` holds the mesh as a
protocol buffer: field 1 is the mesh, whose field 3 are the vertices, five numbers each (x, y, z in
centimetres, then texture coordinates).
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
TARGET = Path("src/facedouble/faces/schemes/canonical_face.npy")


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of the fields of a protocol buffer message that are messages or 32-bit numbers."""
    stream = BytesIO(data)
    while stream.tell() < len(data):
        key = varint(stream)
        match key & 7:
            case 0:
                varint(stream)
            case 2:
                yield key >> 3, stream.read(varint(stream))
            case 5:
                yield key >> 3, stream.read(4)
            case kind:
                raise ValueError(f"a field of kind {kind}")


def varint(stream: BytesIO) -> int:
    """A whole number of variable length."""
    value = shift = 0
    while True:
        (byte,) = stream.read(1)
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value


def main() -> None:
    """Read the archive and write the vertices (468, 3) float32: x to the right of the image, y up, z towards
    the camera, centimetres."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", type=Path, help="face_landmarker.task")
    content = parser.parse_args().task.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise SystemExit("this is another version of the file")
    with zipfile.ZipFile(BytesIO(content)) as archive:
        mesh = next(data for number, data in fields(archive.read(MEMBER)) if number == 1)
    numbers = [struct.unpack("<f", data)[0] for number, data in fields(mesh) if number == 3]
    vertices = np.array(numbers, dtype=np.float32).reshape(-1, 5)[:, :3]
    np.save(TARGET, np.ascontiguousarray(vertices))


if __name__ == "__main__":
    main()
