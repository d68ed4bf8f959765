"""Export to faceswap: an alignments file."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facedouble.faces.align import map_points
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.visible import visible_part
from facedouble.files import write_whole
from facedouble.interchange.export_job import ExportJob
from facedouble.interchange.faceswap_crop import CENTERING, legacy_alignment
from facedouble.types import Face, Grey, Landmarks

_FSA_VERSION = 2.4
_PICKLE_PROTOCOL = 4
_MASK = "custom_face"  # faceswap's name for masks that a person made
_STORED_SIZE = 256  # pixels a side of a mask


def write_alignments(job: ExportJob, output: Path) -> None:
    """An alignments file, version 2.4: zlib over a pickle of dicts, numbers and arrays of float32."""
    data: dict[str, dict[str, Any]] = {
        _faceswap_name(job, index): {"faces": [], "video_meta": {}} for index in sorted(job.frames)
    }
    for face in job.run.each(job.faces):
        points = job.stored(face.smoothed).astype(np.float32)
        mask = _mask(job, face, points)
        left, top = np.floor(points.min(axis=0)).astype(int).tolist()
        right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
        data[_faceswap_name(job, face.frame_index)]["faces"].append(
            {
                "x": left,
                "y": top,
                "w": right - left,
                "h": bottom - top,
                "landmarks_xy": points,
                "mask": {} if mask is None else {_MASK: mask},
                "identity": {},
                "thumb": None,
            }
        )
        if job.layer(face, "polygons") is not None:
            job.left_out["outlines of polygons, which are drawn into the mask"] += 1
    content = {"__meta__": {"version": _FSA_VERSION}, "__data__": data}
    write_whole(output, zlib.compress(pickle.dumps(content, protocol=_PICKLE_PROTOCOL)))


def _mask(job: ExportJob, face: Face, points: Landmarks) -> dict[str, Any] | None:
    """What is visible of a face, as faceswap keeps masks: 255 on the face and 0 everywhere else, deflated,
    with the matrix that takes pixels of the frame to it. ``None`` for a face of which nothing is known."""
    occlusion: Grey | None = job.layer(face, "occlusion")
    polygons: Sequence[Polygon] = job.layer(face, "polygons") or ()
    if occlusion is None and not polygons:
        return None
    side = face.crop_size
    visible = visible_part(occlusion, polygons, face.alignment, side, side)
    hull = face_hull(map_points(face.alignment, face.smoothed), side, DLIB68, forehead=FOREHEAD)
    here = np.minimum(visible, (hull * 255).astype(np.uint8))
    there = legacy_alignment(points, _STORED_SIZE)
    from_there = job.to_crop(face) @ np.linalg.inv(np.vstack([there, (0, 0, 1)]))
    mask = cv2.warpAffine(
        here, from_there[:2], (_STORED_SIZE, _STORED_SIZE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return {
        "mask": zlib.compress(np.ascontiguousarray(mask, np.uint8).tobytes()),
        "affine_matrix": there,
        "interpolator": cv2.INTER_LINEAR,
        "stored_size": _STORED_SIZE,
        "stored_centering": CENTERING,
    }


def _faceswap_name(job: ExportJob, index: int) -> str:
    """The name that faceswap gives a frame: the image's own, or the clip's with the number from 1."""
    name = job.frames[index].name
    if name is not None:
        return name
    clip = Path(job.faceset.source.path)
    return f"{clip.stem}_{index + 1:06d}{clip.suffix}"
