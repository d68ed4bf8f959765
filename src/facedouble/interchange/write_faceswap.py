"""Export to faceswap: an alignments file."""

from __future__ import annotations

import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from facedouble.files import write_whole
from facedouble.interchange.export_job import ExportJob

_FSA_VERSION = 2.4
_PICKLE_PROTOCOL = 4


def write_alignments(job: ExportJob, output: Path) -> None:
    """An alignments file, version 2.4: zlib over a pickle of dicts, numbers and arrays of float32."""
    data: dict[str, dict[str, Any]] = {
        _faceswap_name(job, index): {"faces": [], "video_meta": {}} for index in sorted(job.frames)
    }
    for face in job.run.each(job.faces):
        points = job.stored(face.smoothed).astype(np.float32)
        left, top = np.floor(points.min(axis=0)).astype(int).tolist()
        right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
        data[_faceswap_name(job, face.frame_index)]["faces"].append(
            {
                "x": left,
                "y": top,
                "w": right - left,
                "h": bottom - top,
                "landmarks_xy": points,
                "mask": {},
                "identity": {},
                "thumb": None,
            }
        )
        job.left_out.update(layer.kind for layer in job.faceset.layers(face))
    content = {"__meta__": {"version": _FSA_VERSION}, "__data__": data}
    write_whole(output, zlib.compress(pickle.dumps(content, protocol=_PICKLE_PROTOCOL)))


def _faceswap_name(job: ExportJob, index: int) -> str:
    """The name that faceswap gives a frame: the image's own, or the clip's with the number from 1."""
    name = job.frames[index].name
    if name is not None:
        return name
    clip = Path(job.faceset.source.path)
    return f"{clip.stem}_{index + 1:06d}{clip.suffix}"
