"""Rendering one frame, alone or on its way through the stages of a conversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np

from facedouble.conversion.compositor import Compositor
from facedouble.conversion.plan import ConversionPlan, PlannedFace
from facedouble.conversion.registry import OUTPUT_MODES
from facedouble.conversion.swapper import DrawnFace, Swapper
from facedouble.conversion.track_fits import fit_keys
from facedouble.conversion.visible_label import VisibleLabel
from facedouble.errors import ConversionError, InputError, setting
from facedouble.faces.align import crop_bounds
from facedouble.settings.convert import ConvertSettings
from facedouble.types import Box, FloatArray
from facedouble.video.frame import Frame
from facedouble.video.pixels import Pixels, to_eight_bits
from facedouble.video.regions import padded_regions
from facedouble.video.source import Source

_MARGIN = 8  # pixels around the model's view, for edges that reach beyond it


@dataclass(slots=True)
class Region:
    """A part of a frame that is processed on its own: ``before`` in RGB, the faces in it in its own pixels,
    the crops the network sees and the faces it draws. ``matte`` (H, W) is white where faces may be
    painted."""

    part: Box
    before: Pixels
    faces: list[PlannedFace]
    matte: Pixels | None
    crops: list[FloatArray] = field(default_factory=list)
    drawn: list[DrawnFace] = field(default_factory=list)


@dataclass(slots=True)
class FrameTask:
    """A frame, the faces to replace in it, and its state on the way through the stages. ``failure`` says why
    it is copied unchanged; ``output`` is what gets written. Of a frame that is not ``selected`` nothing is
    wanted but a copy."""

    frame: Frame
    faces: Sequence[PlannedFace]
    matte: Frame | None = None
    selected: bool = True
    regions: list[Region] = field(default_factory=list)
    failure: str | None = None
    output: Frame | None = None


class FrameRenderer:
    """The stages of one frame. ``whole_frame``: the output shows more than the frame with its new faces, so
    all of it is composed. A frame that fails raises ``ConversionError``; with ``keep_going`` it is copied
    unchanged and the reason recorded."""

    def __init__(
        self,
        swapper: Swapper,
        compositor: Compositor,
        *,
        whole_frame: bool,
        label: VisibleLabel | None,
        keep_going: bool,
    ) -> None:
        self._swapper, self._compositor = swapper, compositor
        self._whole_frame, self._label, self._keep_going = whole_frame, label, keep_going

    @classmethod
    def from_settings(cls, swapper: Swapper, settings: ConvertSettings) -> Self:
        """The renderer that the settings ask for. Raises ``SettingsError``."""
        return cls(
            swapper,
            Compositor(settings, swapper),
            whole_frame=OUTPUT_MODES[settings.render.mode].whole_frame,
            label=VisibleLabel(settings.render.label) if settings.render.label else None,
            keep_going=settings.keep_going,
        )

    def prepare(self, plan: ConversionPlan) -> None:
        """Load what the faces of ``plan`` need.

        Raises ``ConversionError`` if the plan was fitted for another model, or for settings that would have
        been fitted otherwise.
        """
        self._swapper.adopt(plan.adaptation)
        if plan.fit_keys != fit_keys(self._swapper, self._compositor.steps, plan):
            raise ConversionError("the plan was fitted for another model or other settings; fit it again")
        for step in self._compositor.steps:
            step.prepare(plan)

    def render(self, frame: Frame, plan: ConversionPlan, matte: Frame | None = None) -> Frame:
        """One decoded frame exactly as a conversion writes it.

        Nothing is fitted here: any settings whose fits the plan has can be tried with another renderer.
        Raises ``ConversionError`` if the frame cannot be converted, or the plan was fitted for another
        renderer.
        """
        self.prepare(plan)
        task = self.cut(FrameTask(frame, plan.faces.get(frame.index, ()), matte))
        self.draw([task])
        output = self.compose(task).output
        return frame if output is None else output

    def cut(self, task: FrameTask) -> FrameTask:
        """Convert the regions with faces to RGB and cut the crops for the network."""
        if task.frame.problem is not None:
            problem, task.frame = task.frame.problem, task.frame.as_it_is()
            if task.selected:
                self._fail(task, InputError(problem))
            return task
        try:
            if self._compositor.output_mode.layers:
                task.frame = task.frame.in_light()
            task.regions = self._regions(task)
            for region in task.regions:
                region.crops = [self._swapper.crop(region.before, planned) for planned in region.faces]
        except Exception as error:  # noqa: BLE001  (raised, or counted and listed)
            self._fail(task, error)
        return task

    def draw(self, tasks: Sequence[FrameTask]) -> Sequence[FrameTask]:
        """Draw the new faces of several frames in one call of the network."""
        pending = [task for task in tasks if task.failure is None]
        try:
            self._draw(pending)
        except Exception:  # noqa: BLE001  (repeated one by one, to know which frame failed)
            for task in pending:
                try:
                    self._draw([task])
                except Exception as error:  # noqa: BLE001
                    self._fail(task, error)
        return tasks

    def compose(self, task: FrameTask) -> FrameTask:
        """Compose the finished picture."""
        source = task.frame
        task.output = source
        try:
            if task.failure is None:
                task.output = self._composed(task)
        except Exception as error:  # noqa: BLE001
            self._fail(task, error)
        if task.failure is not None and self._whole_frame:
            # The output mode shows a failed frame as one without faces.
            task.output = source.with_pixels(self._compositor.compose(source.pixels(), []))
        if self._label is not None and task.output is not None:
            task.output = self._label.draw_on(task.output)
        task.regions = []
        return task

    def _regions(self, task: FrameTask) -> list[Region]:
        size, shown = task.frame.size, task.frame.shown_size
        remaining = [planned.in_stored_pixels(shown, size) for planned in task.faces]
        if self._whole_frame:
            parts = [Box(0, 0, *size)]
        else:
            parts = padded_regions([self._reach(planned, size) for planned in remaining], size)
        regions = []
        for part in parts:
            inside = [
                planned
                for planned in remaining
                if self._whole_frame or self._reach(planned, size).overlap(part) > 0
            ]
            remaining = [planned for planned in remaining if not any(planned is other for other in inside)]
            before = task.frame.pixels(part)
            matte = None if task.matte is None else _to_grey(task.matte.values(part), before)
            relative = [planned.relative_to(part.left, part.top) for planned in inside]
            regions.append(Region(part, before, relative, matte))
        return regions

    def _reach(self, planned: PlannedFace, size: tuple[int, int]) -> Box:
        view = self._swapper.view
        alignment = view.alignment(planned.face.alignment, planned.face.crop_size)
        if not np.isfinite(alignment).all():
            raise ValueError("the alignment of a face is not finite")
        return crop_bounds(alignment, view.resolution, *size, margin=_MARGIN)

    def _draw(self, tasks: Sequence[FrameTask]) -> None:
        regions = [region for task in tasks for region in task.regions]
        crops = [crop for region in regions for crop in region.crops]
        if not crops:
            return
        geometry = [planned.geometry for region in regions for planned in region.faces]
        drawn = self._swapper.draw(crops, geometry)
        for face in drawn:
            if not np.isfinite(face.picture).all():
                raise ValueError("the model's output is not a number")
        for region in regions:
            region.drawn, drawn = drawn[: len(region.crops)], drawn[len(region.crops) :]

    def _composed(self, task: FrameTask) -> Frame:
        frame, layers = task.frame, self._compositor.output_mode.layers
        hidden = any(step.hides for step in self._compositor.steps)
        if layers and not task.regions:  # all files have the same channels
            return frame.layered(Box(0, 0, 1, 1), [], occlusion=hidden)
        for region in task.regions:
            faces = list(zip(region.faces, region.drawn, strict=True))
            if frame.coding is not None and not self._whole_frame:
                overlays = self._compositor.overlays(region.before, faces, region.matte, frame.index)
                if layers:
                    frame = frame.layered(region.part, overlays, occlusion=hidden)
                else:
                    frame = frame.blended(region.part, overlays)
                continue
            after = self._compositor.compose(region.before, faces, region.matte, frame.index)
            if self._whole_frame:
                return frame.with_pixels(after)
            frame = frame.painted(region.part, region.before, after)
        return frame

    def _fail(self, task: FrameTask, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        if not self._keep_going:
            how = setting("keep_going")
            raise ConversionError(
                f"frame {task.frame.shown_number} cannot be converted ({reason}); with {how} such frames are "
                "copied unchanged and listed"
            ) from error
        task.failure = reason


def render_frame(
    source: Source,
    index: int,
    plan: ConversionPlan,
    renderer: FrameRenderer,
    matte: Source | None = None,
) -> Frame:
    """Frame ``index`` of ``source`` exactly as a conversion writes it; see :meth:`FrameRenderer.render`.

    Raises ``InputError`` if there is no such frame.
    """
    return renderer.render(_frame(source, index), plan, None if matte is None else _frame(matte, index))


def _frame(source: Source, index: int) -> Frame:
    for frame in source.frames(index, index + 1):
        return frame.loaded()
    raise InputError(f"{source.info.path}: there is no frame {index}")


def _to_grey(matte: Pixels, like: Pixels) -> Pixels:
    """An RGB matte as grey, in the type of ``like``."""
    grey = np.asarray(cv2.cvtColor(matte, cv2.COLOR_RGB2GRAY))
    if grey.dtype == like.dtype:
        return grey
    return to_eight_bits(grey) if like.dtype == np.uint8 else grey.astype(np.uint16) * np.uint16(257)
