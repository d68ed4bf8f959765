"""The face pipeline: the steps that turn a drawn face into one that can be composited."""

from __future__ import annotations

from collections.abc import Sequence

from facedouble.conversion.face_step import FaceStep
from facedouble.conversion.registry import FACE_STEPS
from facedouble.conversion.swapper import Swapper
from facedouble.settings.convert import ConvertSettings


def make_steps(settings: ConvertSettings, swapper: Swapper) -> Sequence[FaceStep]:
    """The steps that the settings ask for, in order."""
    steps = (FACE_STEPS[name].from_settings(settings, swapper) for name in FACE_STEPS)
    return [step for step in steps if step is not None]
