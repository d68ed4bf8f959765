"""Clips in object stores, ``s3://BUCKET/NAME`` and ``gs://BUCKET/NAME``, of which only those bytes are read
that are needed.

Such a clip is a :class:`StoredPath`, which answers like the path of a file that can only be read. Who may
read it is up to the store's own library: it takes credentials from the environment or the machine. No address
with credentials in it is accepted, so none get into plans, facesets or logs.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat as modes
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from facedouble.errors import AssetError, InputError

STORES = {"s3": "s3fs", "gs": "gcsfs"}
"""The stores that are known, by the scheme of their addresses, with the module that reads each."""

_ADDRESS = re.compile(r"([a-z0-9]+)://(.*)", re.DOTALL)
_BLOCK = 1 << 20  # bytes that are read at a time
_KEPT = 32  # blocks of an open clip: libav goes to and fro between streams


@dataclass(frozen=True, slots=True)
class _Stat:
    """What :meth:`pathlib.Path.stat` says of a regular file. The number stands for the version."""

    st_size: int
    st_ino: int
    st_mode: int = modes.S_IFREG | 0o444
    st_dev: int = 0
    st_nlink: int = 1
    st_mtime: float = 0.0
    st_mtime_ns: int = 0


class StoredPath(type(Path())):  # type: ignore[misc]
    """A clip in an object store. Made by :func:`some_source`."""

    def __str__(self) -> str:
        scheme, *names = self.parts
        return f"{scheme}//{'/'.join(names)}"

    def __fspath__(self) -> str:
        return str(self)

    def __bytes__(self) -> bytes:
        return str(self).encode()

    def absolute(self) -> StoredPath:
        return self

    def resolve(self, strict: bool = False) -> StoredPath:
        return self

    def is_absolute(self) -> bool:
        return True

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        """Its size and version. Raises ``OSError``."""
        with _os_errors(self):
            found = _file_system(self.parts[0][:-1]).info(str(self))
        if found.get("type") != "file":
            raise OSError(errno.ENOENT, "there is no such object")
        version = found.get("ETag") or found.get("generation") or found.get("mtime") or found.get("created")
        digest = hashlib.sha256(f"{version}".encode()).digest()
        return _Stat(int(found["size"]), int.from_bytes(digest[:7], "big"))

    def lstat(self) -> Any:
        return self.stat()

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Raises ``InputError`` where the store does not say."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InputError(f"{self}: cannot be read ({error.strerror})") from error
        return True

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self.exists()

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return False

    def is_symlink(self) -> bool:
        return False

    def samefile(self, other_path: Any) -> bool:
        return str(other_path) == str(self)

    def open(self, mode: str = "r", *_: Any, **__: Any) -> Any:
        """The object, for reading bytes. Raises ``OSError``."""
        if mode != "rb":
            raise OSError(errno.EROFS, "what is in an object store is only read")
        with _os_errors(self):
            return _open(self)


def is_address(value: object) -> bool:
    """Whether a text is the address of something in an object store."""
    match = _ADDRESS.match(value) if isinstance(value, str) else None
    return match is not None and match[1] in STORES


def some_source(text: str) -> Path:
    """The path that a text stands for, of a file or of a clip in an object store. Raises ``ValueError`` for
    an address that is none."""
    if not is_address(text):
        return Path(text)
    scheme, _, place = text.partition("://")
    names = place.split("/")
    if len(names) < 2 or not all(names) or {".", ".."} & set(names) or "::" in text or "\0" in text:
        raise ValueError(f"is no address such as {scheme}://BUCKET/NAME")
    if "@" in names[0] or ":" in names[0]:
        raise ValueError("is an address with credentials; they belong into the environment")
    return StoredPath(f"{scheme}:", *names)


def _open(path: StoredPath) -> BinaryIO:
    system = _file_system(path.parts[0][:-1])
    opened: BinaryIO = system.open(
        str(path), "rb", block_size=_BLOCK, cache_type="blockcache", cache_options={"maxblocks": _KEPT}
    )
    return opened


def _file_system(scheme: str) -> Any:
    """What reads a store, with the credentials of the environment; one for each process, which fsspec keeps.
    Raises ``AssetError``."""
    module = STORES[scheme]
    try:
        import_module(module)
    except ImportError as error:
        raise AssetError(
            f"{scheme}:// needs {module}; pip install 'facedouble[stores]' on every machine"
        ) from error
    return import_module("fsspec").filesystem(scheme, use_listings_cache=False)


class _os_errors:  # noqa: N801  (used like a function)
    """Inside the ``with`` whatever a store's library raises becomes an ``OSError``."""

    def __init__(self, path: StoredPath) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, AssetError):
            return
        if isinstance(error, OSError) and error.errno and error.strerror:
            return
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
        text = " ".join(str(error).split()) or type(error).__name__
        number = errno.EACCES if isinstance(error, PermissionError) else errno.EIO
        raise OSError(number, text[:200]) from error
