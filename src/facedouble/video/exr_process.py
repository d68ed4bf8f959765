"""The pixels of OpenEXR files, read in a process of their own.

OpenEXR's library writes what it finds wrong to the terminal and goes on without the part, and a stranger's
file may do worse to it. So one process with limits on memory and time reads for this one; if it stops, the
file that it was reading is refused, and the next gets a new process.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from typing import IO

import numpy as np
import numpy.typing as npt

from facedouble.process_limits import limit_memory
from facedouble.video.exr_header import ExrHeader

Channels = Mapping[str, npt.NDArray[np.generic]]

MAX_SECONDS = 120.0
"""For one file."""
_ROOM = 1 << 30  # bytes of memory beside the pixels and the file
_DAMAGED = "damaged: its pixels cannot be read"


class ExrReader:
    """Reads the pixels of files, one at a time, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._room = 0

    def read(self, data: bytes, header: ExrHeader) -> Sequence[Channels]:
        """The channels of each part, (height, width) of its data window, by name.

        ``header`` is what :func:`.exr_header.read_exr_header` found in ``data``, all of the file. Raises
        ``ValueError`` for a file whose pixels cannot be read within the limits.
        """
        wanted = sum(part.bytes for part in header.parts)
        with self._lock:
            process = self._ready(3 * wanted + 2 * len(data) + _ROOM)
            timer = threading.Timer(MAX_SECONDS, process.kill)
            timer.start()
            try:
                return self._answer(process, data, header)
            except (OSError, EOFError) as error:
                self._stop()
                raise ValueError(
                    "damaged: reading it takes too much time or memory, or stops its reader"
                ) from error
            finally:
                timer.cancel()

    def _answer(self, process: subprocess.Popen[bytes], data: bytes, header: ExrHeader) -> Sequence[Channels]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"%d\n" % len(data))
        process.stdin.write(data)
        process.stdin.flush()
        said = process.stdout.readline(1 << 10)
        if not said.endswith(b"\n"):
            raise EOFError
        if said != b"ok\n":
            raise ValueError(said.decode(errors="replace").strip())
        found = []
        for part in header.parts:
            width, height = part.data_window.size
            channels: dict[str, npt.NDArray[np.generic]] = {}
            for name, kind in part.channels.items():
                channels[name] = np.empty((height, width), dtype=kind)
                _fill(process.stdout, channels[name])
            found.append(channels)
        return found

    def _ready(self, room: int) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():  # a forked process must not share the pipes
            self._process, self._owner = None, os.getpid()
        if self._process is not None and (self._process.poll() is not None or room > self._room):
            self._stop()
        if self._process is None:
            self._room = room
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(room)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            atexit.register(self._stop)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        atexit.unregister(self._stop)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _fill(pipe: IO[bytes], array: npt.NDArray[np.generic]) -> None:
    view = memoryview(array).cast("B")  # type: ignore[arg-type]
    done = 0
    while done < len(view):
        got = pipe.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        done += got


# -- in the process ------------------------------------------------------------------------------------


def _parts(data: bytes) -> list[dict[str, npt.NDArray[np.generic]]]:
    import OpenEXR

    from facedouble.video.exr_header import read_exr_header

    header = read_exr_header(data)
    file = OpenEXR.File(BytesIO(data), separate_channels=True)
    if len(file.parts) != len(header.parts):  # the library leaves out what it cannot read
        raise ValueError(_DAMAGED)
    found = []
    for part, own in zip(file.parts, header.parts, strict=True):
        width, height = own.data_window.size
        channels = {name: np.ascontiguousarray(channel.pixels) for name, channel in part.channels.items()}
        expected = {name: ((height, width), kind) for name, kind in own.channels.items()}
        if {name: (array.shape, array.dtype) for name, array in channels.items()} != expected:
            raise ValueError(_DAMAGED)
        found.append({name: channels[name] for name in own.channels})
    return found


def _main(room: int) -> None:
    import OpenEXR

    OpenEXR.set_global_thread_count(0)
    limit_memory(room)
    # The library writes its warnings to standard output too.
    out = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123  (a device)
        os.dup2(nothing.fileno(), 1)
    while line := sys.stdin.buffer.readline(32):
        try:
            parts = _parts(sys.stdin.buffer.read(int(line)))
        except MemoryError:
            out.write(b"damaged: reading it takes too much memory\n")
        except (ValueError, RuntimeError):
            out.write(_DAMAGED.encode() + b"\n")
        else:
            out.write(b"ok\n")
            for channels in parts:
                for array in channels.values():
                    out.write(array.tobytes())
        out.flush()


if __name__ == "__main__":
    _main(int(sys.argv[1]))
