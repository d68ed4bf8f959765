"""Writing files so that a name never stands for half a file, and by one process at a time."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write ``data`` under another name beside ``path`` and rename it, so that ``path`` is whole or
    not there. ``durable`` waits for the disk first, so that this outlives a loss of power as well.

    Raises ``OSError``; what ``path`` held before is then still there, and nothing is left beside it.
    """
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, made if need be and removed afterwards. The system lets go of it when the
    process ends, however that is; a file that was left is no lock.

    Raises ``BlockingIOError`` when it is held already, ``OSError`` when it cannot be made.
    """
    while True:
        file = path.open("ab")
        try:
            _lock(file.fileno())
            if _is_at(file.fileno(), path):
                break
        except BaseException:
            file.close()
            raise
        file.close()  # who held it before has removed it in the meantime
    try:
        yield
    finally:
        if sys.platform == "win32":
            file.close()  # there, what is open cannot be removed; and then another may have opened it
            with contextlib.suppress(PermissionError):
                path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
