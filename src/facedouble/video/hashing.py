"""Recognising files: by their content, and cheaply by their identity on disk."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from facedouble.errors import InputError
from facedouble.video.sequences import holds_images, source_files


class FileVersion(NamedTuple):
    """A file and its state: a file that is written anew has another version."""

    path: Path
    device: int
    inode: int
    size: int
    modified: int


def file_version(path: Path) -> FileVersion:
    """The version of a file. Raises ``OSError``."""
    found = path.stat()
    return FileVersion(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def source_versions(path: Path) -> tuple[FileVersion, ...]:
    """The versions of a clip, or of all images of a folder or sequence in their order.

    Raises ``InputError`` when the source cannot be read.
    """
    try:
        return tuple(map(file_version, source_files(path)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def source_hash(path: Path) -> str:
    """SHA-256 of a clip's content, or of the names and contents of a folder's images; hexadecimal.

    Raises ``InputError`` when the source cannot be read.
    """
    versions = source_versions(path)
    try:
        return _hash(versions, of_folder=holds_images(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def image_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each image of a folder by its name, in their order; hexadecimal.

    Raises ``InputError`` when one of them cannot be read.
    """
    versions = source_versions(folder)
    try:
        hashes = _file_hashes(versions)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
    return {version.path.name: found for version, found in zip(versions, hashes, strict=True)}


def _hash(versions: tuple[FileVersion, ...], *, of_folder: bool) -> str:
    hashes = _file_hashes(versions)
    if not of_folder:
        return hashes[0]
    digest = hashlib.sha256()
    for version, found in zip(versions, hashes, strict=True):
        digest.update(os.fsencode(version.path.name))
        digest.update(found.encode())
    return digest.hexdigest()


@lru_cache(maxsize=4)  # one run asks several times, and a clip may have many gigabytes
def _file_hashes(versions: tuple[FileVersion, ...]) -> tuple[str, ...]:
    return tuple(_file_hash(version.path) for version in versions)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
