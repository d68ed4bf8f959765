"""The plan of a clip for one model: the faces that are replaced, what they do, and what the model adapts to.

The conversion and the preview of it plan with this, so that both make the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from facedouble.conversion.adaptation import adapt_to_clip
from facedouble.conversion.cut_ranges import cut_ranges
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.plan import ConversionPlan, FaceSelection, check_tracks, make_plan
from facedouble.conversion.swapper import Swapper
from facedouble.faces.references import References
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.video.info import SourceInfo
from facedouble.video.source import Source


@dataclass(frozen=True, slots=True)
class ClipPlanner:
    """Plans the conversion of one source with one model."""

    info: SourceInfo
    swapper: Swapper
    settings: ConvertSettings
    selection: FaceSelection

    @classmethod
    def from_settings(cls, source: Source, swapper: Swapper, settings: ConvertSettings) -> ClipPlanner:
        """Raises ``SettingsError`` for frames that the source does not have, and ``InputError`` for pictures
        of people that cannot be read."""
        selection = FaceSelection(
            selected_ranges(source, settings), References.read(settings.faces), settings.faces.track
        )
        return cls(source.info, swapper, settings, selection)

    def plan(self, faceset: Path, run: Run | None = None) -> ConversionPlan:
        """The faces to replace; see :func:`~facedouble.conversion.plan.make_plan`."""
        plan = self._plan(faceset, self.selection, run)
        check_overrides(self.settings, plan)
        return plan

    def adapted(
        self, plan: ConversionPlan, faceset: Path, progress: Path, run: Run | None = None
    ) -> ConversionPlan:
        """``plan`` with what the model adapts to the clip; see
        :func:`~facedouble.conversion.adaptation.adapt_to_clip`. ``progress`` is the file of unfinished
        training."""
        whole = plan
        if self.selection.ranges.bounds:  # all of the clip, so that other frames of it get the same
            whole = self._plan(faceset, replace(self.selection, ranges=FrameRanges()), None)
        everyone = [face for index in sorted(whole.faces) for face in whole.faces[index]]
        adaptation = adapt_to_clip(everyone, faceset, self.swapper, self.settings.adaptation, progress, run)
        return replace(plan, adaptation=adaptation)

    def _plan(self, faceset: Path, selection: FaceSelection, run: Run | None) -> ConversionPlan:
        return make_plan(
            self.info.path,
            faceset,
            selection,
            describe=self.swapper.describe,
            video_stream=self.info.video_stream,
            run=run,
        )


def check_overrides(settings: ConvertSettings, plan: ConversionPlan) -> None:
    """Raise ``SettingsError`` for an override of a track that the faceset does not have."""
    for number, override in enumerate(settings.overrides):
        check_tracks(f"overrides.{number}.track", override.track, plan.tracks)


def selected_ranges(source: Source, settings: ConvertSettings) -> FrameRanges:
    """The frames to convert, by their places in the source. Settings name frames of a sequence by the numbers
    of their files, or by a cut. Raises ``SettingsError`` for some that the source does not have."""
    if settings.frames is not None and settings.frames.cut is not None:
        return cut_ranges(source, settings.frames, settings.reading).ranges
    texts = settings.frames.ranges if settings.frames is not None else ()
    return _in_places(source, FrameRanges.parse(texts), "frames.ranges")


def placed_overrides(source: Source, settings: ConvertSettings) -> ConvertSettings:
    """``settings`` with the ranges of their overrides by places in the source. Raises ``SettingsError`` for
    frames that the source does not have."""
    placed = []
    for number, override in enumerate(settings.overrides):
        name = f"overrides.{number}.ranges"
        ranges = _in_places(source, FrameRanges.parse(override.ranges, name), name)
        placed.append(override.replace(ranges=ranges.texts()))
    return settings.replace(overrides=tuple(placed)) if placed else settings


def _in_places(source: Source, ranges: FrameRanges, name: str) -> FrameRanges:
    first = source.info.first_number
    if first is None or not ranges.bounds:
        ranges.check(source.info.frames or 1 << 62, name)
        return ranges
    return ranges.placed([first + int(time) for time in source.index.times], name)
