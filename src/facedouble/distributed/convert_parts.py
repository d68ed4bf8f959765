"""Conversion on several machines: planned once, written in parts, put together and marked in one place.

The parts are those of one machine (:mod:`facedouble.video.sinks.parts`), each from a fresh encoder, and
everything that is fitted to the clip is in the plan. So the result is that of one machine of the same kind.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from facedouble.conversion.clip_conversion import ClipConversion
from facedouble.conversion.pipeline import ConvertResult, write_frames
from facedouble.conversion.plan import ConversionPlan
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.distributed.operation import DistributedOperation
from facedouble.distributed.plan_folder import Plan, PlanFolder, planned
from facedouble.errors import InputError, OutputError
from facedouble.json_data import parse_json
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertCommand, ConvertSettings
from facedouble.video.source import reported

_PLAN = "plan.safetensors"
_MOST_BYTES = 256 << 20
_RECORD = {"frames", "swapped", "faceless", "faces", "failures"}


def plan(command: ConvertCommand, parts: int, folder: PlanFolder, run: Run) -> None:
    """Work out the faces and all that is fitted to them. The parts are as long as the settings say, whatever
    ``parts`` are asked for: they are those of a run on one machine."""
    conversion = _opened(command, run)
    count = -(-conversion.frames.index.count // command.checkpoint_frames)
    marking = conversion.marking(run)
    given = conversion.given_faces(run)
    with reported(conversion.frames, run), conversion.work_folder(given) as work:
        conversion.sink(work, marking, run).abort()  # fails now if the output cannot hold a stream
        made = conversion.plan(work, given, run)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder.path}: cannot be made ({error.strerror})") from error
    save_plan(made, folder.path / _PLAN)
    spans = [(number, number + 1) for number in range(count)]
    folder.write(Plan("convert", planned(command), {"convert": spans}))


def work(folder: PlanFolder, stage: str, part: int, cpus: int, run: Run) -> None:
    """Write the frames of one part."""
    path = folder.path / _PLAN
    try:
        version = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    conversion, made = _for_parts(folder.path, version, cpus)
    with reported(conversion.frames, run), folder.new_files(stage, part) as own:
        sink = conversion.part_sink(own)
        stream = conversion.stream(made, run)
        record = stream.write_part(part, conversion.renderer(), sink.write)
        record |= sink.finish()
    folder.write_result(stage, part, json.dumps(record))


def join(folder: PlanFolder, stage: str, run: Run) -> ConvertResult:
    """Put the parts together, and mark the whole."""
    plan = folder.read()
    conversion = _opened(ConvertCommand.read(plan.settings), run)
    marking = conversion.marking(run)
    given = conversion.given_faces(run)
    with (
        reported(conversion.frames, run),
        conversion.work_folder(given) as work,
        conversion.sink(work, marking, run) as sink,
    ):
        if work.discarded:
            raise InputError(
                f"{conversion.source}, the model or the faceset changed since the plan was made; plan again"
            )
        for part in range(len(sink.parts), len(plan.parts[stage])):
            run.check()
            sink.take_part(folder.files(stage, part), _record(folder, stage, part))
        made = load_plan(folder.path / _PLAN)
        return write_frames(conversion, made, sink, run, start=time.perf_counter() - plan.age)


def _opened(command: ConvertCommand, run: Run) -> ClipConversion:
    settings = command.only(ConvertSettings)
    return ClipConversion.open(command.source, command.model, command.output, settings, command.faceset, run)


@lru_cache(maxsize=1)
def _for_parts(path: Path, version: int, cpus: int) -> tuple[ClipConversion, ConversionPlan]:
    """What a worker needs for all parts of a plan, which it opens once."""
    command = ConvertCommand.read(PlanFolder(path).read().settings)
    changes: dict[str, Any] = {"compute": {"threads": cpus}} if cpus else {}
    return _opened(command.replace(overwrite=True, **changes), Run()), load_plan(path / _PLAN)


def _record(folder: PlanFolder, stage: str, part: int) -> dict[str, Any]:
    file = folder.result(stage, part)
    try:
        record = parse_json(folder.read_result(stage, part, _MOST_BYTES))
        if not isinstance(record, dict) or record.keys() - {"images"} != _RECORD:
            raise ValueError("it is no record")
        names = record.get("images", [])
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise ValueError("it names files elsewhere")
    except (ValueError, RecursionError, TypeError) as error:
        raise InputError(f"{file}: damaged ({error}); delete it, and its part is worked on again") from error
    return record


OPERATION = DistributedOperation(ConvertCommand, ("convert",), plan, work, join)
