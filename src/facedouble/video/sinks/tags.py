"""Metadata tags of a source, and those that are copied to the result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction

from facedouble.video.info import SourceInfo
from facedouble.video.libav import open_clip
from facedouble.video.source_timecode import source_timecode
from facedouble.video.timecode import Timecode

_TIMECODE = "timecode"

# These describe the source's file or encoding and are wrong for the result.
_NOT_COPIED = re.compile(
    r"major_brand|minor_version|compatible_brands|encoder|rotate|duration|bps|number_of_(frames|bytes)"
    r"|_statistics_.*"
    # Who an MXF file is, and what wrote it.
    r"|operational_pattern_ul|.*_umid|uid|generation_uid|company_name|product_.*|application_platform"
    r"|toolkit_version.*|modification_date|material_package_.*|file_package_.*|reel_umid",
    re.IGNORECASE,
)


def source_tags(like: SourceInfo) -> tuple[dict[str, str], dict[str, str]]:
    """The source's tags: of the file and of its video stream. Of a folder of plates only the time code.

    Raises ``InputError`` when the clip cannot be opened.
    """
    if like.kind != "clip":
        start = source_timecode(like)
        return ({} if start is None else {_TIMECODE: str(start)}), {}
    with open_clip(like.path) as container:
        video = container.streams.video[like.video_stream]
        return copyable_tags(container.metadata), copyable_tags(video.metadata)


def copyable_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of ``tags`` that hold for a copy as well."""
    return {key: value for key, value in tags.items() if not _NOT_COPIED.fullmatch(key)}


def moved_timecode(tags: Mapping[str, str], rate: Fraction, frames: int) -> dict[str, str]:
    """``tags`` with the time code of a frame so much later."""
    moved = dict(tags)
    for key, text in tags.items():
        if key.lower() == _TIMECODE:
            with suppress(ValueError):  # one that cannot be counted stays
                moved[key] = str(Timecode.parse(text, rate).moved(frames))
    return moved


def with_comment(tags: Mapping[str, str], marking: str) -> dict[str, str]:
    """``tags`` with ``marking`` in front of the comment."""
    # Matroska writes names in capitals.
    old = next((text for key, text in tags.items() if key.lower() == "comment"), "")
    comment = old if old.startswith(marking) else f"{marking} | {old}" if old else marking
    return {key: text for key, text in tags.items() if key.lower() != "comment"} | {"comment": comment}
