from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from facedouble.errors import BusyError
from facedouble.run.events import Event, Notice
from facedouble.run.locks import hold, lock_file, writer_of
from facedouble.run.run import Run

HOLDER = """
import sys
from pathlib import Path
from facedouble.run.locks import hold
with hold(Path(sys.argv[1]), inside=sys.argv[2] == "inside"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path, where: str) -> subprocess.Popen[str]:
    """A process that holds the lock of ``path`` until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.subprocess
@pytest.mark.parametrize("where", ["inside", "beside"])
def test_a_second_writer_is_refused_and_a_reader_is_told(tmp_path: Path, where: str) -> None:
    output = tmp_path / "model"
    heard: list[Event] = []
    run = Run([heard.append])
    run.reading(output)
    assert heard == []
    process = holder(output, where)
    try:
        writer = writer_of(output)
        assert writer is not None
        assert writer.pid == process.pid
        refused = pytest.raises(BusyError, match=f"process {process.pid} on .* since 20")
        with refused as error, run.lock(output, inside=where == "inside"):
            pass
        assert "\n" not in str(error.value)
        run.reading(output)
        [notice] = heard
        assert isinstance(notice, Notice)
        assert notice.code == "input.being_written"
        assert notice.data["writer"]["pid"] == process.pid  # type: ignore[index,call-overload]
    finally:
        process.kill()  # the lock goes with the process
        process.wait()
        process.communicate()
    assert writer_of(output) is None
    with run.lock(output, inside=where == "inside"):
        run.reading(output)  # one's own writing is no news
        assert len(heard) == 1
        assert writer_of(output) is not None
    assert not lock_file(output, inside=where == "inside").exists()


def test_a_lock_file_with_anything_in_it_is_read_safely(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    for content in (b"", b"[[[", b"\xff\xfe", b'{"pid": "x"}', b'{"pid": 3, "other": 1}', b"[" * 60_000):
        with hold(output):
            lock_file(output, inside=False).write_bytes(content)
            with pytest.raises(BusyError, match="another process"), hold(output):
                pass
    with hold(output):
        said = {"command": "a\x1b[31m\nb" + "x" * 999, "pid": 3, "host": "h", "since": "", "run": ""}
        lock_file(output, inside=False).write_text(json.dumps(said))
        writer = writer_of(output)
    assert writer is not None
    assert writer.command.startswith("a[31mb")
    assert len(writer.command) == 300


def test_a_link_or_pipe_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.write_bytes(b"mine")
    file = lock_file(tmp_path / "out.mp4", inside=False)
    file.symlink_to(other)
    with pytest.raises(Exception, match="cannot be written"), hold(tmp_path / "out.mp4"):
        pass
    assert other.read_bytes() == b"mine"
    assert writer_of(tmp_path / "out.mp4") is None
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(Exception, match="cannot be written"), hold(tmp_path / "out.mp4"):
        pass
