"""Files of other programs are read in a process of their own, with limits on memory and time.

The process is given a format and files; it prints one line of JSON for each face, for each that cannot be
read, and at the end. Whatever a file does to it, this program goes on and says what happened.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedouble.errors import InputError
from facedouble.files import open_regular, read_regular
from facedouble.interchange import deepfacelab, faceswap
from facedouble.interchange.foreign import MAX_LINE, MAX_PICTURE, ForeignFace
from facedouble.process_limits import MAX_MEMORY, Watch, limit_memory

_MAX_ALIGNMENTS = 1 << 30
_MAX_WHY = 200
_MAX_STOPS = 5


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A face or a file that could not be read, and why."""

    file: Path
    name: str
    why: str


def read_files(kind: str, files: Sequence[Path]) -> Iterator[tuple[Path, ForeignFace] | Unreadable]:
    """The faces of ``files``, in their order. ``kind`` is one of :data:`_READERS`.

    A file that makes the process stop, or takes more than the limits, is one that cannot be read; the next
    ones are read by a new process. Raises ``InputError`` where that happens too often.
    """
    start = 0
    for _ in range(_MAX_STOPS):
        why = ""
        done = 0
        for answer in _read(kind, files[start:]):
            if isinstance(answer, str):
                why = answer
            elif answer is None:
                done += 1
            elif isinstance(answer, ForeignFace):
                yield files[start + done], answer
            else:
                yield Unreadable(files[start + done], *answer)
        start += done
        if start == len(files):
            return
        yield Unreadable(files[start], files[start].name, why)
        start += 1
        if start == len(files):
            return
    raise InputError(
        f"{files[start]}: the files before stopped their reader {_MAX_STOPS} times; nothing is taken"
    )


def _read(kind: str, files: Sequence[Path]) -> Iterator[ForeignFace | tuple[str, str] | str | None]:
    """What one process says: a face; the name of one that cannot be read, and why; ``None`` where a file is
    done; and if it stops before its end, why."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        watch = Watch(process)
        feeder = threading.Thread(target=_feed, args=(process, files), daemon=True)
        feeder.start()
        done = 0
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline(MAX_LINE + 1)).endswith(b"\n"):
                watch.heard()
                answer = json.loads(line)
                if "done" in answer:
                    done += 1
                    yield None
                elif "why" in answer:
                    yield str(answer["name"]), str(answer["why"])
                else:
                    yield ForeignFace.from_json(answer["face"])
            if done == len(files):
                return
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            yield f"cannot be read ({error})"
            return
        finally:
            watch.stop()
            process.kill()
            feeder.join()  # it uses the pipe that is closed now
    if watch.expired:
        yield f"reading it takes more than {watch.seconds:.0f} seconds"
    else:
        yield f"reading it needs more than {MAX_MEMORY >> 30} GiB, or stops the reader"


def _feed(process: subprocess.Popen[bytes], files: Sequence[Path]) -> None:
    assert process.stdin is not None
    try:
        for file in files:
            process.stdin.write(json.dumps(os.fspath(file.absolute())).encode() + b"\n")
        process.stdin.close()
    except (OSError, ValueError):
        pass  # the process has stopped, and its end is reported where its lines are read


# -- in the process ------------------------------------------------------------------------------------


def _read_dfl_picture(file: Path) -> Iterator[Any]:
    yield deepfacelab.read_picture(file.name, read_regular(file, MAX_PICTURE))


def _read_dfl_pack(file: Path) -> Iterator[Any]:
    with open_regular(file) as opened:
        yield from deepfacelab.read_pack(file.name, opened)


def _read_alignments(file: Path) -> Iterator[Any]:
    yield from faceswap.read_alignments(read_regular(file, _MAX_ALIGNMENTS))


def _read_faceswap_picture(file: Path) -> Iterator[Any]:
    yield faceswap.read_picture(file.name, read_regular(file, MAX_PICTURE))


_READERS = {
    "dfl": _read_dfl_picture,
    "dfl-pack": _read_dfl_pack,
    "faceswap": _read_faceswap_picture,
    "faceswap-alignments": _read_alignments,
}


def _say(**answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _main(kind: str) -> None:
    limit_memory()
    for line in sys.stdin:
        file = Path(json.loads(line))
        try:
            for found in _READERS[kind](file):
                if isinstance(found, ForeignFace):
                    _say(face=found.to_json())
                else:
                    _say(name=found[0], why=found[1][:_MAX_WHY])
        except ValueError as error:
            _say(name=file.name, why=str(error)[:_MAX_WHY])
        except OSError as error:
            _say(name=file.name, why=f"cannot be read ({error.strerror})")
        except MemoryError:
            _say(name=file.name, why=f"reading it needs more than {MAX_MEMORY >> 30} GiB")
        _say(done=True)


if __name__ == "__main__":
    _main(sys.argv[1])
