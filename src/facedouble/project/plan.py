"""What is done, stale or missing in a project, and what comes next: pure functions of steps and disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from facedouble.project.disk import Disk, Output, There
from facedouble.project.steps import LIMITS, Step


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


NO_EFFECT: Mapping[str, frozenset[str]] = {
    "extract": frozenset({"processes", "skip_existing"}),
    "train": frozenset({"save_interval", "save_minutes", "write_image", "preview", "measure", *LIMITS}),
    "convert": frozenset({"batch_size", "threads", "overwrite"}),
    "evaluate": frozenset(),
}
"""Settings by which no result becomes stale."""


def plan(steps: Sequence[Step], disk: Disk) -> tuple[Planned, ...]:
    """Where every step stands, in the order of ``steps``."""
    return tuple(_judge(step, disk) for step in steps)


def inputs_now(step: Step, disk: Disk) -> dict[str, str]:
    """Fingerprints of a step's inputs by path, of those that are there."""
    found = {source.path: disk.fingerprint(source) for source in step.inputs}
    return {path: fingerprint for path, fingerprint in found.items() if fingerprint is not None}


def decisive(step: Step) -> dict[str, Any]:
    """What decides a step's result apart from its inputs: its arguments and settings."""
    settings = {name: value for name, value in step.settings.items() if name not in NO_EFFECT[step.kind]}
    flags = [argument for argument in step.arguments if argument == "--swap-model"]
    return {"settings": settings, "flags": flags}


def limits(step: Step) -> dict[str, Any]:
    """What ends a training."""
    return {name: step.settings[name] for name in LIMITS if step.settings.get(name)}


def recorded(step: Step) -> dict[str, Any]:
    """What is kept of a finished step's settings."""
    return {**decisive(step), "limits": limits(step)}


def _judge(step: Step, disk: Disk) -> Planned:
    output = disk.outputs[step.name]
    if output.writer is not None:
        return Planned(step, State.WRITING, (f"by {output.writer}",), output.detail)
    gone = [source.path for source in step.inputs if source.step is None and disk.fingerprint(source) is None]
    if gone:
        return Planned(step, State.BLOCKED, tuple(f"{path} cannot be read" for path in gone), output.detail)
    if output.problem:
        return Planned(step, State.BLOCKED, (output.problem,), output.detail)
    if output.there == There.MISSING:
        return Planned(step, State.MISSING)
    reasons = tuple(dict.fromkeys(_changes(step, disk)))
    if reasons and not (output.there == There.PARTIAL and step.kind == "convert"):
        return Planned(step, State.STALE, reasons, output.detail)
    if output.there == There.PARTIAL or (step.kind == "train" and not _trained_enough(step, disk, output)):
        return Planned(step, State.UNFINISHED, _how_far(step, output), output.detail)
    return Planned(step, State.DONE, (), output.detail)


def _changes(step: Step, disk: Disk) -> Iterator[str]:
    """Why an output is not what the step would make now."""
    record = disk.records.get(step.name)
    if step.kind == "extract" and record is None:
        made_of = disk.outputs[step.name].source
        if made_of is not None and made_of != disk.fingerprint(step.inputs[0]):
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
    now = decisive(step)
    if record.settings.get("flags") != now["flags"]:
        yield "the sides were swapped"
    old_settings = record.settings.get("settings")
    yield from _differences(old_settings if isinstance(old_settings, Mapping) else {}, now["settings"])


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _differences(was, now, f"{above}{name}.")
        elif was != now:
            yield f"{above}{name} was {_shown(was)}, is {_shown(now)}"


def _shown(value: Any) -> str:
    return "not set" if value is None else f"{value!r:.40}"


def _trained_enough(step: Step, disk: Disk, output: Output) -> bool:
    """Whether a training has reached its end, or ended by itself under the limits there are now."""
    progress = output.progress or {}
    wanted = limits(step)
    if any(progress[name] >= wanted[name] for name in progress if _is_number(wanted.get(name))):
        return True
    record = disk.records.get(step.name)
    return record is not None and record.settings.get("limits") == wanted


def _how_far(step: Step, output: Output) -> tuple[str, ...]:
    wanted = limits(step)
    return tuple(
        f"{value:,.4g} of {wanted[name]:,.4g} {name}"
        for name, value in (output.progress or {}).items()
        if _is_number(wanted.get(name))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
