"""The face pipeline: the steps that turn a drawn face into one that can be composited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from facedouble.conversion.face_step import FaceStep, FittedStep
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.registry import FACE_STEPS
from facedouble.conversion.swapper import Swapper
from facedouble.settings.convert import ConvertSettings


@dataclass(frozen=True, slots=True)
class Treatment:
    """What some faces go through: those on ``tracks`` in the frames of ``ranges``; all for empty ones."""

    settings: ConvertSettings
    steps: Sequence[FaceStep]
    ranges: FrameRanges = field(default_factory=FrameRanges)
    tracks: frozenset[int] = frozenset()

    def fits(self, frame: int, track: int) -> bool:
        """Whether it is for a face of ``track`` in the source's frame number ``frame``."""
        return frame in self.ranges and (not self.tracks or track in self.tracks)


def make_treatments(settings: ConvertSettings, swapper: Swapper) -> Sequence[Treatment]:
    """The treatment of all faces, then those of ``settings.overrides``; for a face the last one counts that
    fits it.

    A step that an override makes with the settings it has anyway shares its fits; one that is fitted
    otherwise gets a name of its own, by which its fits are kept. Raises ``SettingsError`` for ranges that
    are none.
    """
    usual = Treatment(settings, _steps(settings, swapper))
    keys = {step.name: step.key for step in usual.steps if isinstance(step, FittedStep)}
    found = [usual]
    for number, override in enumerate(settings.overrides):
        own = settings.overridden(override)
        ranges = FrameRanges.parse(override.ranges, f"overrides.{number}.ranges")
        treatment = Treatment(own, _steps(own, swapper), ranges, frozenset(override.track))
        for step in treatment.steps:
            if isinstance(step, FittedStep) and keys.get(step.name) != step.key:
                step.name = f"{step.name}@{number}"
        found.append(treatment)
    return found


def make_steps(settings: ConvertSettings, swapper: Swapper) -> Sequence[FaceStep]:
    """The steps that the settings ask for, in order; those of overrides at the end."""
    return [step for treatment in make_treatments(settings, swapper) for step in treatment.steps]


def _steps(settings: ConvertSettings, swapper: Swapper) -> Sequence[FaceStep]:
    found = (FACE_STEPS[name].from_settings(settings, swapper) for name in FACE_STEPS)
    steps = [step for step in found if step is not None]
    redrawing: list[FittedStep] = []
    for step in steps:
        if isinstance(step, FittedStep):
            # What hides a face is known before anything is drawn of it.
            step.after = () if step.hides or step.as_drawn else tuple(redrawing)
            if step.redraws:
                redrawing.append(step)
    return steps
