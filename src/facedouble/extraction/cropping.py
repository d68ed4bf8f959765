"""Third pass of extraction: cut aligned crops from the frames and write them."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from facedouble.extraction.pool import map_in_threads
from facedouble.extraction.segments import timed
from facedouble.faces.align import (
    alignment_in_region,
    crop_bounds,
    map_points,
    scale_of,
    warp_bicubic,
    warp_bilinear,
)
from facedouble.faces.colour import colour_statistics
from facedouble.faces.hull import face_hull
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faces.views import reduced_size, span_around
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.database import output_errors
from facedouble.faceset.layout import (
    BLURRY,
    CROPS,
    DROPPED,
    LANDMARKS,
    crop_name,
    iter_crops,
    parse_crop_name,
)
from facedouble.faceset.record import encode_record
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Box, Face, Image
from facedouble.video.frame import Frame
from facedouble.video.images import write_png
from facedouble.video.sampling import frames_at
from facedouble.video.source import Source

NEVER_CROPPED = ("small", "surplus")
"""Statuses of faces that get no crop."""

# Crop pixels per pixel of the reduced frame, so that no sharpness is lost.
_TWICE = 0.5  # sampled bilinearly
_REDUCED_SCALE = 0.8  # sampled bicubically
_COMMIT_SECONDS = 2.0
_QUEUED_PIXELS = 15e6  # of frames that wait for a thread, while this one writes to the database


@dataclass(frozen=True, slots=True)
class CropJob:
    """A frame, its record, and the faces to cut out of it."""

    frame: Frame
    record: FrameRecord
    faces: Sequence[Face]


@dataclass(frozen=True, slots=True)
class CropTarget:
    """A folder that crops are written into: that of a faceset, or of a part of one. ``existing`` are the
    names of crops that are there already, by their face; each crop records its ``source``."""

    path: Path
    source: SourceRecord
    existing: Mapping[tuple[int, int], str] = field(default_factory=dict)


@dataclass(slots=True)
class CropResult:
    """The faces of a frame as their crops show them, and the seconds spent by kind of work."""

    faces: list[Face]
    seconds: dict[str, float] = field(default_factory=dict)


def write_crops(
    source: Source, faceset: Faceset, settings: ExtractSettings, run: Run, gone: Collection[int] = ()
) -> dict[str, float]:
    """Write the crop of every face that should have one and does not, except of frames that are ``gone`` from
    the source. Returns the seconds spent by kind of work."""
    seconds = {"decode": 0.0, "crop": 0.0, "write": 0.0}
    todo = faces_to_crop(faceset, gone)
    stage = run.stage("crop", len(todo), "frames")
    done = 0
    if todo:
        records = {frame.index: frame for frame in faceset.frames()}
        jobs = jobs_of(timed(frames_at(source, sorted(todo)), seconds), todo, records)
        target = CropTarget(
            faceset.path,
            faceset.source,
            {key: name for name in iter_crops(faceset.path) if (key := parse_crop_name(name))},
        )
        last_commit = stage.start
        try:
            for result in cut_crops(source, jobs, target, settings, run):
                faceset.put_crop_facts(result.faces)
                done += 1
                for name, spent in result.seconds.items():
                    seconds[name] += spent
                if time.perf_counter() - last_commit > _COMMIT_SECONDS:
                    faceset.commit()
                    last_commit = time.perf_counter()
                stage.progress(done)
        finally:
            faceset.commit()
    stage.finish(frames=done)
    return seconds


def faces_to_crop(faceset: Faceset, gone: Collection[int] = ()) -> dict[int, list[Face]]:
    """The faces that should have a crop and do not, by their frame."""
    todo: dict[int, list[Face]] = {}
    for face in faceset.all_faces():
        if not face.cropped and face.status not in NEVER_CROPPED and face.frame_index not in gone:
            todo.setdefault(face.frame_index, []).append(face)
    return todo


def cut_crops(
    source: Source, jobs: Iterator[CropJob], target: CropTarget, settings: ExtractSettings, run: Run
) -> Generator[CropResult]:
    """Write the crops of some frames, in threads; what came of each frame, in their order."""
    with output_errors(target.path):
        for folder in (CROPS, BLURRY, DROPPED, *((LANDMARKS,) if settings.debug_landmarks else ())):
            (target.path / folder).mkdir(exist_ok=True)
    work = partial(_crop_job, target=target, settings=settings)
    queued = 2 + int(_QUEUED_PIXELS // (source.info.width * source.info.height))
    return map_in_threads(work, jobs, settings.processes, run, queued=queued)


def jobs_of(
    frames: Iterator[Frame], todo: Mapping[int, list[Face]], records: Mapping[int, FrameRecord]
) -> Iterator[CropJob]:
    """The frames that have faces to cut, with those faces."""
    for frame in frames:
        yield CropJob(frame, records[frame.index], todo[frame.index])


# -- in a thread ---------------------------------------------------------------------------------------


def _crop_job(job: CropJob, *, target: CropTarget, settings: ExtractSettings) -> CropResult:
    result = CropResult([], {"crop": 0.0, "write": 0.0})
    for known in job.faces:
        start = time.perf_counter()
        image, face = render_crop(job.frame, known, settings)
        cropped = time.perf_counter()
        with output_errors(target.path):
            name = crop_name(*face.key)
            # A crop that is there already, perhaps moved by a person, is replaced where it is.
            where = target.existing.get(face.key, f"{target_folder(face)}/{name}")
            write_png(target.path / where, image, encode_record(face, job.record, target.source))
            if settings.debug_landmarks:
                write_png(target.path / LANDMARKS / name, draw_landmarks(image, face))
        result.faces.append(face)
        result.seconds["crop"] += cropped - start
        result.seconds["write"] += time.perf_counter() - cropped
    return result


def render_crop(frame: Frame, face: Face, settings: ExtractSettings) -> tuple[Image, Face]:
    """The crop of a face (size, size, 3), and the face with the sharpness, colour and status of that crop.

    A face larger than its crop is averaged down before it is converted to RGB, which is several times faster
    than one after the other. Where the frame has twice the crop's resolution, it is sampled bilinearly from
    that: as sharp as bicubically from less, nearer to an exact crop (51 dB instead of 49), and faster.
    """
    size = face.crop_size
    width, height = frame.shown_size
    covered = crop_bounds(face.alignment, size, width, height, margin=8)
    left, right = span_around(covered.left, covered.right, width)
    top, bottom = span_around(covered.top, covered.bottom, height)
    region = Box(left, top, right, bottom)
    scale = scale_of(face.alignment)
    twice = scale <= _TWICE
    reduction = min(1.0, scale / (_TWICE if twice else _REDUCED_SCALE))
    to = reduced_size(region, reduction) if reduction < 1 else (region.width, region.height)
    pixels = frame.rgb(region, to if reduction < 1 else None)
    warp = warp_bilinear if twice else warp_bicubic
    image = warp(pixels, alignment_in_region(face.alignment, region, to), size)
    inside = face_hull(map_points(face.alignment, face.smoothed), size, scheme_of(face))
    sharp = sharpness(image)
    blurry = face.status == "kept" and sharp < settings.blur_threshold
    return image, face.with_(
        cropped=True,
        sharpness=sharp,
        colour=colour_statistics(image, inside),
        status="blurry" if blurry else face.status,
    )


def target_folder(face: Face) -> str:
    """The folder into which a face's crop is written first."""
    return {"kept": CROPS, "blurry": BLURRY}.get(face.status, DROPPED)


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of a crop's luma (Pech-Pacheco 2000); higher is sharper."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_16S))
    return float(deviation.item() ** 2)


def draw_landmarks(image: Image, face: Face) -> Image:
    """A crop with the landmarks of the face's regions: measured ones in red, smoothed ones in green on
    top."""
    picture, scheme = image.copy(), scheme_of(face)
    for points, colour in ((face.landmarks, (255, 40, 40)), (face.smoothed, (60, 255, 60))):
        known = scheme.points(points, scheme.regions.points)
        for x, y in np.rint(map_points(face.alignment, known)).astype(int).tolist():
            cv2.circle(picture, (x, y), max(1, face.crop_size // 170), colour, -1, cv2.LINE_AA)
    return picture
