"""One frame as the conversion would write it, with what the model draws kept for other settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facedouble.conversion.plan import ConversionPlan
from facedouble.conversion.render import FrameRenderer, FrameTask
from facedouble.conversion.swapper import DrawnFace, Swapper
from facedouble.settings.convert import ConvertSettings
from facedouble.studio.preview.decoded import DecodedFrames
from facedouble.studio.preview.kept import Kept
from facedouble.video.frame import Frame

_MOST_FACES = 600


@dataclass(frozen=True, slots=True)
class Look:
    """Settings that frames can be made with: their fitted plan and renderer. ``faces`` names the faces that
    the plan replaces and the model that draws them."""

    settings: ConvertSettings
    swapper: Swapper
    plan: ConversionPlan
    renderer: FrameRenderer
    masks: FrameRenderer
    faces: str
    matte: DecodedFrames | None = None
    notices: Sequence[str] = ()
    """What there was to say while it was prepared."""

    @classmethod
    def make(
        cls,
        settings: ConvertSettings,
        swapper: Swapper,
        plan: ConversionPlan,
        faces: str,
        matte: DecodedFrames | None = None,
    ) -> Look:
        """Raises ``SettingsError``, and what preparing the renderer does."""
        renderer = FrameRenderer.from_settings(swapper, settings)
        renderer.prepare(plan)
        only_mask = settings.replace(render={"mode": "mask", "label": ""})
        masks = FrameRenderer.from_settings(swapper, only_mask)
        return cls(settings, swapper, plan, renderer, masks, faces, matte)


class FramePainter:
    """Makes frames. One thread at a time."""

    def __init__(self) -> None:
        self._drawn: Kept[list[DrawnFace]] = Kept(_MOST_FACES, lambda faces: len(faces) + 1)

    def result(self, look: Look, frame: Frame) -> Frame:
        """The frame exactly as a conversion writes it. Raises ``ConversionError``."""
        return self._made(look, look.renderer, frame, whole=look.settings.render.mode != "composite")

    def mask(self, look: Look, frame: Frame) -> Frame:
        """How much of each pixel is the new face, as grey."""
        return self._made(look, look.masks, frame, whole=True)

    def _made(self, look: Look, renderer: FrameRenderer, frame: Frame, *, whole: bool) -> Frame:
        matte = None if look.matte is None else look.matte[frame.index]
        task = renderer.cut(FrameTask(frame, look.plan.faces.get(frame.index, ()), matte))
        key = (look.faces, frame.index, whole)
        drawn = self._drawn.get(key)
        if drawn is None or len(drawn) != sum(len(region.crops) for region in task.regions):
            renderer.draw([task])
            self._drawn.put(key, [face for region in task.regions for face in region.drawn])
        else:
            left = iter(drawn)
            for region in task.regions:
                region.drawn = [replace(next(left)) for _ in region.crops]
        output = renderer.compose(task).output
        return frame if output is None else output
