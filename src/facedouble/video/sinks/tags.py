"""Metadata tags of a source, and those that are copied to the result."""

from __future__ import annotations

import re
from collections.abc import Mapping

from facedouble.video.info import SourceInfo
from facedouble.video.libav import open_clip

# These describe the source's file or encoding and are wrong for the result.
_NOT_COPIED = re.compile(
    r"major_brand|minor_version|compatible_brands|encoder|rotate|duration|bps|number_of_(frames|bytes)"
    r"|_statistics_.*",
    re.IGNORECASE,
)


def source_tags(like: SourceInfo) -> tuple[dict[str, str], dict[str, str]]:
    """The source's tags: of the file and of its video stream. Empty for a folder.

    Raises ``InputError`` when the clip cannot be opened.
    """
    if like.kind != "clip":
        return {}, {}
    with open_clip(like.path) as container:
        video = container.streams.video[like.video_stream]
        return copyable_tags(container.metadata), copyable_tags(video.metadata)


def copyable_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of ``tags`` that hold for a copy as well."""
    return {key: value for key, value in tags.items() if not _NOT_COPIED.fullmatch(key)}


def with_comment(tags: Mapping[str, str], marking: str) -> dict[str, str]:
    """``tags`` with ``marking`` in front of the comment."""
    # Matroska writes names in capitals.
    old = next((text for key, text in tags.items() if key.lower() == "comment"), "")
    comment = old if old.startswith(marking) else f"{marking} | {old}" if old else marking
    return {key: text for key, text in tags.items() if key.lower() != "comment"} | {"comment": comment}
