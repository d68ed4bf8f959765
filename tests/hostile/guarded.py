"""A process that runs commands of the program, each in a fork of its own, under limits.

It imports everything once. A command that hangs, takes too much memory or dies takes nothing else with it.
The kernel kills whoever makes a socket of the internet, libraries and child processes included (Linux on
x86-64 and ARM64; elsewhere nobody watches).

    guarded = Guarded(); guarded.run(["verify", "a.png"]); guarded.close()
"""

from __future__ import annotations

import ctypes
import json
import os
import pkgutil
import platform
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import facedouble

CPU_SECONDS = 60
"""Processor time after which a command is taken to hang: twenty times what the slowest takes."""
WALL_SECONDS = 900
MEMORY = 2 << 30
_TEXT = 200_000  # characters of output that are looked at

# prctl(2), seccomp(2) and bpf instructions of Linux, and the numbers of socket(2) by architecture.
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
_INET, _INET6 = 2, 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``code`` is negative when a signal ended it; ``memory`` in bytes."""

    code: int
    out: str
    err: str
    cpu: float
    memory: int


class Guarded:
    """A running process of this kind."""

    def __init__(self, *, connections: bool = False, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "tests.hostile.guarded", *(["--connections"] if connections else [])]
        root = Path(__file__).resolve().parents[2]
        variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env=variables | (environment or {}),
        )

    def run(self, arguments: list[str], folder: Path, *, limited: bool = True) -> Outcome:
        """Run a command in ``folder``; without limits of time and memory if not ``limited``."""
        self.send(arguments, folder, limited=limited)
        return self.receive()

    def send(self, arguments: list[str], folder: Path, *, limited: bool = True) -> None:
        assert self._process.stdin is not None
        print(json.dumps([arguments, str(folder), limited]), file=self._process.stdin, flush=True)

    def receive(self) -> Outcome:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process ended"
        return Outcome(**json.loads(line))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def forbid_connections() -> None:
    """From now on, whoever makes a socket of the internet is killed (SIGSYS)."""
    if sys.platform != "linux" or platform.machine() not in _SOCKET:
        return
    architecture, number = _SOCKET[platform.machine()]
    program = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 0, 6, architecture),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, 16),  # its first argument
        (_EQUAL, 1, 0, _INET),
        (_EQUAL, 0, 1, _INET6),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filter = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, filter, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls can be set")


def _serve() -> None:
    if "--connections" not in sys.argv:
        forbid_connections()
    _import_everything()
    for line in sys.stdin:
        arguments, folder, limited = json.loads(line)
        print(json.dumps(_forked(arguments, folder, limited=limited)), flush=True)


def _import_everything() -> None:
    for module in pkgutil.walk_packages(facedouble.__path__, "facedouble."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    import_module("rich.progress")  # which each command that reports would import for itself


def _forked(arguments: list[str], folder: str, *, limited: bool) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os._exit(_child(arguments, folder, out.fileno(), err.fileno(), limited=limited))
        _, status, usage = os.wait4(pid, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(_TEXT).decode(errors="replace"))
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": texts[0],
        "err": texts[1],
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss << 10,
    }


def _child(arguments: list[str], folder: str, out: int, err: int, *, limited: bool) -> int:
    from facedouble.cli.main import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(folder)
    if limited:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + 2 * MEMORY, mapped + 2 * MEMORY))
        signal.alarm(WALL_SECONDS)
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 99
    except BaseException:  # noqa: BLE001  (nothing may return into the server)
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    _serve()
