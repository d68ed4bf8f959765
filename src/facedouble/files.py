"""Files: written so that a name never stands for half a file, locked, and opened only if they are files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from io import BufferedRandom, BufferedReader, BufferedWriter
from pathlib import Path

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its other end
_DRAFT = re.compile(r"\.[0-9a-f]{16}\.new")
_LONGEST_NAME = 255  # bytes, of nearly every file system
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_INSTANT = 0.005  # seconds
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


# -- writing -------------------------------------------------------------------------------------------


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write ``data`` so that ``path`` is whole or not there; see :func:`draft`. Raises ``OSError``."""
    with draft(path, durable=durable) as file:
        file.write(data)


@contextlib.contextmanager
def draft(path: Path, *, durable: bool = False) -> Iterator[BufferedRandom]:
    """A new file, open for writing and reading, that is renamed to ``path`` when the ``with`` ends well.

    Until then it has a name of its own in the same folder, which did not exist before: no link planted there
    is ever followed. ``durable`` waits for the disk, so that the file outlives a loss of power as well.
    Raises ``OSError``; what ``path`` held before is then still there, and nothing is left beside it.
    """
    name = f".{secrets.token_hex(8)}.new"
    with _opened_folder(path.parent) as folder:
        own, final = (name, path.name) if folder is not None else (path.with_name(name), path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINKS | _ALWAYS
        handle = os.open(own, flags, 0o666, dir_fd=folder)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                if durable:
                    sync(file.fileno())
            os.replace(own, final, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(own, dir_fd=folder)
            raise
        if durable and folder is not None:
            sync(folder)


def move(file: Path, target: Path) -> None:
    """Move a file to ``target``, also to another file system; there it appears whole. Raises ``OSError``."""
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_whole(target, file.read_bytes())
        file.unlink()


def claim(path: Path) -> None:
    """Make ``path`` an empty file of our own, for a library that opens it by its name: what was there, a link
    for instance, is removed first. Raises ``OSError``."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS | _ALWAYS, 0o666))


def check_writable_folder(folder: Path) -> None:
    """Raise ``OSError`` if no file can be made in ``folder``."""
    probe = folder / f".{secrets.token_hex(8)}.new"
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS | _ALWAYS, 0o666))
    probe.unlink()


@contextlib.contextmanager
def append_regular(path: Path) -> Iterator[BufferedWriter]:
    """The file ``path``, made if need be, open for writing at its end; no link is followed. Raises
    ``OSError``."""
    with os.fdopen(_open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as file:
        yield file


def remove_drafts(folder: Path) -> None:
    """Remove the drafts that killed runs left in ``folder``, which no other run is writing. Raises
    ``OSError``."""
    for entry in list(folder.iterdir()):
        if _DRAFT.fullmatch(entry.name) and not (entry.is_dir() and not entry.is_symlink()):
            entry.unlink(missing_ok=True)


def sync(handle: int) -> None:
    """Wait until an open file or folder is on disk. Some network and user-space file systems have no such
    operation: there, what was written is as safe as it gets. Raises ``OSError`` for a failure of the disk."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def sync_path(path: Path) -> None:
    """The same for a file or folder by its name."""
    handle = os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | _ALWAYS)
    try:
        sync(handle)
    finally:
        os.close(handle)


def is_full(error: OSError) -> bool:
    """Whether a write failed because there is no room: on the disk, in a quota, or under a size limit."""
    return error.errno in _FULL


def name_text(name: str) -> str:
    """A file's name as text that can be stored, and is no path on any system."""
    return path_text(name).replace("\\", "%")


def path_text(path: Path | str) -> str:
    """``path`` as text that can be stored and sent anywhere: bytes of its name that are no UTF-8, as old
    disks and archives have them, are written as escapes."""
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def hidden_beside(path: Path, suffix: str) -> Path:
    """The hidden name ``.NAME.SUFFIX`` beside ``path``, cut and told apart by a hash where it would be longer
    than file systems allow."""
    name = f".{path.name}{suffix}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        mark = f"~{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{suffix}"
        start = os.fsencode(path.name)[: _LONGEST_NAME - 1 - len(os.fsencode(mark))]
        name = f".{os.fsdecode(start).rstrip(_SURROGATES)}{mark}"
    return path.with_name(name)


_SURROGATES = "".join(map(chr, range(0xDC80, 0xDD00)))  # what a character cut in the middle becomes


@contextlib.contextmanager
def _opened_folder(folder: Path) -> Iterator[int | None]:
    """A descriptor of ``folder``, so that everything happens in that one; ``None`` where there are none."""
    if not {os.open, os.unlink, os.rename} <= os.supports_dir_fd:
        yield None
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _ALWAYS)
    except PermissionError:  # it may be written to and yet not be read
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


# -- reading -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_regular(path: Path, *, follow: bool = False) -> Iterator[BufferedReader]:
    """A regular file, open for reading. Devices and pipes are refused without waiting for them, and so are
    links unless ``follow``. Raises ``OSError``."""
    with os.fdopen(_open_regular(path, os.O_RDONLY, follow=follow), "rb") as file:
        yield file


def read_regular(path: Path, limit: int, *, follow: bool = False) -> bytes:
    """All of a regular file of at most ``limit`` bytes. Raises ``OSError`` for a larger one as well."""
    with open_regular(path, follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(size + 1) if size <= limit else b""  # reserves memory for what is asked for
        if len(data) > size:  # it has grown, or is one that does not tell its size
            data += file.read(limit + 1 - len(data))
        size = max(size, len(data))
    if size > limit:
        raise OSError(errno.EFBIG, f"{size} bytes are more than the {limit} that it may have")
    return data


def check_regular(path: Path) -> None:
    """Raise ``OSError`` for a device, a pipe, a socket or a folder, and for what cannot be read. Links are
    followed."""
    os.close(_open_regular(path, os.O_RDONLY, follow=True))


def read_source(path: Path, limit: int) -> bytes:
    """All bytes of a regular file that a user named, following links.

    Raises ``OSError``, also for a file of more than ``limit`` bytes.
    """
    return read_regular(path, limit, follow=True)


def leads_out(folder: Path, path: Path) -> bool:
    """Whether a link on the way leads to ``path``, below ``folder``, out of it. ``folder`` itself may be a
    link."""
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return True


# -- locks ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def locked(path: Path, content: bytes = b"") -> Iterator[None]:
    """Hold the lock file ``path``, which is made with this ``content`` and removed afterwards. The system
    lets go of it when the process ends, however that happens; a file that was left behind locks nothing.

    Raises ``BlockingIOError`` when it is held already, ``OSError`` when it cannot be made.
    """
    while True:
        handle = _open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock_exclusive(handle)
            if _is_at(handle, path):
                os.truncate(handle, 0)
                os.write(handle, content)
                break
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # who held it before has removed it in the meantime
    try:
        yield
    finally:
        if sys.platform == "win32":
            os.close(handle)  # there, what is open cannot be removed; and then another may have opened it
            with contextlib.suppress(PermissionError):
                path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            os.close(handle)


def lock_for_child(path: Path) -> int:
    """Lock the file ``path``, made if need be, and return its open handle for a child process to inherit: the
    lock is held until the last process that has the handle closes it or ends. The file stays.

    Raises ``BlockingIOError`` when it is held already, ``OSError`` when it cannot be made.
    """
    handle = _open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        _lock_exclusive(handle)
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock file ``path``. Raises ``OSError`` where that cannot be found out."""
    try:
        handle = _open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        _lock_shared(handle)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _open_regular(path: Path, flags: int, *, follow: bool = False) -> int:
    try:
        handle = os.open(path, flags | (0 if follow else _NO_LINKS) | _ALWAYS | _DO_NOT_WAIT, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link, which is not followed") from error
        raise
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is {_kind_of_file(kind)}, not a file")
    return handle


def _kind_of_file(mode: int) -> str:
    known = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
    return known.get(stat.S_IFMT(mode), "a device")


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # there, locked bytes cannot be read; those at the start of the file should be

    def _lock_exclusive(handle: int) -> None:
        for _ in range(4):  # there are no shared locks: is_locked holds an exclusive one for an instant
            with contextlib.suppress(BlockingIOError):
                return _lock_shared(handle)
            time.sleep(_INSTANT)
        return _lock_shared(handle)

    def _lock_shared(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock_exclusive(handle: int) -> None:
        """Raises ``BlockingIOError`` if another process holds the exclusive lock. Shared locks, which
        :func:`is_locked` holds for an instant, are waited for: on a busy machine an instant can be long."""
        while True:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _lock_shared(handle)
            fcntl.flock(handle, fcntl.LOCK_UN)
            time.sleep(_INSTANT)

    def _lock_shared(handle: int) -> None:
        """Raises ``BlockingIOError`` if another process holds the exclusive lock."""
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
