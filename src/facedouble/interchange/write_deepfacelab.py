"""Export to DeepFaceLab: a folder of pictures of faces."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facedouble.errors import OutputError
from facedouble.faces.align import map_points
from facedouble.faceset.layer_kinds import Polygon
from facedouble.files import write_whole
from facedouble.interchange.export_job import ExportJob
from facedouble.interchange.placing import mapped
from facedouble.types import Grey, Image
from facedouble.video.images import encode_png
from facedouble.video.opencv_codec import encode

_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 98),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
_MAX_SEGMENT = 0xFFFF - 2  # bytes of a JPEG's APP segment
_MAX_MASK = 40_000  # bytes of a packed mask, which shares a segment with the landmarks
_PICKLE_PROTOCOL = 4


def write_pictures(job: ExportJob, output: Path) -> None:
    """A folder of DFLJPG pictures. They are said to show the whole head, of which a trainer cuts what it
    wants by the landmarks."""
    output.mkdir(parents=True, exist_ok=True)
    for face in job.run.each(job.faces):
        crop = job.faceset.read_crop(face)
        to_crop = job.to_crop(face)
        values: dict[str, Any] = {
            "face_type": "head",
            "landmarks": map_points(face.alignment, face.smoothed),
            "source_rect": list(face.box),
            "source_filename": job.frames[face.frame_index].name or f"{face.frame_index + 1:05d}.png",
            "source_landmarks": job.stored(face.smoothed).astype(np.float32),
            "image_to_face_mat": to_crop[:2],
            "eyebrows_expand_mod": 1.0,
        }
        polygons: Sequence[Polygon] | None = job.layer(face, "polygons")
        if polygons is not None:
            square = np.vstack([face.alignment, (0, 0, 1)])
            values["seg_ie_polys"] = {
                "polys": [
                    {"type": int(polygon.include), "pts": mapped(square, polygon.points)}
                    for polygon in polygons
                ]
            }
        mask: Grey | None = job.layer(face, "occlusion")
        if mask is not None:
            packed = encode_png(mask)
            if len(packed) > _MAX_MASK:
                packed = encode_png(_small(mask))
            values["xseg_mask"] = np.frombuffer(packed, np.uint8)
        name = f"{face.frame_index + 1:05d}_{face.face_index}.jpg"
        write_whole(output / name, _dfl_jpeg(crop, values))


def _dfl_jpeg(crop: Image, values: Mapping[str, Any]) -> bytes:
    data = pickle.dumps(dict(values), protocol=_PICKLE_PROTOCOL)
    if len(data) > _MAX_SEGMENT:
        raise OutputError("a face has more polygons than a DeepFaceLab picture holds")
    picture = encode(".jpg", crop[..., ::-1], _JPEG)
    return picture[:2] + b"\xff\xef" + struct.pack(">H", len(data) + 2) + data + picture[2:]


def _small(mask: Grey) -> Grey:
    return np.asarray(cv2.resize(mask, (128, 128), interpolation=cv2.INTER_AREA), dtype=np.uint8)
