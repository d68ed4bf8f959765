"""One frame on its way through a conversion, and what each stage does with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from facedouble.conversion.compose import Compositor
from facedouble.conversion.label import Label
from facedouble.conversion.plan import Planned
from facedouble.conversion.swapper import Drawn, Swapper
from facedouble.errors import ConversionError
from facedouble.faces.align import crop_bounds
from facedouble.types import Box, FloatArray
from facedouble.video.image_formats import to_eight_bits
from facedouble.video.picture import Picture, Pixels, Shown, around, in_rgb, painted, size_of

_MARGIN = 8  # pixels around what a model sees, for edges that reach beyond it
_SAME_SHAPE = 4


@dataclass(slots=True)
class Region:
    """A part of a frame that is worked on by itself: ``before`` in RGB, the faces in it in its own
    pixels, and what the network sees and draws of them. ``matte`` (H, W) is white where faces may be
    painted."""

    part: Box
    before: Pixels
    items: list[Planned]
    matte: Pixels | None
    crops: list[FloatArray] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)


@dataclass(slots=True)
class Job:
    """A frame, the faces to replace in it, and what has become of it. ``failure`` says why it is copied
    as it is; ``picture`` is what is written."""

    shown: Shown
    items: Sequence[Planned]
    matte: Picture | None = None
    regions: list[Region] = field(default_factory=list)
    failure: str | None = None
    picture: Picture | None = None


class FrameWork:
    """What is done with each frame. ``whole``: the output shows more than the frame with its new faces,
    so all of it is composed. Raises ``ConversionError`` for a frame that fails, or with ``keep_going``
    leaves it as it is and notes why."""

    def __init__(
        self,
        swapper: Swapper,
        compositor: Compositor,
        *,
        whole: bool,
        label: Label | None,
        keep_going: bool,
    ) -> None:
        self._swapper, self._compositor = swapper, compositor
        self._whole, self._label, self._keep_going = whole, label, keep_going

    def cut(self, job: Job) -> Job:
        """The parts with faces turned into RGB, and the faces as the network sees them."""
        try:
            job.regions = self._regions(job)
            for region in job.regions:
                region.crops = [self._swapper.crop(region.before, item) for item in region.items]
        except Exception as error:  # noqa: BLE001  (told, or counted and listed)
            self._fail(job, error)
        return job

    def draw(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """The new faces of several frames, in one call of the network."""
        wanted = [job for job in jobs if job.failure is None]
        try:
            self._draw(wanted)
        except Exception:  # noqa: BLE001  (one by one, to know which of them it was)
            for job in wanted:
                try:
                    self._draw([job])
                except Exception as error:  # noqa: BLE001
                    self._fail(job, error)
        return jobs

    def compose(self, job: Job) -> Job:
        """The finished picture."""
        shown = job.shown.picture
        job.picture = shown
        try:
            if job.failure is None:
                job.picture = self._composed(job)
        except Exception as error:  # noqa: BLE001
            self._fail(job, error)
        if job.failure is not None and self._whole:
            # What an output mode shows of a frame that failed is a frame without faces.
            job.picture = self._compositor.compose(in_rgb(shown), [])
        if self._label is not None and job.picture is not None:
            job.picture = self._label.drawn(job.picture)
        job.regions = []
        return job

    def _regions(self, job: Job) -> list[Region]:
        picture = job.shown.picture
        size = size_of(picture)
        if self._whole:
            parts = [Box(0, 0, *size)]
        else:
            parts = around([self._reach(item, size) for item in job.items], size)
        left = list(job.items)
        regions = []
        for part in parts:
            inside = [item for item in left if self._whole or _meet(self._reach(item, size), part)]
            left = [item for item in left if not any(item is other for other in inside)]
            before = in_rgb(picture, part)
            matte = None if job.matte is None else _grey(in_rgb(job.matte, part), before)
            moved = [item.moved(part.left, part.top) for item in inside]
            regions.append(Region(part, before, moved, matte))
        return regions

    def _reach(self, item: Planned, size: tuple[int, int]) -> Box:
        seen = self._swapper.view.of(item.face.alignment, item.face.crop_size)
        if not np.isfinite(seen).all():
            raise ValueError("the place of a face is not a number")
        return crop_bounds(seen, self._swapper.view.resolution, *size, margin=_MARGIN)

    def _draw(self, jobs: Sequence[Job]) -> None:
        regions = [region for job in jobs for region in job.regions]
        crops = [crop for region in regions for crop in region.crops]
        if not crops:
            return
        # Kernels differ in the last bit with the shape of what they are given, and a result shall not
        # depend on how many faces happened to be drawn together.
        extra = -len(crops) % _SAME_SHAPE
        drawn = self._swapper.draw([*crops, *crops[:1] * extra])
        for face in drawn[: len(crops)]:
            if not np.isfinite(face.picture).all():
                raise ValueError("what the model draws is not a number")
        for region in regions:
            region.drawn, drawn = drawn[: len(region.crops)], drawn[len(region.crops) :]

    def _composed(self, job: Job) -> Picture:
        picture = job.shown.picture
        for region in job.regions:
            faces = list(zip(region.items, region.drawn, strict=True))
            after = self._compositor.compose(region.before, faces, region.matte)
            if self._whole:
                return after
            picture = painted(picture, region.part, region.before, after)
        return picture

    def _fail(self, job: Job, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        if not self._keep_going:
            raise ConversionError(
                f"frame {job.shown.index} cannot be converted ({reason}); with --keep-going such frames "
                "are copied as they are, and listed"
            ) from error
        job.failure = reason


def _meet(one: Box, other: Box) -> bool:
    return one.overlap(other) > 0


def _grey(matte: Pixels, like: Pixels) -> Pixels:
    """A matte in RGB as grey, of the type that ``like`` has."""
    grey = np.asarray(cv2.cvtColor(matte, cv2.COLOR_RGB2GRAY))
    if grey.dtype == like.dtype:
        return grey
    return to_eight_bits(grey) if like.dtype == np.uint8 else grey.astype(np.uint16) * np.uint16(257)
