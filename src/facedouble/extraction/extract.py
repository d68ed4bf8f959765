"""Extraction: a clip or a folder of images becomes a faceset.

Three passes, each of which can be taken up again where it was cut off: *find* (faces found, followed
and described, in parallel), *steady* (tracks, smoothed landmarks and verdicts, from the database
alone), *cut* (aligned crops, from the steady landmarks, in parallel).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from facedouble._version import __version__
from facedouble.assets import yunet_model
from facedouble.errors import InputError, OutputError, setting
from facedouble.extraction.cropping import write_crops
from facedouble.extraction.detection import detect_faces
from facedouble.faces.align import align
from facedouble.faces.references import References
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faces.smoothing import smooth_track
from facedouble.faces.tracks import link_tracklets
from facedouble.faceset.codec import SourceRecord
from facedouble.faceset.layout import CROPS, DATABASE
from facedouble.faceset.store import SMOOTHED, Faceset, output_errors
from facedouble.run.run import Run, operation
from facedouble.settings.extract import ExtractSettings, read_recorded, recorded
from facedouble.types import Face
from facedouble.video.hashing import source_hash
from facedouble.video.source import Source, open_source

_FAILURE = "failure"  # noted where the source could not be read to its end


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What an extraction found.

    ``faces`` are those in use; ``left_out`` counts the others by verdict. ``seconds`` is what this run
    spent on each kind of work, added up over its processes: decode, detect, landmarks, describe,
    steady, crop, write; ``elapsed`` what passed on the clock. ``unreadable`` counts images that could
    not be read.
    """

    faceset: Path
    frames: int
    faces: int
    frames_without_face: int
    left_out: dict[str, int]
    unreadable: int
    seconds: dict[str, float]
    elapsed: float


def extract(
    source: Path, output: Path, settings: ExtractSettings | None = None, *, run: Run | None = None
) -> ExtractResult:
    """Find the faces of ``source`` and write the faceset ``output``.

    Raises ``InputError`` for a source that cannot be read or has no face, ``OutputError`` for an
    output that cannot be written or holds another faceset. Where a clip cannot be read to its end,
    the faces up to there are in the faceset before the error is raised.
    """
    with operation("extract", run) as run:
        return run.finish(_extract(source, output, settings or ExtractSettings(), run))


def _extract(source: Path, output: Path, settings: ExtractSettings, run: Run) -> ExtractResult:
    start = time.perf_counter()
    if settings.detector == "yunet":
        yunet_model(run=run)  # once, before several processes want it
    references = References.read(settings.faces, settings.detector)
    frames = open_source(source)
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} exists and is not a faceset; choose another output")
    with (
        run.lock(output, inside=True),
        _open(source, frames, output, settings) as faceset,
        output_errors(output),
    ):
        seconds: dict[str, float] = {}
        if faceset.meta(SMOOTHED) is None:
            try:
                seconds = detect_faces(frames, faceset, settings, run)
            except InputError as error:
                faceset.set_meta(_FAILURE, str(error))  # with what is steadied, so that going on knows it
            seconds["steady"] = _steady(frames, faceset, settings, references, run)
        for name, spent in write_crops(frames, faceset, settings, run).items():
            seconds[name] = seconds.get(name, 0.0) + spent
        failure = faceset.meta(_FAILURE)
        if failure is None:
            faceset.mark_complete()
            faceset.commit()
        records = faceset.frames()
        faces = faceset.all_faces()
    unreadable = sum(record.problem is not None for record in records)
    if failure is not None:
        raise InputError(f"{failure}; the faces of the {len(records)} frames before are in {output}")
    if unreadable == len(records):
        raise InputError(f"{source}: none of its {unreadable} images can be read")
    if not faces:
        raise InputError(f"{source}: no face was found in its {len(records) - unreadable} frames")
    verdicts: Counter[str] = Counter(face.status for face in faces)
    kept = verdicts.pop("kept", 0)
    return ExtractResult(
        faceset=output,
        frames=len(records),
        faces=kept,
        frames_without_face=len(records) - unreadable - len({face.frame_index for face in faces}),
        left_out=dict(verdicts),
        unreadable=unreadable,
        seconds=seconds,
        elapsed=time.perf_counter() - start,
    )


def _open(path: Path, frames: Source, output: Path, settings: ExtractSettings) -> Faceset:
    record = SourceRecord(
        path=str(path),
        sha256=source_hash(path),
        width=frames.info.width,
        height=frames.info.height,
        time_base=frames.info.time_base,
        settings=recorded(settings),
        program=f"facedouble {__version__}",
    )
    if not (output / DATABASE).exists():
        if output.exists() and not _is_free(output):
            raise OutputError(f"{output} exists and is not a faceset; choose another output")
        return Faceset.create(output, record)
    if not settings.skip_existing:
        how = setting("skip_existing")
        raise OutputError(f"{output} already holds a faceset; resume it by {how}, or choose another output")
    faceset = Faceset.open(output)
    old = faceset.source
    if old.sha256 != record.sha256:
        faceset.close()
        raise OutputError(f"{output} is the faceset of another source ({old.path})")
    made_with = recorded(read_recorded(old.settings))
    if made_with != record.settings:
        changed = ", ".join(
            setting(name) for name in record.settings if record.settings[name] != made_with.get(name)
        )
        faceset.close()
        raise OutputError(f"{output} was made with other settings ({changed}); choose another output")
    return faceset


def _is_free(folder: Path) -> bool:
    """Whether there is nothing in a folder but what a run leaves that was killed while it began."""
    if not folder.is_dir():
        return False
    left = {".lock", DATABASE + ".new", DATABASE + ".new-journal"}
    return all(
        entry.name in left or (entry.name == CROPS and entry.is_dir() and not any(entry.iterdir()))
        for entry in folder.iterdir()
    )


def _steady(
    source: Source,
    faceset: Faceset,
    settings: ExtractSettings,
    references: References | None,
    run: Run,
) -> float:
    """Tracks, steady landmarks and verdicts of all faces; returns the seconds it took."""
    stage = run.stage("steady", None, "faces")
    records = [record for record in faceset.frames() if record.problem is None]
    frames = [record.index for record in records]
    if source.info.is_film:
        cuts = {after for record, after in zip(records, frames[1:], strict=False) if record.ends_shot}
    else:
        cuts = set(frames)  # a picture has no neighbours in time
    tracks = link_tracklets(faceset.all_faces(), faceset.handovers(), frames, cuts)
    if not source.info.is_film:
        run.notice(
            "source.not_film",
            "the images are not numbered without a gap: taken as single pictures, not as a film",
        )
    result: list[Face] = []
    for track in run.each(tracks):
        judged = references.classify(track) if references else track
        result += [
            face.with_(
                alignment=align(face.smoothed, settings.size, scheme_of(face), level_eyes=settings.align_eyes)
            )
            for face in smooth_track(judged, settings.steady)
        ]
    faceset.replace_faces(_numbered(result, settings))
    faceset.set_meta(SMOOTHED, "1")
    faceset.commit()
    stage.finish(faces=len(result), tracks=len(tracks))
    return time.perf_counter() - stage.start


def _numbered(faces: list[Face], settings: ExtractSettings) -> list[Face]:
    """Faces with their numbers within each frame, the largest first, and what is too small or too
    many of them marked."""
    result: list[Face] = []
    numbers: Counter[int] = Counter()
    for face in sorted(faces, key=lambda face: (face.frame_index, -face.box.width, face.track)):
        number = numbers[face.frame_index]
        numbers[face.frame_index] += 1
        verdict = face.status
        if face.box.width < settings.min_face_size:
            verdict = "small"
        elif settings.max_faces and number >= settings.max_faces:
            verdict = "surplus"
        result.append(face.with_(face_index=number, status=verdict))
    return result
