"""What is done, stale or missing in a project, and what comes next: pure functions of steps and disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from facedouble.project.disk import Disk, Output, There
from facedouble.project.steps import Step
from facedouble.settings.base import Settings
from facedouble.settings.registry import COMMANDS


class State(StrEnum):
    """Where a step stands."""

    DONE = "done"
    STALE = "stale"  # done, but of other inputs or with other settings than now
    UNFINISHED = "unfinished"  # begun; the same command resumes it
    MISSING = "missing"
    WRITING = "being written"
    BLOCKED = "blocked"  # something that no step makes is not there, or the output is damaged


@dataclass(frozen=True, slots=True)
class Planned:
    """A step, where it stands, and why: ``reasons`` are short texts for a person."""

    step: Step
    state: State
    reasons: tuple[str, ...] = ()
    detail: str = ""

    @property
    def to_do(self) -> bool:
        """Whether it is not done yet and nothing but earlier steps is in its way."""
        return self.state in (State.MISSING, State.UNFINISHED)


_NO_EFFECT: Mapping[str, frozenset[str]] = {
    "extract": frozenset({"processes", "skip_existing"}),
    "train": frozenset({"limits", "saving", "monitor", "compute", "dry_run"}),
    "convert": frozenset({"compute", "overwrite", "keep_going", "checkpoint_frames"}),
    "evaluate": frozenset(),
}


def plan(steps: Sequence[Step], disk: Disk) -> tuple[Planned, ...]:
    """Where every step stands, in the order of ``steps``."""
    return tuple(_judge(step, disk) for step in steps)


def inputs_now(step: Step, disk: Disk) -> dict[str, str]:
    """Fingerprints of a step's inputs by path, of those that are there."""
    found = {source.path: disk.fingerprint(source) for source in step.inputs}
    return {path: fingerprint for path, fingerprint in found.items() if fingerprint is not None}


def recorded(step: Step) -> dict[str, Any]:
    """What is kept of a finished step's settings: those that decide the result and are not the default, and
    what limited a training."""
    settings = COMMANDS[step.kind]
    if step.kind == "train":
        values: Mapping[str, Any] = (
            step.values
        )  # as given: presets, which fill them up, change with the program
    else:
        values = settings.read(step.values).model_dump(mode="json", exclude_defaults=True)
    paths = settings.model_fields.keys() - cast(type[Settings], settings.__bases__[0]).model_fields.keys()
    left_out = paths | _NO_EFFECT[step.kind]
    decisive = {name: value for name, value in values.items() if name not in left_out}
    return {"settings": decisive, "limits": step.limits}


def _judge(step: Step, disk: Disk) -> Planned:
    output = disk.outputs[step.name]
    if output.writer is not None:
        return Planned(
            step, State.WRITING, (f"by process {output.writer.pid} on {output.writer.host}",), output.detail
        )
    if output.problem:
        return Planned(step, State.BLOCKED, (output.problem,), output.detail)
    gone = [source.path for source in step.inputs if source.step is None and disk.fingerprint(source) is None]
    cannot = tuple(f"{path} cannot be read" for path in gone)
    if gone and output.there != There.WHOLE:
        return Planned(step, State.BLOCKED, cannot, output.detail)
    if output.there == There.MISSING:
        return Planned(step, State.MISSING)
    reasons = tuple(dict.fromkeys(_changes(step, disk)))
    if reasons:
        return Planned(step, State.STALE, reasons, output.detail)
    if output.there == There.PARTIAL or (step.kind == "train" and not _trained_enough(step, disk, output)):
        return Planned(step, State.UNFINISHED, _how_far(step, output), output.detail)
    return Planned(step, State.DONE, cannot, output.detail)


def _changes(step: Step, disk: Disk) -> Iterator[str]:
    """Why an output is not what the step would make now."""
    output = disk.outputs[step.name]
    record = disk.records.get(step.name) if output.there == There.WHOLE else None
    if step.kind == "extract" and record is None:
        clip = disk.fingerprint(step.inputs[0])
        if None not in (output.source, clip) and output.source != clip:
            yield f"{step.inputs[0].path} is another clip now"
    if record is None:
        return  # made by hand: with what is not known
    for source in step.inputs:
        old, new = record.inputs.get(source.path), disk.fingerprint(source)
        if old is None:
            yield f"made without {source.path}"
        elif new is not None and old != new:
            yield f"{source.path} has changed"
    paths = {source.path for source in step.inputs}
    yield from (f"made with {path} too" for path in record.inputs if path not in paths)
    now = recorded(step)
    old_settings = record.settings.get("settings")
    yield from _differences(old_settings if isinstance(old_settings, Mapping) else {}, now["settings"])


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping | None) and isinstance(now, Mapping | None):
            yield from _differences(was or {}, now or {}, f"{above}{name}.")
        elif was != now:
            yield f"{above}{name} was {_shown(was)}, is {_shown(now)}"


def _shown(value: Any) -> str:
    return "not set" if value is None else f"{value!r:.40}"


def _trained_enough(step: Step, disk: Disk, output: Output) -> bool:
    """Whether a training has reached its end, or ended by itself under the limits there are now."""
    progress = output.progress or {}
    wanted = step.limits
    if any(progress[name] >= wanted[name] for name in progress if name in wanted):
        return True
    record = disk.records.get(step.name)
    return record is not None and record.settings.get("limits") == wanted


def _how_far(step: Step, output: Output) -> tuple[str, ...]:
    wanted = step.limits
    return tuple(
        f"{value:,.4g} of {wanted[name]:,.4g} {name}"
        for name, value in (output.progress or {}).items()
        if name in wanted
    )
