"""Locks on outputs, which name their holder.

The lock of a file, or of a folder that appears when it is finished, is a hidden file beside it
(``.out.mp4.lock``); that of a folder that is changed in place (a faceset, a model) lies inside it
(``.lock``). It holds one JSON object that names the holder. The operating system releases it when the
process ends, however that happens; a file left behind locks nothing.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from facedouble.errors import BusyError, OutputError
from facedouble.files import hidden_beside, is_locked, locked, read_regular
from facedouble.json_data import parse_json

_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Writer:
    """Who holds a lock. ``since`` is a time in ISO 8601 (UTC); ``run`` tells runs of one process apart."""

    command: str = ""
    pid: int = 0
    host: str = ""
    since: str = ""
    run: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        return f"{self.command or 'a program'}, process {self.pid} on {self.host}, since {self.since}"


def this_writer(run: str = "") -> Writer:
    """This process, now."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Writer(command, os.getpid(), socket.gethostname(), since, run)


def lock_file(path: Path, *, inside: bool) -> Path:
    """The lock file of the output ``path``: ``inside`` it, or beside it."""
    path = path.absolute()
    return path / ".lock" if inside else hidden_beside(path, ".lock")


@contextmanager
def hold(path: Path, *, inside: bool = False, run: str = "") -> Iterator[bool]:
    """Keep other runs from writing ``path``. Yields False where the file system has no locks.

    A folder (``inside``) is created if it does not exist, and removed if it is still empty afterwards. Raises
    ``BusyError`` when another run is writing it, and ``OutputError`` when the lock file cannot be written.
    """
    file = lock_file(path, inside=inside)
    made = inside and not path.exists()
    content = json.dumps(asdict(this_writer(run)), ensure_ascii=False).encode(errors="backslashreplace")
    with ExitStack() as held:
        if made:
            held.callback(_remove_if_empty, path)
        supported = True
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(file, content))
        except BlockingIOError as error:
            raise BusyError(
                f"{path}: another run is writing it ({_read(file)}); wait until it ends, or choose another "
                "output"
            ) from error
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
            supported = False
        yield supported


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def writer_of(path: Path) -> Writer | None:
    """The run that is writing ``path`` now, if any."""
    for inside in (True, False):
        file = lock_file(path, inside=inside)
        try:
            if is_locked(file):
                return _read(file)
        except OSError:
            continue  # no locks there, so none is held
    return None


def _read(file: Path) -> Writer:
    """The holder that a lock file names. Its content is untrusted."""
    try:
        data = parse_json(read_regular(file, _MAX_BYTES))
        pid = data["pid"]
        command, host, since, run = (str(data[name]) for name in ("command", "host", "since", "run"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Writer()
    if not isinstance(pid, int):
        return Writer()
    command, host, since, run = (
        "".join(c for c in text if c.isprintable())[:300] for text in (command, host, since, run)
    )
    return Writer(command, pid, host, since, run)
