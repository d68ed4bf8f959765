"""The time code that a source starts with."""

from __future__ import annotations

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.exr_plates import plate_header
from facedouble.video.frame_extras import is_light
from facedouble.video.info import SourceInfo
from facedouble.video.libav import open_clip
from facedouble.video.sequences import source_files
from facedouble.video.timecode import Timecode, read_timecode


def source_timecode(info: SourceInfo, reading: Reading | None = None) -> Timecode | None:
    """The time code of a source's first frame; ``None`` where it has none.

    Raises ``InputError`` when the source cannot be read.
    """
    if info.kind == "clip":
        for text in clip_timecodes(info):
            try:
                return Timecode.parse(text, info.rate)
            except ValueError:
                continue
        return None
    if not is_light(info.pixel_format):
        return None
    for file in source_files(info.path):
        try:
            header = plate_header(file, reading)
        except InputError:
            continue  # the source passes over it too
        return read_timecode(header.value("timeCode", "timecode"), info.rate)
    return None


def clip_timecodes(info: SourceInfo) -> list[str]:
    """The texts of a clip's time code, that of the picture first."""
    with open_clip(info.path) as container:
        video = container.streams.video[info.video_stream]
        others = [stream.metadata for stream in container.streams if stream.type == "data"]
        places = [video.metadata, *others, container.metadata]
        # Matroska writes names in capitals.
        return [text for tags in places for key, text in tags.items() if key.lower() == "timecode"]
