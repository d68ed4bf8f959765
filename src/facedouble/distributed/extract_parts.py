"""Extraction on several machines: frames are looked at in parts, tracked together, and cropped in parts.

The coordinator alone writes the faceset. It is the same as that of one machine: segments are those of one
machine, and everything between them happens in one place (:mod:`facedouble.extraction.tracking`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from facedouble.distributed.operation import DistributedOperation
from facedouble.distributed.plan_folder import Plan, PlanFolder, Span, planned, spans_of
from facedouble.distributed.source_index import keep_index, take_index
from facedouble.errors import InputError
from facedouble.extraction.cropping import CropTarget, cut_crops, faces_to_crop, jobs_of
from facedouble.extraction.detection import analyse_segments, until_error
from facedouble.extraction.extract import ExtractResult, finish, opened
from facedouble.extraction.segments import (
    Segment,
    segment_length,
    selected_frames,
    selected_indices,
    split_into_segments,
    timed,
)
from facedouble.extraction.tracking import track_and_smooth
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.references import References
from facedouble.faceset.codec import FACE, SOURCE
from facedouble.faceset.database import output_errors
from facedouble.faceset.layout import BLURRY, CROPS, DROPPED, LANDMARKS, iter_crops, parse_crop_name
from facedouble.faceset.shard import Shard
from facedouble.faceset.store import SMOOTHED, Faceset
from facedouble.files import move
from facedouble.json_data import parse_json
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractCommand, ExtractSettings
from facedouble.video.folder_source import FolderSource
from facedouble.video.sampling import frames_at
from facedouble.video.source import Source, open_source, reported

_PICTURES = (CROPS, BLURRY, DROPPED, LANDMARKS)


def plan(command: ExtractCommand, parts: int, folder: PlanFolder, run: Run) -> None:
    """Make the faceset, still empty, and plan which segments are looked at together."""
    settings = command.only(ExtractSettings)
    analyser = FaceAnalyser.from_settings(settings)
    analyser.prepare(run)
    References.read(settings.faces, analyser)
    with opened(command.source, command.output, settings, run) as (frames, faceset):
        faceset.commit()
        smoothed = faceset.meta(SMOOTHED) is not None
    made = Plan("extract", planned(command), {"detect": _segments(frames, settings, parts)})
    folder.write(made)
    keep_index(folder, command.source, command.reading)
    if smoothed:  # only crops are missing
        _plan_crops(folder, made, parts)


def work(folder: PlanFolder, stage: str, part: int, cpus: int, run: Run) -> None:
    """Look at the frames of one part, or cut its crops."""
    plan = folder.read()
    command = ExtractCommand.read(plan.settings)
    command = command.replace(processes=cpus or command.processes)
    take_index(folder, command.source, command.reading)
    if stage == "detect":
        _detect(folder, command, plan.parts[stage][part], part, run)
    else:
        _crop(folder, command, part, run)


def join(folder: PlanFolder, stage: str, run: Run) -> ExtractResult | None:
    """Store what was found, link and smooth tracks, and hand out the crops; at the end take them."""
    plan = folder.read()
    command = ExtractCommand.read(plan.settings)
    settings = command.only(ExtractSettings)
    with _opened(command, run) as (frames, faceset):
        if stage == "detect":
            if faceset.meta(SMOOTHED) is None:
                _merge(folder, len(plan.parts["detect"]), faceset, run)
                references = References.read(settings.faces, FaceAnalyser.from_settings(settings))
                track_and_smooth(frames, faceset, settings, references, run)
            _plan_crops(folder, plan, len(plan.parts["detect"]), faceset)
            return None
        existing = {key: name for name in iter_crops(faceset.path) if (key := parse_crop_name(name))}
        for number in range(len(plan.parts["crop"])):
            run.check()
            _take_crops(folder, number, faceset, existing)
        return finish(command.source, frames, faceset, settings, _seconds(folder, plan), plan.age)


# -- finding ---------------------------------------------------------------------------------------------


def _segments(source: Source, settings: ExtractSettings, parts: int) -> list[Span]:
    try:
        indices = selected_indices(source, settings)
    except InputError:  # a damaged clip is read from its start, as far as that goes
        return [(0, 0)]
    return spans_of(-(-len(indices) // segment_length(source)), parts)


def _detect(folder: PlanFolder, command: ExtractCommand, span: Span, part: int, run: Run) -> None:
    settings = command.only(ExtractSettings)
    source = open_source(command.source, settings.reading)
    failure: list[InputError] = []
    seconds = {"decode": 0.0}
    with reported(source, run):
        shards = []
        for result in analyse_segments(_segments_of(source, settings, span, failure, seconds), settings, run):
            shards.append(result.shard)
            for name, spent in result.seconds.items():
                seconds[name] = seconds.get(name, 0.0) + spent
    whole = Shard(
        tuple(frame for shard in shards for frame in shard.frames),
        tuple(face for shard in shards for face in shard.faces),
        tuple(handover for shard in shards for handover in shard.handovers),
    )
    said = {"failure": str(failure[0]) if failure else None, "seconds": seconds}
    folder.write_result("detect", part, f"{json.dumps(said)}\n{whole.to_json()}")


def _segments_of(
    source: Source,
    settings: ExtractSettings,
    span: Span,
    failure: list[InputError],
    seconds: dict[str, float],
) -> Iterator[Segment]:
    """The segments of a part. Its last one ends with the first frame of the next part."""
    length = segment_length(source)
    first, last = span
    if last == 0:
        frames = until_error(selected_frames(source, settings, seconds), failure)
        yield from split_into_segments(frames, length)
        return
    indices = selected_indices(source, settings)[first * length : last * length + 1]
    frames = until_error(timed(frames_at(source, indices), seconds), failure)
    yield from islice(split_into_segments(frames, length), last - first)


def _merge(folder: PlanFolder, parts: int, faceset: Faceset, run: Run) -> None:
    stage = run.stage("merge", parts, "parts")
    for number in range(parts):
        run.check()
        said, shard = _shard(folder, number)
        faceset.merge(shard)
        for frame in shard.frames:
            if frame.problem:
                run.warn("source.unreadable_frame", f"left out: {frame.problem}", frame=frame.index)
        if isinstance(said["failure"], str):
            faceset.mark_failure(said["failure"])
        stage.progress(number + 1)
    faceset.commit()
    stage.finish()


def _shard(folder: PlanFolder, part: int) -> tuple[Mapping[str, Any], Shard]:
    file = folder.result("detect", part)
    head, _, text = folder.read_result("detect", part).decode(errors="replace").partition("\n")
    try:
        said = parse_json(head)
        if not isinstance(said, dict) or said.keys() != {"failure", "seconds"}:
            raise InputError("damaged")
        return said, Shard.from_json(text)
    except (InputError, ValueError) as error:
        raise InputError(f"{file}: {error}; delete it, and its part is worked on again") from error


# -- cutting ---------------------------------------------------------------------------------------------


def _plan_crops(folder: PlanFolder, plan: Plan, parts: int, faceset: Faceset | None = None) -> None:
    """Hand out the crops that are missing: each part gets the frames and faces it needs."""
    command = ExtractCommand.read(plan.settings)
    if faceset is None:
        with Faceset.open(command.output) as opened:
            _plan_crops(folder, plan, parts, opened)
        return
    gone = _gone(command, faceset)
    todo = faces_to_crop(faceset, gone)
    records = {frame.index: frame for frame in faceset.frames() if frame.index in todo}
    source = SOURCE.to_json(faceset.source)
    indices = sorted(todo)
    spans = spans_of(len(indices), parts) if indices else []
    for number, (first, last) in enumerate(spans):
        own = indices[first:last]
        shard = Shard(
            tuple(records[index] for index in own), tuple(face for index in own for face in todo[index]), ()
        )
        folder.write_result("to_crop", number, f"{json.dumps(source)}\n{shard.to_json()}")
    folder.write(plan.with_stage("crop", spans))


def _crop(folder: PlanFolder, command: ExtractCommand, part: int, run: Run) -> None:
    settings = command.only(ExtractSettings)
    head, _, text = folder.read_result("to_crop", part).decode(errors="replace").partition("\n")
    try:
        record, shard = SOURCE.from_json(parse_json(head)), Shard.from_json(text)
    except ValueError as error:
        raise InputError(f"{folder.result('to_crop', part)}: damaged") from error
    source = open_source(command.source, settings.reading)
    if isinstance(source, FolderSource):
        with Faceset.open(command.output) as faceset:
            source = source.as_it_was([file.name for file in faceset.files()])
    todo: dict[int, list[Any]] = {frame.index: [] for frame in shard.frames}
    for face in shard.faces:
        todo[face.frame_index].append(face)
    with reported(source, run), folder.new_files("crop", part) as own:
        jobs = jobs_of(frames_at(source, sorted(todo)), todo, {frame.index: frame for frame in shard.frames})
        faces = []
        seconds = {"crop": 0.0, "write": 0.0}
        for result in cut_crops(source, jobs, CropTarget(own, record), settings, run):
            faces += result.faces
            for name, spent in result.seconds.items():
                seconds[name] += spent
    said = {"seconds": seconds, "faces": [FACE.to_json(face) for face in faces]}
    folder.write_result("crop", part, json.dumps(said))


def _take_crops(
    folder: PlanFolder, part: int, faceset: Faceset, existing: Mapping[tuple[int, int], str]
) -> None:
    """Move the crops of a part into the faceset, and store what cutting them found out."""
    try:
        faces = [FACE.from_json(one) for one in parse_json(folder.read_result("crop", part))["faces"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder.result('crop', part)}: damaged ({error})") from error
    own = folder.files("crop", part)
    with output_errors(faceset.path):
        for picture in _PICTURES:
            if not (own / picture).is_dir():
                continue
            (faceset.path / picture).mkdir(exist_ok=True)
            for file in sorted((own / picture).iterdir()):
                key = parse_crop_name(file.name)
                # A crop that is there already, perhaps moved by a person, is replaced where it is.
                name = existing.get(key) if key is not None and picture != LANDMARKS else None
                move(file, faceset.path / (name or f"{picture}/{file.name}"))
    faceset.put_crop_facts(faces)
    faceset.commit()


# -- both ------------------------------------------------------------------------------------------------


@contextmanager
def _opened(command: ExtractCommand, run: Run) -> Iterator[tuple[Source, Faceset]]:
    """The source as it was, and the faceset, locked against other runs."""
    frames = open_source(command.source, command.reading)
    with (
        reported(frames, run),
        run.lock(command.output, inside=True),
        Faceset.open(command.output) as faceset,
        output_errors(command.output),
    ):
        if isinstance(frames, FolderSource):
            frames = frames.as_it_was([file.name for file in faceset.files()])
        yield frames, faceset


def _gone(command: ExtractCommand, faceset: Faceset) -> frozenset[int]:
    frames = open_source(command.source, command.reading)
    if not isinstance(frames, FolderSource):
        return frozenset()
    return frames.as_it_was([file.name for file in faceset.files()]).gone


def _seconds(folder: PlanFolder, plan: Plan) -> dict[str, float]:
    """The seconds that all parts together spent, by kind of work."""
    total: dict[str, float] = {}
    for stage in ("detect", "crop"):
        for part in range(len(plan.parts[stage])):
            head = folder.read_result(stage, part).partition(b"\n")[0]
            for name, spent in parse_json(head)["seconds"].items():
                total[name] = total.get(name, 0.0) + spent
    return total


OPERATION = DistributedOperation(ExtractCommand, ("detect", "crop"), plan, work, join)
