"""Indexes of sources, kept in the user's cache folder.

A file's name is a hash of the source's path and version (device, inode, size, time of change), so an index
is found again for as long as its source is not touched. The cache is a convenience: what cannot be read is
made again, what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from facedouble.assets import cache_folder
from facedouble.errors import AssetError, InputError
from facedouble.files import write_whole
from facedouble.video.hashing import FileVersion
from facedouble.video.index import VERSION, SourceIndex

_FOLDER = "indexes"
_MAX_FILES = 1000  # the oldest beyond this are removed
_MAX_BYTES = 1 << 28  # of an index that is read


def load_index(
    path: Path, versions: Sequence[FileVersion], video_stream: int | None = None
) -> SourceIndex | None:
    """The index of the source at ``path`` in these versions, if it is kept and sound. ``video_stream`` is the
    number that was asked for, ``None`` for the main one."""
    try:
        file = _file(versions, video_stream)
        if file.stat().st_size > _MAX_BYTES:
            return None
        return SourceIndex.from_json(file.read_text("utf-8"), path)
    except (OSError, InputError, UnicodeDecodeError, AssetError):  # AssetError: there is no home folder
        return None


def has_index(versions: Sequence[FileVersion], video_stream: int | None = None) -> bool:
    """Whether an index is kept of a source in these versions."""
    try:
        return _file(versions, video_stream).is_file()
    except (OSError, AssetError):
        return False


def store_index(index: SourceIndex, versions: Sequence[FileVersion], video_stream: int | None = None) -> None:
    """Keep an index, if the cache folder can be written to."""
    with contextlib.suppress(OSError, AssetError):
        file = _file(versions, video_stream)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, index.to_json().encode())
        _prune(file.parent)


def forget_index(versions: Sequence[FileVersion], video_stream: int | None = None) -> None:
    """Remove an index that proved wrong."""
    with contextlib.suppress(OSError, AssetError):
        _file(versions, video_stream).unlink(missing_ok=True)


def _file(versions: Sequence[FileVersion], video_stream: int | None) -> Path:
    digest = hashlib.sha256(f"facedouble index {VERSION} {video_stream}".encode())
    for version in versions:
        digest.update(repr((bytes(version.path.absolute()), *version[1:])).encode())
    return cache_folder() / _FOLDER / f"{digest.hexdigest()[:40]}.json"


def _prune(folder: Path) -> None:
    files = [file for file in folder.iterdir() if file.suffix == ".json"]
    if len(files) <= _MAX_FILES:
        return
    for file in sorted(files, key=lambda file: file.stat().st_mtime)[: len(files) - _MAX_FILES]:
        file.unlink(missing_ok=True)
