"""The frames of a source, listed without looking for faces."""

from __future__ import annotations

from dataclasses import replace

from facedouble.errors import InputError
from facedouble.extraction.analysis import frame_record
from facedouble.extraction.segments import selected_frames
from facedouble.faceset.codec import FrameRecord
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Grey
from facedouble.video.shot_boundaries import THUMBNAIL, is_cut
from facedouble.video.source import Source


def list_frames(
    source: Source, settings: ExtractSettings, run: Run
) -> tuple[list[FrameRecord], InputError | None]:
    """The frames that an extraction with these settings processes, with the ends of shots, and the error that
    a damaged clip ends with."""
    stage = run.stage("frames", source.info.frames, "frames")
    found: list[FrameRecord] = []
    failure = None
    before: Grey | None = None
    last = 0  # the last frame that could be read
    try:
        for frame in run.each(selected_frames(source, settings, {"decode": 0.0})):
            problem = None
            try:
                picture = frame.grey(size=THUMBNAIL)
            except InputError as error:
                problem = str(error)
            else:
                if before is not None and is_cut(before, picture):
                    found[last] = replace(found[last], ends_shot=True)
                before, last = picture, len(found)
            found.append(frame_record(frame, problem))
            stage.progress(frame.index + 1)
    except InputError as error:
        failure = error
    stage.finish(frames=len(found))
    return found, failure
