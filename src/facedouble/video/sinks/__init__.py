"""Sinks: frames in, a clip with sound or a folder of images out."""

from __future__ import annotations

from pathlib import Path

from facedouble.errors import OutputError
from facedouble.settings.video import ClipEncoding
from facedouble.video.image_formats import image_format
from facedouble.video.images import IMAGE_SUFFIXES
from facedouble.video.info import SourceInfo
from facedouble.video.registry import CLIP_FORMATS
from facedouble.video.sinks.base import Marking, Sink
from facedouble.video.sinks.clip import ClipSink
from facedouble.video.sinks.encoder import Encoding
from facedouble.video.sinks.folder import FolderSink
from facedouble.video.sinks.parts import ClipPart, ClipParts, FolderPart, FolderParts, PartSink, PartsSink
from facedouble.video.sinks.stream_copy import Span
from facedouble.video.sinks.work_folder import WorkFolder, open_work_folder, work_path

CLIP_SUFFIXES = frozenset(CLIP_FORMATS)

# Containers without a time per frame, and single images: never the name of a folder.
_OTHER_SUFFIXES = IMAGE_SUFFIXES | {
    ".3gp", ".avi", ".exr", ".flv", ".gif", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".wmv",
}  # fmt: skip

__all__ = [
    "CLIP_SUFFIXES",
    "ClipParts",
    "FolderParts",
    "Marking",
    "PartSink",
    "PartsSink",
    "Sink",
    "Span",
    "WorkFolder",
    "check_output",
    "open_part",
    "open_parts",
    "open_sink",
    "open_work_folder",
    "work_path",
]


def open_sink(
    path: Path,
    like: SourceInfo,
    settings: ClipEncoding,
    *,
    audio_from: Path | None,
    overwrite: bool,
    marking: Marking | None = None,
    images: str = "png",
    alpha: bool = False,
) -> Sink:
    """Open ``path`` for writing: a clip if its suffix is one of ``CLIP_SUFFIXES``, else a folder.

    ``like`` gives a clip its size, time base and colours. ``audio_from`` is a file whose sound streams are
    copied, with subtitles and chapters if it is ``like`` itself; a folder holds none of these. ``marking``
    marks the result. ``images`` is the format of a folder's images, one of ``IMAGE_FORMATS``. ``alpha``:
    the frames have an alpha channel.

    Fails before any work: ``OutputError`` when the output exists and ``overwrite`` is false, when it is an
    input, when it is not writable, or when the format cannot hold the streams; ``SettingsError`` for an
    unknown preset or image format.
    """
    if _is_clip(path, like, audio_from, overwrite=overwrite):
        return ClipSink(path, like, settings, audio_from=audio_from, marking=marking, alpha=alpha)
    format = image_format(images)
    return FolderSink(
        path,
        format=format,
        overwrite=overwrite,
        marking=marking,
        alpha=alpha,
        like=like,
    )


def open_parts(
    path: Path,
    like: SourceInfo,
    settings: ClipEncoding,
    work: WorkFolder,
    *,
    audio_from: Path | None,
    overwrite: bool,
    marking: Marking | None = None,
    images: str = "png",
    alpha: bool = False,
) -> PartsSink:
    """Like :func:`open_sink`, for a result made in parts; ``work`` stores them until it is complete."""
    if _is_clip(path, like, audio_from, overwrite=overwrite):
        return ClipParts(path, like, settings, work, audio_from=audio_from, marking=marking, alpha=alpha)
    format = image_format(images)
    return FolderParts(
        path,
        work,
        format=format,
        overwrite=overwrite,
        marking=marking,
        alpha=alpha,
        like=like,
    )


def open_part(
    folder: Path,
    path: Path,
    like: SourceInfo,
    settings: ClipEncoding,
    *,
    images: str = "png",
    alpha: bool = False,
    comment: str | None = None,
) -> PartSink:
    """A sink for one part of the result ``path``, which is written into ``folder`` until the result takes it
    (:meth:`PartsSink.take_part`). ``comment`` is that of the marking of images."""
    if path.suffix.lower() in CLIP_SUFFIXES:
        return ClipPart(folder, path, Encoding.choose(path, like, settings, alpha=alpha))
    marking = None if comment is None else Marking(comment)
    return FolderPart(folder, format=image_format(images), marking=marking, alpha=alpha, like=like)


def check_output(path: Path, *, overwrite: bool, reading: list[Path]) -> None:
    """Raises ``OutputError`` for an output that exists (unless ``overwrite``), is an input, or lies in a
    missing folder."""
    for read in reading:
        if path.exists() and read.exists() and path.samefile(read):
            raise OutputError(f"{path} is an input; choose another output")
    suffix = path.suffix.lower()
    if suffix in CLIP_SUFFIXES:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; choose another name for the clip")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; choose another output, or allow overwriting")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; create it first")
    elif suffix in _OTHER_SUFFIXES:
        known = ", ".join(sorted(CLIP_SUFFIXES))
        raise OutputError(f"{path}: cannot write {suffix}; choose one of {known}, or the name of a folder")


def _is_clip(path: Path, like: SourceInfo, audio_from: Path | None, *, overwrite: bool) -> bool:
    reading = [like.path, *([audio_from] if audio_from is not None else [])]
    check_output(path, overwrite=overwrite, reading=reading)
    return path.suffix.lower() in CLIP_SUFFIXES
