"""Surroundings that a program meets: closed streams, encodings without most characters, readers that leave,
no home folder, names that are no text."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from facedouble.assets import cache_folder, config_folder
from facedouble.cli.main import main
from facedouble.cli.streams import Output, escaped
from facedouble.device import choose_device
from facedouble.doctor import examine
from facedouble.errors import AssetError, ProcessError, SettingsError
from facedouble.files import path_text
from facedouble.run.events import Notice, Started, to_json
from facedouble.run.jsonl import EventLog, read_events
from facedouble.run.locks import hold, writer_of
from facedouble.training import parallel
from facedouble.training.preview_window import show
from facedouble.video.index_cache import load_index

LATIN = os.fsdecode(b"d\xe9")
"""A name as old disks and archives have it, in Latin-1."""

PROGRAM = [sys.executable, "-c", "from facedouble.cli.main import run; run()"]


@pytest.mark.subprocess
@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_with_streams_closed_it_works(tmp_path: Path, closed: str) -> None:
    code = (
        "import sys; from facedouble.cli.streams import prepare_streams; prepare_streams();"
        "file = open('own', 'w'); file.write('own'); file.flush(); assert file.fileno() > 2;"
        "print('out'); print('err', file=sys.stderr); sys.stdin.isatty(); sys.stdin.read()"
    )
    shell = f'{sys.executable} -c "{code}" {closed}'
    assert (
        subprocess.run(shell, shell=True, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL).returncode == 0
    )
    assert (tmp_path / "own").read_text() == "own", "nothing was written into a file in their place"


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_reader_that_leaves_changes_neither_work_nor_exit_code(tmp_path: Path) -> None:
    for arguments, code in ((["schema", "train"], 0), (["verify", "none.mp4"], 1)):
        with subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert "Traceback" not in process.stderr.read().decode()
        assert process.returncode == code


def test_output_to_nobody_is_dropped() -> None:
    reading, writing = os.pipe()
    with Output(os.fdopen(writing, "wb"), encoding="utf-8") as output:
        os.close(reading)
        for _ in range(3):
            assert output.write("x" * 100_000) == 100_000
            output.flush()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_characters_that_a_stream_does_not_have_are_escaped(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "out"
    with Output(path.open("wb"), encoding=encoding, errors="backslashreplace") as output:
        output.plain = True
        output.write(f"中 {LATIN} \x1b[2J\r\x9b1m\ttab\n")
    text = path.read_bytes().decode(encoding)
    assert text.endswith(r" d\udce9 \x1b[2J\r\x9b1m" + "\ttab\n")
    assert text[0] == ("中" if encoding == "utf-8" else "\\")


def test_plain_text_is_not_touched() -> None:
    assert escaped("größe 中\t1\n") == "größe 中\t1\n"


def test_a_name_that_is_no_text_can_be_stored_and_sent(tmp_path: Path) -> None:
    assert path_text(Path("größe/中")) == "größe/中"
    assert path_text(tmp_path / LATIN) == f"{tmp_path}/d\\xe9"
    with EventLog(tmp_path / "events") as log:
        log(Notice("a.b", f"{LATIN}: read", data={"path": LATIN}))
    [event] = read_events(tmp_path / "events")
    assert isinstance(event, Notice)
    assert event.text == f"{LATIN}: read"
    to_json(Started("train", "x"))
    with hold(tmp_path / LATIN, inside=True, run=LATIN):
        writer = writer_of(tmp_path / LATIN)
        assert writer is not None
        assert writer.pid == os.getpid()


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_it_says_what_to_set() -> None:
    for folder in (cache_folder, config_folder):
        with pytest.raises(AssetError, match=r"no home folder; set HOME"):
            folder()
    assert load_index(Path("a.mp4"), []) is None
    assert any("no home folder" in finding.remedy for finding in examine())
    assert main(["doctor"]) in (0, 1)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without an entry in the list of users."""

    def nowhere(path: str) -> str:
        return path

    for name in ("HOME", "FACEDOUBLE_CACHE", "FACEDOUBLE_CONFIG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", nowhere)


@pytest.mark.parametrize("name", ["meta", "fpga", "vulkan", "nonsense", "cuda:99"])
def test_a_device_that_cannot_train_is_one_line(name: str) -> None:
    with pytest.raises(SettingsError, match="device"):
        choose_device(name)


def test_without_a_loopback_interface_one_process_is_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere(socket.socket):
        def bind(self, _address: object) -> None:
            super().bind(("192.0.2.1", 0))  # an address that no machine has

    monkeypatch.setattr(socket, "socket", Nowhere)
    with pytest.raises(ProcessError, match="loopback"):
        parallel._free_port()


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_display_that_is_not_there_ends_the_window_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tkinter")
    monkeypatch.setenv("DISPLAY", ":9999")
    assert show(tmp_path / "a.png") == ""
    command = [sys.executable, "-m", "facedouble.training.preview_window", "a.png", str(os.getpid())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == 'no window: couldn\'t connect to display ":9999"\n'
