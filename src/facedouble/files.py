"""Files: written so that a name never stands for half a file, locked, and opened only if they are files."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its other end


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write ``data`` under another name beside ``path`` and rename it, so that ``path`` is whole or
    not there. ``durable`` waits for the disk first, so that this outlives a loss of power as well.

    The draft is always a new file: a link that lies under its name is removed, not followed. Raises
    ``OSError``; what ``path`` held before is then still there, and nothing is left beside it.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o666), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The first ``most`` bytes of a regular file. Raises ``OSError`` for links, devices and pipes too."""
    with os.fdopen(_open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read(most)


def check_regular(path: Path) -> None:
    """Raise ``OSError`` for a device, a pipe, a socket or a folder, and for what cannot be read. Links are
    followed."""
    os.close(_open_source(path))


def read_source(path: Path, limit: int) -> bytes:
    """All bytes of a regular file that a user named, following links.

    Raises ``OSError``, also for a file of more than ``limit`` bytes.
    """
    with os.fdopen(_open_source(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"{size} bytes are more than the {limit} that it may have")
        return file.read(limit)


def _open_source(path: Path) -> int:
    flags = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, os.O_RDONLY | flags | _DO_NOT_WAIT)
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is {_kind_of_file(kind)}, not a file")
    return handle


def _kind_of_file(mode: int) -> str:
    known = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
    return known.get(stat.S_IFMT(mode), "a device")


@contextlib.contextmanager
def locked(path: Path, content: bytes = b"") -> Iterator[None]:
    """Hold the lock file ``path``, which is made with this ``content`` and removed afterwards. The system
    lets go of it when the process ends, however that happens; a file that was left behind locks nothing.

    Raises ``BlockingIOError`` when it is held already, ``OSError`` when it cannot be made.
    """
    while True:
        handle = _open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(handle)
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
        _lock(handle)
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
        _lock(handle, shared=True)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _open_regular(path: Path, flags: int) -> int:
    handle = os.open(path, flags | _NO_LINKS | _DO_NOT_WAIT, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path} is not a regular file")
    return handle


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # there, locked bytes cannot be read; those at the start of the file should be

    def _lock(handle: int, *, shared: bool = False) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int, *, shared: bool = False) -> None:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
