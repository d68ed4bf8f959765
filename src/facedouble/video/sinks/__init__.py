"""One way to write frames, whether as a clip with its sound or as a folder of images."""

from __future__ import annotations

from pathlib import Path

from facedouble.config import VideoSettings
from facedouble.errors import OutputError
from facedouble.video.image_formats import image_format
from facedouble.video.images import IMAGE_SUFFIXES
from facedouble.video.sinks.base import Marking, Sink
from facedouble.video.sinks.clip import ClipSink
from facedouble.video.sinks.container import FORMATS
from facedouble.video.sinks.folder import FolderSink
from facedouble.video.sinks.parts import ClipParts, FolderParts, PartsSink
from facedouble.video.sinks.streams import Span
from facedouble.video.sinks.work import Work, open_work
from facedouble.video.source import SourceInfo

CLIP_SUFFIXES = frozenset(FORMATS)

# Files that cannot hold the time of each frame, or that hold one picture: never the name of a folder.
_OTHER_SUFFIXES = IMAGE_SUFFIXES | {
    ".3gp", ".avi", ".exr", ".flv", ".gif", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".wmv",
}  # fmt: skip

__all__ = [
    "CLIP_SUFFIXES",
    "ClipParts",
    "FolderParts",
    "Marking",
    "PartsSink",
    "Sink",
    "Span",
    "Work",
    "check_output",
    "open_parts",
    "open_sink",
    "open_work",
]


def open_sink(
    path: Path,
    like: SourceInfo,
    settings: VideoSettings,
    *,
    audio_from: Path | None,
    overwrite: bool,
    marking: Marking | None = None,
    images: str = "png",
    alpha: bool = False,
) -> Sink:
    """Open ``path`` for writing: a clip where its suffix is one of ``CLIP_SUFFIXES``, else a folder.

    ``like`` gives a clip its size, times and colours. ``audio_from`` is a file whose sound streams
    are copied, and where it is ``like`` itself its subtitles and chapters too; a folder cannot hold them.
    ``marking`` says how what is written is marked. ``images`` is the format of a folder's images, one of
    ``IMAGE_FORMATS``. ``alpha``: the pictures will have it.

    Raises ``OutputError`` before any work when the output exists and ``overwrite`` is false, when it
    is what is being read, when the place cannot be written to, and when the format cannot hold
    what it is to hold; ``SettingsError`` for a preset that the encoder does not have or an image format
    that there is not.
    """
    if _is_clip(path, like, audio_from, overwrite=overwrite):
        return ClipSink(path, like, settings, audio_from=audio_from, marking=marking, alpha=alpha)
    format = image_format(images)
    return FolderSink(path, format=format, overwrite=overwrite, marking=marking, alpha=alpha)


def open_parts(
    path: Path,
    like: SourceInfo,
    settings: VideoSettings,
    work: Work,
    *,
    audio_from: Path | None,
    overwrite: bool,
    marking: Marking | None = None,
    images: str = "png",
    alpha: bool = False,
) -> PartsSink:
    """Like :func:`open_sink`, for a result that is made in parts, which ``work`` holds; it is removed
    when the result is whole."""
    if _is_clip(path, like, audio_from, overwrite=overwrite):
        return ClipParts(path, like, settings, work, audio_from=audio_from, marking=marking, alpha=alpha)
    format = image_format(images)
    return FolderParts(path, work, format=format, overwrite=overwrite, marking=marking, alpha=alpha)


def check_output(path: Path, *, overwrite: bool, reading: list[Path]) -> None:
    """Raises ``OutputError`` for an output that exists, unless it may be replaced, or that is among what
    is being read, or whose folder is not there."""
    for read in reading:
        if path.exists() and read.exists() and path.samefile(read):
            raise OutputError(f"{path} is what is being read; choose another output")
    suffix = path.suffix.lower()
    if suffix in CLIP_SUFFIXES:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; choose another name for the clip")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; choose another output, or say to overwrite it")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
    elif suffix in _OTHER_SUFFIXES:
        known = ", ".join(sorted(CLIP_SUFFIXES))
        raise OutputError(f"{path}: cannot write {suffix}; choose one of {known}, or the name of a folder")


def _is_clip(path: Path, like: SourceInfo, audio_from: Path | None, *, overwrite: bool) -> bool:
    reading = [like.path, *([audio_from] if audio_from is not None else [])]
    check_output(path, overwrite=overwrite, reading=reading)
    return path.suffix.lower() in CLIP_SUFFIXES
