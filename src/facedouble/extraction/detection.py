"""First pass of extraction: detect, track and describe the faces of all frames, segment by segment."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from functools import partial

from facedouble.errors import InputError
from facedouble.extraction.analysis import SegmentResult, analyse_in_worker, prepare_worker
from facedouble.extraction.pool import map_in_processes, map_in_threads
from facedouble.extraction.segments import (
    Segment,
    expected_frames,
    segment_length,
    split_into_segments,
    unfinished_frames,
)
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.video.frame import Frame
from facedouble.video.source import Source

_COMMIT_SECONDS = 2.0
_THREADS_OF_A_GPU = 16  # each asks about one face at a time, so that many make up a batch


def detect_faces(source: Source, faceset: Faceset, settings: ExtractSettings, run: Run) -> dict[str, float]:
    """Detect the faces of every frame that is not done yet. Returns the seconds spent by kind of work.

    A clip that cannot be read to its end raises ``InputError`` after what could be read is stored.
    """
    seconds = {"decode": 0.0}
    done = faceset.frame_indices()
    frames, faces = len(done), 0
    stage = run.stage("detect", expected_frames(source, settings), "frames")
    failure: list[InputError] = []
    readable = until_error(unfinished_frames(source, settings, done, seconds), failure)
    todo = (
        segment
        for segment in split_into_segments(readable, segment_length(source))
        if any(frame.index not in done for frame in segment.own)
    )
    last_commit = stage.start
    try:
        for result in analyse_segments(todo, settings, run):
            faceset.merge(result.shard)
            for frame in result.shard.frames:
                if frame.problem:
                    run.warn("source.unreadable_frame", f"left out: {frame.problem}", frame=frame.index)
            frames += len(result.shard.frames)
            faces += len(result.shard.faces)
            for name, spent in result.seconds.items():
                seconds[name] = seconds.get(name, 0.0) + spent
            if time.perf_counter() - last_commit > _COMMIT_SECONDS:
                faceset.commit()
                last_commit = time.perf_counter()
            stage.progress(frames, faces=faces)
    finally:
        faceset.commit()  # what was found is kept, whatever stopped the run
    stage.finish(frames=frames, faces=faces)
    if failure:
        raise failure[0]
    return seconds


def analyse_segments(
    segments: Iterable[Segment], settings: ExtractSettings, run: Run
) -> Generator[SegmentResult]:
    """What is found in each of some segments, in their order, by as many processes or threads as the settings
    say."""
    analyser = FaceAnalyser.from_settings(settings)
    pool = map_in_threads if analyser.in_threads else map_in_processes
    count = settings.processes
    if not count and analyser.in_threads and analyser.device != "cpu":
        count = _THREADS_OF_A_GPU
    return pool(analyse_in_worker, segments, count, run, prepare=partial(prepare_worker, settings))


def until_error(frames: Iterator[Frame], failure: list[InputError]) -> Iterator[Frame]:
    """The frames up to the first that cannot be read; the error is appended to ``failure``."""
    try:
        yield from frames
    except InputError as error:
        failure.append(error)
