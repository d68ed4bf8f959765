"""Conversion on several machines: fitted to its tracks in parts, written in parts, put together and marked in
one place.

Nothing that is fitted to one track depends on another, so a part of the stage ``fit`` is some whole tracks.
The parts of the stage ``convert`` are those of one machine (:mod:`facedouble.video.sinks.parts`), each from a
fresh encoder. So the result is that of one machine of the same kind.

    WORK/
      plan.safetensors                    the whole plan but its faces
      faces/000000.json                   the digest of all faces, and the state of the faceset they are from
      to_fit/000003.safetensors           the faces of some tracks
      fit/000003/fitted.safetensors       the same, fitted
      convert/000007/part.packets         frames

The span of a part of ``fit`` is the first and the last (exclusive) of the frames in which its tracks are, so
whoever writes frames knows which parts to read.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from facedouble.conversion.clip_conversion import ClipConversion
from facedouble.conversion.pipeline import ConvertResult, write_frames
from facedouble.conversion.plan import ConversionPlan, PlannedFace, Upscaled
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.distributed.operation import DistributedOperation
from facedouble.distributed.plan_folder import Plan, PlanFolder, Span, planned, spans_of
from facedouble.distributed.source_index import keep_index, take_index
from facedouble.errors import InputError, OutputError
from facedouble.faceset.state import faceset_state
from facedouble.json_data import parse_json
from facedouble.run.events import Event, Notice, from_json, to_json
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertCommand, ConvertSettings
from facedouble.video.source import open_source, reported

_PLAN = "plan.safetensors"
_FACES = "faces"
_TO_FIT = "to_fit"
_FITTED = "fitted.safetensors"
_MOST_BYTES = 256 << 20
_RECORD = {"frames", "swapped", "faceless", "faces", "failures"}


def plan(command: ConvertCommand, parts: int, folder: PlanFolder, run: Run) -> None:
    """Work out the faces, and which tracks are fitted together, in up to ``parts`` parts."""
    conversion = _opened(command, run)
    state = _state_of_faces(conversion)
    with conversion.unfinished(run) as unfinished:
        unfinished.sink.abort()  # it could be opened, so the output can hold every stream
        selected = conversion.selected(unfinished.work, unfinished.given, run)
    groups = group_tracks(selected, parts)
    try:
        (folder.path / _TO_FIT).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder.path}: cannot be made ({error.strerror})") from error
    spans: list[Span] = []
    for number, tracks in enumerate(groups):
        run.check()
        own = replace(selected.of_tracks(tracks), adaptation={})
        save_plan(own, _to_fit(folder, number))
        spans.append((min(own.faces), max(own.faces) + 1))
    save_plan(replace(selected, faces={}, fit_keys=conversion.fit_keys(selected)), folder.path / _PLAN)
    keep_index(folder, command.source, command.reading)
    folder.write_result(_FACES, 0, json.dumps([state, unfinished.faces]))
    folder.write(Plan("convert", planned(command), {"fit": spans}))


def group_tracks(plan: ConversionPlan, parts: int) -> list[list[int]]:
    """The numbers of all tracks of ``plan``, in order of their first frames, in up to ``parts`` groups of
    about as many faces."""
    sizes: dict[int, int] = {}
    for index in sorted(plan.faces):
        for planned_face in plan.faces[index]:
            track = planned_face.face.track
            sizes[track] = sizes.get(track, 0) + 1
    total = sum(sizes.values())
    groups: dict[int, list[int]] = {}
    before = 0
    for track, size in sizes.items():
        groups.setdefault((2 * before + size) * parts // (2 * total), []).append(track)
        before += size
    return list(groups.values())


def work(folder: PlanFolder, stage: str, part: int, cpus: int, run: Run) -> None:
    """Fit some tracks, or write the frames of one part."""
    conversion, whole = _for_parts(folder.path, _version(folder.path / _PLAN), cpus)
    if stage == "fit":
        _fit(folder, part, conversion, whole, run)
    else:
        _write(folder, part, conversion, whole, run)


def join(folder: PlanFolder, stage: str, run: Run) -> ConvertResult | None:
    """Repeat what was said of the tracks that were fitted, and hand out the frames; at the end put them
    together, and mark the whole."""
    plan = folder.read()
    command = ConvertCommand.read(plan.settings)
    if stage == "fit":
        _say_again(folder, len(plan.parts["fit"]), run)
        frames = open_source(command.source, command.reading).index.count
        count = -(-frames // command.checkpoint_frames)
        folder.write(plan.with_stage("convert", spans_of(count, count)))
        return None
    conversion = _opened(command, run)
    state, faces = _planned_faces(folder)
    same = state is not None and state == _state_of_faces(conversion)
    with conversion.unfinished(run, faces if same else None) as unfinished:
        work, sink = unfinished.work, unfinished.sink
        if work.discarded or unfinished.faces != faces:
            raise InputError(
                f"{conversion.source}, the model or the faceset changed since the plan was made; plan again"
            )
        taken = 0
        for part in range(len(sink.parts), len(plan.parts["convert"])):
            run.check()
            record = _written(folder, part)
            sink.take_part(folder.files("convert", part), record)
            taken += record["frames"]
        whole = load_plan(folder.path / _PLAN)
        start = time.perf_counter() - plan.age
        return write_frames(conversion, whole, sink, run, start=start, taken=taken)


def _state_of_faces(conversion: ClipConversion) -> str | None:
    """What has to stay the same for the given faces to be the same; ``None`` where none are given, or they
    are chosen by pictures of people, which may change too."""
    chosen = conversion.settings.faces
    if conversion.faceset is None or chosen.filter or chosen.nfilter:
        return None
    return faceset_state(conversion.faceset)


def _planned_faces(folder: PlanFolder) -> tuple[str | None, str | None]:
    """The state of the given faceset when the plan was made, and the digest of its faces: to work that out
    again takes as long as to plan."""
    file = folder.result(_FACES, 0)
    try:
        state, faces = parse_json(folder.read_result(_FACES, 0, _MOST_BYTES))
        if not all(value is None or isinstance(value, str) for value in (state, faces)):
            raise ValueError("it is no digest")
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: damaged ({error}); plan again") from error
    return state, faces


# -- fitting ---------------------------------------------------------------------------------------------


def _fit(folder: PlanFolder, part: int, conversion: ClipConversion, whole: ConversionPlan, run: Run) -> None:
    said: list[Notice] = []

    def listen(event: Event) -> None:
        if isinstance(event, Notice):
            said.append(event)

    own = replace(load_plan(_to_fit(folder, part)), adaptation=whole.adaptation)
    with run.subscribed(listen), folder.new_files("fit", part) as files:
        fitted = conversion.fitted(own, run)
        save_plan(replace(fitted, adaptation={}), files / _FITTED)
    record = {"said": [to_json(notice) for notice in said], "upscaled": asdict(conversion.upscaled(fitted))}
    folder.write_result("fit", part, json.dumps(record))


def _say_again(folder: PlanFolder, parts: int, run: Run) -> None:
    """Repeat here what was said where tracks were fitted."""
    upscaled = Upscaled(0, 0, 0, 0.0)
    for part in range(parts):
        try:
            record = parse_json(folder.read_result("fit", part, _MOST_BYTES))
            upscaled += Upscaled(**record["upscaled"])
            said = [from_json(one) for one in record["said"]]
        except (InputError, ValueError, RecursionError, TypeError, KeyError) as error:
            raise InputError(_damaged(folder.result("fit", part), error)) from error
        for event in said:
            if isinstance(event, Notice):
                run.emit(event)
    ClipConversion.warn_of_upscaling(upscaled, run)


# -- writing ---------------------------------------------------------------------------------------------


def _write(
    folder: PlanFolder, part: int, conversion: ClipConversion, whole: ConversionPlan, run: Run
) -> None:
    length = conversion.settings.checkpoint_frames
    faces = _faces_between(folder, part * length, (part + 1) * length)
    with reported(conversion.frames, run), folder.new_files("convert", part) as own:
        sink = conversion.part_sink(own)
        stream = conversion.stream(replace(whole, faces=faces), run)
        record = stream.write_part(part, conversion.renderer(), sink.write)
        record |= sink.finish()
    folder.write_result("convert", part, json.dumps(record))


def _faces_between(folder: PlanFolder, first: int, last: int) -> dict[int, list[PlannedFace]]:
    """The fitted faces in the frames from ``first`` to ``last`` (exclusive), by the frame's number."""
    found: dict[int, list[PlannedFace]] = {}
    for part, (start, end) in enumerate(folder.read().parts["fit"]):
        if start >= last or end <= first:
            continue
        file = folder.files("fit", part) / _FITTED
        for index, faces in _fitted(file, _version(file)).faces.items():
            if first <= index < last:
                found.setdefault(index, []).extend(faces)
    for members in found.values():
        members.sort(key=lambda planned_face: planned_face.face.face_index)
    return found


def _written(folder: PlanFolder, part: int) -> dict[str, Any]:
    try:
        record = parse_json(folder.read_result("convert", part, _MOST_BYTES))
        if not isinstance(record, dict) or record.keys() - {"images"} != _RECORD:
            raise ValueError("it is no record")
        if not all(type(record[name]) is int for name in _RECORD - {"failures"}):
            raise ValueError("it does not count")
        names = record.get("images", [])
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise ValueError("it names files elsewhere")
    except (ValueError, RecursionError, TypeError) as error:
        raise InputError(_damaged(folder.result("convert", part), error)) from error
    return record


# -- both ------------------------------------------------------------------------------------------------


def _opened(command: ConvertCommand, run: Run) -> ClipConversion:
    settings = command.only(ConvertSettings)
    return ClipConversion.open(command.source, command.model, command.output, settings, command.faceset, run)


@lru_cache(maxsize=1)
def _for_parts(path: Path, version: int, cpus: int) -> tuple[ClipConversion, ConversionPlan]:
    """What a worker needs for all parts of a plan, which it opens once."""
    command = ConvertCommand.read(PlanFolder(path).read().settings)
    take_index(PlanFolder(path), command.source, command.reading)
    changes: dict[str, Any] = {"compute": {"threads": cpus}} if cpus else {}
    return _opened(command.replace(overwrite=True, **changes), Run()), load_plan(path / _PLAN)


@lru_cache(maxsize=2)
def _fitted(path: Path, version: int) -> ConversionPlan:
    return load_plan(path)


def _version(path: Path) -> int:
    """What tells a file from another of the same name. Raises ``InputError``."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _to_fit(folder: PlanFolder, part: int) -> Path:
    return folder.path / _TO_FIT / f"{part:06d}.safetensors"


def _damaged(file: Path, error: Exception) -> str:
    return f"{file}: damaged ({error}); delete it, and its part is worked on again"


OPERATION = DistributedOperation(ConvertCommand, ("fit", "convert"), plan, work, join)
