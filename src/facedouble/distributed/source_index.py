"""The index of a clip in the folder of a plan, so that not every machine has to read the whole clip to make
one."""

from __future__ import annotations

from pathlib import Path

from facedouble.distributed.plan_folder import PlanFolder
from facedouble.errors import InputError, OutputError
from facedouble.files import read_regular, write_whole
from facedouble.settings.reading import Reading
from facedouble.video.clip_source import ClipSource
from facedouble.video.hashing import source_versions
from facedouble.video.index import SourceIndex
from facedouble.video.index_cache import has_index, store_index
from facedouble.video.source import open_source

_FILE = "index.json"
_MOST_BYTES = 1 << 28


def keep_index(folder: PlanFolder, path: Path, reading: Reading) -> None:
    """Store the index of the clip at ``path`` in a plan's folder; none of what is no clip, or is damaged.
    Raises ``OutputError``."""
    source = open_source(path, reading)
    if not isinstance(source, ClipSource):
        return
    try:
        text = source.index.to_json()
    except InputError:  # it can only be read from its start
        return
    try:
        write_whole(folder.path / _FILE, text.encode())
    except OSError as error:
        raise OutputError(f"{folder.path / _FILE}: cannot be written ({error.strerror})") from error


def take_index(folder: PlanFolder, path: Path, reading: Reading) -> None:
    """Put the index that a plan's folder has, if any, where this machine looks for it. Raises ``InputError``
    for one that is damaged."""
    file = folder.path / _FILE
    if not file.exists():
        return
    versions = source_versions(path)
    if has_index(versions, reading.video_stream):
        return
    try:
        index = SourceIndex.from_json(read_regular(file, _MOST_BYTES).decode(), path)
    except (OSError, UnicodeDecodeError, InputError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    store_index(index, versions, reading.video_stream)
