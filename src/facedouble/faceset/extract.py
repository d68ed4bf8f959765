"""Extraction: a clip or a folder of images becomes a faceset.

Three passes over the source, each of which can be taken up again where it was cut off:
*find* (detector, landmarks, descriptor on every frame, in parallel), *steady* (tracks and smoothed
landmarks, from the database alone), *cut* (aligned crops, from the steady landmarks).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import cv2

from facedouble._version import __version__
from facedouble.config import ExtractSettings
from facedouble.errors import InputError, OutputError
from facedouble.events import Listener, Noted, Progressed, StageFinished, StageStarted, ignore
from facedouble.faces.align import align, apply, cut
from facedouble.faces.colour import colour_statistics
from facedouble.faces.detect import make_detector
from facedouble.faces.hull import face_hull
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.landmarks import DlibLandmarks
from facedouble.faces.track import assign_tracks, steady
from facedouble.faceset.store import CROPS, DATABASE, Faceset, SourceRecord, crop_name
from facedouble.types import Face, Frame, Image
from facedouble.video import Source, open_source
from facedouble.video.images import write_png
from facedouble.video.source import source_hash

_COMMIT_EVERY = 50
_AHEAD = 3  # frames each worker may have waiting: enough to be busy, little enough to fit in memory


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What an extraction found. ``seconds`` per pass: find, steady, cut."""

    faceset: Path
    frames: int
    faces: int
    frames_without_face: int
    seconds: dict[str, float]


def extract(
    source: Path, output: Path, settings: ExtractSettings | None = None, *, listener: Listener = ignore
) -> ExtractResult:
    """Find the faces of ``source`` and write the faceset ``output``.

    Raises ``InputError`` for a source that cannot be read or has no face, ``OutputError`` for an
    output that cannot be written or holds another faceset.
    """
    settings = settings or ExtractSettings()
    frames = open_source(source)
    seconds: dict[str, float] = {}
    with _open(source, frames, output, settings) as faceset:
        for name, stage in (("find", _find), ("steady", _steady), ("cut", _cut)):
            start = time.perf_counter()
            stage(frames, faceset, settings, listener)
            seconds[name] = time.perf_counter() - start
        faceset.mark_complete()
        faceset.commit()
        looked_at = faceset.frame_indices()
        faces = faceset.faces(kept_only=False)
    with_face = {face.frame_index for face in faces}
    if not faces:
        raise InputError(f"{source}: no face was found in its {len(looked_at)} frames")
    return ExtractResult(
        faceset=output,
        frames=len(looked_at),
        faces=len(faces),
        frames_without_face=len(looked_at - with_face),
        seconds=seconds,
    )


def _open(path: Path, frames: Source, output: Path, settings: ExtractSettings) -> Faceset:
    record = SourceRecord(
        path=str(path),
        sha256=source_hash(path),
        width=frames.info.width,
        height=frames.info.height,
        time_base=frames.info.time_base,
        settings=_what_decides_the_result(settings),
        program=f"facedouble {__version__}",
    )
    if not (output / DATABASE).exists():
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise OutputError(f"{output} exists and is not a faceset; choose another output")
        try:
            return Faceset.create(output, record)
        except OSError as error:
            raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    if not settings.skip_existing:
        raise OutputError(f"{output} already holds a faceset; go on with it by -s, or choose another output")
    faceset = Faceset.open(output)
    old = faceset.source
    if old.sha256 != record.sha256:
        faceset.close()
        raise OutputError(f"{output} is the faceset of another source ({old.path})")
    if old.settings != record.settings:
        faceset.close()
        raise OutputError(f"{output} was made with other settings; choose another output")
    return faceset


def _what_decides_the_result(settings: ExtractSettings) -> dict[str, object]:
    return {k: v for k, v in asdict(settings).items() if k not in ("processes", "skip_existing")}


# -- find ------------------------------------------------------------------------------------------


class _Finder:
    """Detector, landmarks and descriptor of one worker process."""

    def __init__(self, settings: ExtractSettings) -> None:
        self.settings = settings
        self.detector = make_detector(settings.detector)
        self.landmarks = DlibLandmarks()
        self.descriptor = DlibDescriptor()

    def find(self, index: int, image: Image) -> list[Face]:
        """Faces of one frame, largest first."""
        detections = [d for d in self.detector.detect(image) if d.box.width >= self.settings.min_face_size]
        if self.settings.max_faces:
            detections = detections[: self.settings.max_faces]
        faces = []
        for number, detection in enumerate(detections):
            points = self.landmarks.predict(image, detection.box)
            alignment = align(points, self.settings.size)
            faces.append(
                Face(
                    frame_index=index,
                    face_index=number,
                    box=detection.box,
                    confidence=detection.confidence,
                    landmarks=points,
                    steady=points,
                    alignment=alignment,
                    crop_size=self.settings.size,
                    descriptor=self.descriptor.describe(image, points),
                )
            )
        return faces


_finder: _Finder | None = None  # one for each worker process, loaded once


def _load_finder(settings: ExtractSettings) -> None:
    global _finder
    cv2.setNumThreads(1)
    _finder = _Finder(settings)


def _find_in_worker(index: int, image: Image) -> list[Face]:
    assert _finder is not None
    return _finder.find(index, image)


def _find(source: Source, faceset: Faceset, settings: ExtractSettings, listener: Listener) -> None:
    start = time.perf_counter()
    done = faceset.frame_indices()
    listener(StageStarted("find", source.info.frames or None, "frames"))
    count = faces = 0
    try:
        todo = (frame for frame in source.frames() if frame.index not in done)
        with closing(_found(todo, settings)) as found:
            for frame, in_frame in found:
                faceset.add_frame(frame.index, frame.pts, frame.name, in_frame)
                count += 1
                faces += len(in_frame)
                if count % _COMMIT_EVERY == 0:
                    faceset.commit()
                listener(Progressed("find", len(done) + count, {"faces": str(faces)}))
    finally:
        faceset.commit()  # what was found stays found, whatever stopped the run
    elapsed = time.perf_counter() - start
    listener(StageFinished("find", elapsed, f"{count} frames, {faces} faces"))


def _found(
    frames: Iterator[Frame], settings: ExtractSettings
) -> Generator[tuple[Frame, list[Face]], None, None]:
    """Each frame with its faces, in the order the frames come in, found in parallel."""
    workers = settings.processes or os.cpu_count() or 1
    if workers == 1:
        finder = _Finder(settings)
        for frame in frames:
            yield frame, finder.find(frame.index, frame.image)
        return
    # Spawned, not forked: the parent may hold threads of PyTorch or FFmpeg.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_load_finder, initargs=(settings,)
    ) as pool:
        waiting: deque[tuple[Frame, Future[list[Face]]]] = deque()
        try:
            for frame in frames:
                waiting.append((frame, pool.submit(_find_in_worker, frame.index, frame.image)))
                if len(waiting) >= workers * _AHEAD:
                    oldest, future = waiting.popleft()
                    yield oldest, future.result()
            for oldest, future in waiting:
                yield oldest, future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# -- steady ----------------------------------------------------------------------------------------


def _steady(source: Source, faceset: Faceset, settings: ExtractSettings, listener: Listener) -> None:
    by_frame = {
        index: list(group)
        for index, group in groupby(faceset.faces(kept_only=False), key=lambda face: face.frame_index)
    }
    tracked = assign_tracks([by_frame.get(index, []) for index in sorted(faceset.frame_indices())])
    tracks: dict[int, list[Face]] = {}
    for faces in tracked:
        for face in faces:
            tracks.setdefault(face.track, []).append(face)
    # A folder of images need not be a film: neighbours there are not neighbours in time.
    sigma = settings.steady if source.info.kind == "clip" else 0.0
    for faces in tracks.values():
        faceset.put_faces(
            face.with_(alignment=align(face.steady, settings.size)) for face in steady(faces, sigma)
        )
    faceset.commit()


# -- cut -------------------------------------------------------------------------------------------


def _cut(source: Source, faceset: Faceset, settings: ExtractSettings, listener: Listener) -> None:
    start = time.perf_counter()
    by_frame: dict[int, list[Face]] = {}
    for face in faceset.faces(kept_only=False):
        if face.crop is None:
            by_frame.setdefault(face.frame_index, []).append(face)
    listener(StageStarted("cut", len(by_frame), "frames"))
    done = 0
    for frame in source.frames() if by_frame else ():
        faces = by_frame.get(frame.index)
        if not faces:
            continue
        cropped = []
        for face in faces:
            image = cut(frame.image, face.alignment, settings.size)
            name = crop_name(face.frame_index, face.face_index)
            write_png(faceset.path / CROPS / name, image)
            inside = face_hull(apply(face.alignment, face.steady), settings.size)
            cropped.append(
                face.with_(crop=name, sharpness=sharpness(image), colour=colour_statistics(image, inside))
            )
        faceset.put_faces(cropped)
        done += 1
        if done % _COMMIT_EVERY == 0:
            faceset.commit()
        listener(Progressed("cut", done))
    faceset.commit()
    listener(StageFinished("cut", time.perf_counter() - start, f"{done} frames"))
    if done < len(by_frame):
        listener(Noted(f"{len(by_frame) - done} frames could not be read again", warning=True))


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of a crop's luma (Pech-Pacheco 2000); higher is sharper."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())
