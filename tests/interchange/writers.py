"""Writers of the other programs' files, made from the description of their formats alone."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def jpeg(image: Array) -> bytes:
    """An RGB picture as JPEG, in colours that survive it."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    return bytes(cv2.imencode(".jpg", image[..., ::-1], options)[1])


def png(image: Array) -> bytes:
    return bytes(cv2.imencode(".png", image if image.ndim == 2 else image[..., ::-1])[1])


def dfl_jpeg(image: Array, values: Mapping[str, Any] | bytes) -> bytes:
    """A DFLJPG: ``values`` pickled in APP15, in front of the picture."""
    data = values if isinstance(values, bytes) else pickle.dumps(dict(values))
    plain = jpeg(image)
    return plain[:2] + b"\xff\xef" + struct.pack(">H", len(data) + 2) + data + plain[2:]


def dfl_values(
    source: str,
    landmarks: Array,
    crop_matrix: Array,
    polygons: Sequence[tuple[int, Array]] = (),
    mask: Array | None = None,
) -> dict[str, Any]:
    """What DeepFaceLab keeps of a face; ``landmarks`` (68, 2) in the frame, ``crop_matrix`` (2, 3)."""
    crop = landmarks @ crop_matrix[:, :2].T + crop_matrix[:, 2]
    values: dict[str, Any] = {
        "face_type": "whole_face",
        "landmarks": crop.astype(np.float32),
        "source_rect": [int(v) for v in (*landmarks.min(0), *landmarks.max(0))],
        "source_filename": source,
        "source_landmarks": landmarks.astype(np.float32),
        "image_to_face_mat": crop_matrix,
        "eyebrows_expand_mod": 1.0,
        "seg_ie_polys": {"polys": [{"type": kind, "pts": points} for kind, points in polygons]},
    }
    if mask is not None:
        values["xseg_mask"] = cv2.imencode(".png", mask)[1]
    return values


def dfl_pack(pictures: Sequence[bytes], index: Sequence[Mapping[str, Any]] | bytes) -> bytes:
    """A ``faceset.pak``: all offsets but the last count from the end of the table."""
    packed = index if isinstance(index, bytes) else pickle.dumps([dict(entry) for entry in index])
    head = struct.pack("<QQ", 1, len(packed)) + packed
    offsets, at = [], 0
    for picture in pictures:
        offsets.append(at)
        at += len(picture)
    table = len(head) + 8 * (len(pictures) + 1)
    return head + struct.pack(f"<{len(offsets) + 1}Q", *offsets, table + at) + b"".join(pictures)


def fsa_face(landmarks: Array, masks: Mapping[str, tuple[Array, Array]] | None = None) -> dict[str, Any]:
    """A face as faceswap keeps it; ``masks``: uint8 (S, S) and the matrix (2, 3) from the frame to it."""
    left, top = landmarks.min(0)
    right, bottom = landmarks.max(0)
    return {
        "x": int(left),
        "y": int(top),
        "w": int(right - left),
        "h": int(bottom - top),
        "landmarks_xy": landmarks.astype(np.float32),
        "mask": {
            name: {
                "mask": zlib.compress(values.tobytes()),
                "affine_matrix": matrix,
                "interpolator": 2,
                "stored_size": values.shape[0],
                "stored_centering": "face",
            }
            for name, (values, matrix) in (masks or {}).items()
        },
        "identity": {"vggface2": np.zeros(512, np.float32)},
        "thumb": None,
    }


def fsa(frames: Mapping[str, Sequence[Mapping[str, Any]]] | bytes, version: float = 2.4) -> bytes:
    """An alignments file."""
    if isinstance(frames, bytes):
        return zlib.compress(frames)
    content = {
        "__meta__": {"version": version},
        "__data__": {name: {"faces": list(faces), "video_meta": {}} for name, faces in frames.items()},
    }
    return zlib.compress(pickle.dumps(content))


def faceswap_png(image: Array, face: Mapping[str, Any] | str, frame: str, *, packed: bool = False) -> bytes:
    """A picture that faceswap extracted: a Python literal in an iTXt chunk."""
    if isinstance(face, str):
        text = face
    else:
        plain = {**face, "landmarks_xy": face["landmarks_xy"].tolist(), "identity": {}}
        plain["mask"] = {
            name: {**mask, "affine_matrix": mask["affine_matrix"].tolist()}
            for name, mask in face["mask"].items()
        }
        text = repr({"alignments": plain, "source": {"source_filename": frame, "alignments_version": 2.3}})
    data = text.encode()
    body = (
        b"faceswap\0" + (b"\1\0" if packed else b"\0\0") + b"\0\0" + (zlib.compress(data) if packed else data)
    )
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    whole = png(image)
    return whole[:33] + chunk + whole[33:]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
