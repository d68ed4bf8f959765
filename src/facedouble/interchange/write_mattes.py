"""Export of masks and polygons as one matte for every frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.faces.align import recrop
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.visible import HIDDEN, VISIBLE, fill_polygons
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
            np.minimum(matte, _visible(job, face, width, height), out=matte)
        name = job.frames[index].name
        stem = f"{index + 1:06d}" if name is None else Path(name).stem
        write_whole(output / f"{stem}.png", encode_png(matte))


def _visible(job: ExportJob, face: Face, width: int, height: int) -> Grey:
    """What is visible of a face, on its frame and as :mod:`facedouble.faceset.visible` has it; white outside
    its crop."""
    mask: Grey | None = job.layer(face, "occlusion")
    polygons: Sequence[Polygon] = job.layer(face, "polygons") or ()
    if mask is None:
        shown = HIDDEN if polygons and polygons[0].include else VISIBLE
        mask = np.full((face.crop_size, face.crop_size), shown, np.uint8)
    warped = cv2.warpAffine(
        mask,
        recrop(face.alignment, face.crop_size, 1.0, mask.shape[0]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(VISIBLE,),
    )
    result = np.asarray(warped, dtype=np.uint8)
    fill_polygons(result, polygons, np.eye(2, 3))
    return result
