"""Export of masks and polygons as one matte for every frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.faces.align import recrop
from facedouble.faceset.layer_kinds import Polygon
from facedouble.files import write_whole
from facedouble.interchange.export_job import ExportJob
from facedouble.types import Face, Grey
from facedouble.video.images import encode_png


def write_mattes(job: ExportJob, output: Path) -> None:
    """A PNG for every frame, at its own size: white where the face may be painted, black where something is
    in front of it. What ``--matte`` takes."""
    output.mkdir(parents=True, exist_ok=True)
    width, height = job.faceset.source.width, job.faceset.source.height
    by_frame: dict[int, list[Face]] = {}
    for face in job.faces:
        by_frame.setdefault(face.frame_index, []).append(face)
    if not job.faceset.layers():
        raise InputError(f"{job.faceset.path}: no face has a mask or polygons")
    for index in job.run.each(sorted(job.frames)):
        matte = np.full((height, width), 255, np.uint8)
        for face in by_frame.get(index, ()):
            mask = job.layer(face, "occlusion")
            if mask is not None:
                np.minimum(matte, _on_frame(mask, face, width, height), out=matte)
            for polygon in job.layer(face, "polygons") or ():
                value = 255 if polygon.include else 0
                if not polygon.include or mask is None:
                    _fill(matte, polygon, value)
        name = job.frames[index].name
        stem = f"{index + 1:06d}" if name is None else Path(name).stem
        write_whole(output / f"{stem}.png", encode_png(matte))


def _on_frame(mask: Grey, face: Face, width: int, height: int) -> Grey:
    """A crop's mask on its frame; white outside."""
    warped = cv2.warpAffine(
        mask,
        recrop(face.alignment, face.crop_size, 1.0, mask.shape[0]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(255,),
    )
    return np.asarray(warped, dtype=np.uint8)


def _fill(matte: Grey, polygon: Polygon, value: int) -> None:
    """Fill a polygon, with its edges at an eighth of a pixel."""
    points = np.rint(np.clip(polygon.points, -1e5, 1e5) * 8).astype(np.int32)
    cv2.fillPoly(matte, [points], (value,), cv2.LINE_AA, 3)
