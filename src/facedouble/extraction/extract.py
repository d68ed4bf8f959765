"""Extraction: a clip or a folder of images becomes a faceset.

Three passes, each of which can be resumed: :mod:`.detection` (faces are detected, tracked and described,
segment by segment, in parallel), :mod:`.tracking` (tracks, smoothed landmarks and statuses, from the database
alone), :mod:`.cropping` (aligned crops, by the smoothed landmarks, in parallel).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedouble._version import __version__
from facedouble.errors import InputError, OutputError, setting
from facedouble.extraction.cropping import write_crops
from facedouble.extraction.detection import detect_faces
from facedouble.extraction.nothing_found import probable_reason
from facedouble.extraction.segments import index_of
from facedouble.extraction.taking_over import drop_taken, take_over
from facedouble.extraction.tracking import track_and_smooth
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.references import References
from facedouble.faceset.codec import SourceRecord
from facedouble.faceset.database import output_errors
from facedouble.faceset.layout import CROPS, DATABASE
from facedouble.faceset.source_match import source_files
from facedouble.faceset.store import SMOOTHED, Faceset
from facedouble.files import path_text
from facedouble.run.run import Run, operation
from facedouble.settings.extract import ExtractSettings, read_recorded, recorded
from facedouble.video.folder_source import FolderSource
from facedouble.video.hashing import source_hash
from facedouble.video.source import Source, open_source, reported


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What an extraction found.

    ``faces`` counts those in use, ``left_out`` the others by status, ``unreadable`` images that could not be
    read, and damaged frames. ``seconds`` is the time this run spent on each kind of work, summed over its
    processes: decode, detect, landmarks, describe, track, crop, write. ``elapsed`` is the wall-clock time.
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
    analyser = FaceAnalyser.from_settings(settings)
    analyser.prepare(run)
    references = References.read(settings.faces, analyser)
    with opened(source, output, settings, run) as (frames, faceset):
        gone: frozenset[int] = frozenset()
        if isinstance(frames, FolderSource):
            frames = frames.as_it_was([file.name for file in faceset.files()])
            gone = frames.gone
        seconds: dict[str, float] = {}
        if faceset.meta(SMOOTHED) is None:
            try:
                seconds = detect_faces(frames, faceset, settings, run)
            except InputError as error:
                faceset.mark_failure(str(error))  # for a resumed run
            seconds["track"] = track_and_smooth(frames, faceset, settings, references, run)
        take_over(faceset, run)
        for name, spent in write_crops(frames, faceset, settings, run, gone).items():
            seconds[name] = seconds.get(name, 0.0) + spent
        drop_taken(faceset)
        return finish(source, frames, faceset, settings, seconds, time.perf_counter() - start)


@contextmanager
def opened(
    source: Path, output: Path, settings: ExtractSettings, run: Run
) -> Generator[tuple[Source, Faceset]]:
    """The source, and its faceset ``output``, new or to resume and locked against other runs. Raises what
    :func:`open_output` and opening the source raise."""
    frames = open_source(source, settings.reading)
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} exists and is not a faceset; choose another output")
    with (
        reported(frames, run),
        run.lock(output, inside=True),
        open_output(source, frames, output, settings, run) as faceset,
        output_errors(output),
    ):
        yield frames, faceset


def finish(
    path: Path,
    frames: Source,
    faceset: Faceset,
    settings: ExtractSettings,
    seconds: dict[str, float],
    elapsed: float,
) -> ExtractResult:
    """Mark a faceset whose crops are all cut as complete, unless its source could not be read to its end; sum
    up what is in it. Raises ``InputError`` for such a source, and for one without faces."""
    failure = faceset.failure
    if failure is None:
        faceset.mark_complete()
        faceset.commit()
    records = faceset.frames()
    statuses = faceset.statuses()
    with_faces = faceset.count_frames_with_faces()
    unreadable = sum(record.problem is not None for record in records)
    if failure is not None:
        raise InputError(f"{failure}; the faces of the {len(records)} frames before are in {faceset.path}")
    if unreadable == len(records):
        raise InputError(f"{path}: none of its {unreadable} images can be read")
    if not statuses:
        reason = probable_reason(frames, settings)
        text = f"{path}: no face was found in its {len(records) - unreadable} frames"
        raise InputError(text if reason is None else f"{text}; {reason}")
    kept = statuses.pop("kept", 0)
    return ExtractResult(
        faceset=faceset.path,
        frames=len(records),
        faces=kept,
        frames_without_face=len(records) - unreadable - with_faces,
        left_out={str(status): count for status, count in statuses.items()},
        unreadable=unreadable,
        seconds=seconds,
        elapsed=elapsed,
    )


def open_output(
    path: Path,
    frames: Source,
    output: Path,
    settings: ExtractSettings,
    run: Run,
    program: str = f"facedouble {__version__}",
) -> Faceset:
    """The faceset ``output`` of the source ``path``: a new one, or one to resume.

    Raises ``OutputError`` for a folder of other things, a faceset of another source or made with other
    settings, and a finished one unless ``settings`` say to resume.
    """
    width, height = frames.info.shown_size
    record = SourceRecord(
        path=path_text(path),
        sha256=source_hash(path),
        width=width,
        height=height,
        time_base=frames.info.time_base,
        settings=recorded(settings),
        program=program,
        index=index_of(frames),
    )
    if not (output / DATABASE).exists():
        if output.exists() and not _is_free(output):
            raise OutputError(f"{output} exists and is not a faceset; choose another output")
        return Faceset.create(output, record, source_files(path))
    faceset = Faceset.open(output)
    old = faceset.source
    try:
        match = faceset.match(path)
    except InputError as error:
        faceset.close()
        raise OutputError(f"{output}: {error}") from error
    if match is None:
        faceset.close()
        raise OutputError(f"{output} is the faceset of another source ({old.path})")
    match.report(run)
    if not faceset.files():  # an older version did not store them
        faceset.put_files(source_files(path))
    made_with = recorded(read_recorded(old.settings))
    if made_with != record.settings:
        changed = ", ".join(
            setting(name) for name in record.settings if record.settings[name] != made_with.get(name)
        )
        faceset.close()
        raise OutputError(f"{output} was made with other settings ({changed}); choose another output")
    if faceset.complete and not settings.skip_existing:
        faceset.close()
        raise OutputError(
            f"{output} already holds a finished faceset; keep it ({setting('skip_existing')}), or choose "
            "another output"
        )
    return faceset


def _is_free(folder: Path) -> bool:
    """Whether a folder holds nothing but what is left by a run that was killed as it started."""
    if not folder.is_dir():
        return False
    left = {".lock", DATABASE + ".new", DATABASE + ".new-journal"}
    return all(
        entry.name in left or (entry.name == CROPS and entry.is_dir() and not any(entry.iterdir()))
        for entry in folder.iterdir()
    )
