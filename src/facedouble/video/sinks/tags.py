"""What a source says of itself in words, and what of it is said of the clip made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import av
import av.error

from facedouble.errors import InputError
from facedouble.video.source import SourceInfo, reason

# What describes the source's file or its encoding and is not true of the one written.
_NOT_COPIED = re.compile(
    r"major_brand|minor_version|compatible_brands|encoder|rotate|duration|bps|number_of_(frames|bytes)"
    r"|_statistics_.*",
    re.IGNORECASE,
)


def tags_of(like: SourceInfo) -> tuple[dict[str, str], dict[str, str]]:
    """The source's metadata: of the file and of its picture. Empty for a folder.

    Raises ``InputError`` when the clip cannot be opened.
    """
    if like.kind != "clip":
        return {}, {}
    try:
        with av.open(f"file:{like.path}") as container:
            video = container.streams.best("video")
            return worth_copying(container.metadata), worth_copying(video.metadata if video else {})
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{like.path}: cannot be opened as a clip ({reason(error)})") from error


def worth_copying(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of ``tags`` that are still true of a copy."""
    return {key: value for key, value in tags.items() if not _NOT_COPIED.fullmatch(key)}


def marked(tags: Mapping[str, str], marking: str) -> dict[str, str]:
    """``tags`` with a comment that begins with ``marking`` and keeps what it said before."""
    # Matroska's names are in capitals.
    old = next((text for key, text in tags.items() if key.lower() == "comment"), "")
    comment = old if old.startswith(marking) else f"{marking} | {old}" if old else marking
    return {key: text for key, text in tags.items() if key.lower() != "comment"} | {"comment": comment}
