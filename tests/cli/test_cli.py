from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facedouble import __version__
from facedouble.cli.main import app, main

COMMANDS = {
    "extract": ["--input", "--output", "--detector", "--min-face-size", "--skip-existing", "--filter"],
    "faces": ["FACESET", "--sort", "--remove", "--review", "--coverage", "--contact-sheet", "--rebuild"],
    "verify": ["PATH", "--trust"],
    "train": ["-A", "-B", "--model", "--trainer", "--iterations", "--no-write-image"],
    "convert": [
        "--input",
        "--model",
        "--faceset",
        "--colour",
        "--crf",
        "--overwrite",
        "--consent",
        "--no-credentials",
    ],
    "evaluate": [
        "--result",
        "--source",
        "--target",
        "--faceset",
        "--model",
        "--output",
        "--json",
        "--detailed-frames",
    ],
    "frames": ["CLIP", "--output", "--fps"],
    "video": ["DIR", "--output", "--audio-from", "--codec"],
    "demo": ["--output", "--minutes", "--quick", "--unseen", "--device"],
    "studio": ["[PROJECT]", "--allow", "--port", "--no-browser"],
    "doctor": ["missing"],
}
HEAVY = ["torch", "cv2", "dlib", "av", "scipy", "safetensors", "numpy"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    for word in COMMANDS[command]:
        assert word in result.output
    assert command in CliRunner().invoke(app, ["--help"]).output


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.subprocess
@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_help_starts_without_heavy_imports(command: list[str]) -> None:
    code = (
        "import json, sys\n"
        "from facedouble.cli.main import main\n"
        f"code = main({[*command, '--help']!r})\n"
        f"print(json.dumps([code, [m for m in {HEAVY!r} if m in sys.modules]]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.splitlines()[-1]) == [0, []]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"facedouble {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "-i", "missing.mp4", "-o", "faces"],
        ["train", "-A", "missing", "-B", "missing", "-m", "model", "--iterations", "1", "--device", "cpu"],
        ["convert", "-i", "missing.mp4", "-m", "missing", "-o", "out.mp4", "--device", "cpu"],
        ["frames", "missing.mp4", "-o", "frames"],
        ["video", "missing", "-o", "out.mp4"],
    ],
)
def test_a_missing_file_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    last = capsys.readouterr().err.splitlines()
    errors = [line for line in last if line.startswith("error:")]
    assert errors == last[-1:]
    assert "missing" in errors[0]
    assert "Traceback" not in "".join(last)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, -1])
def test_debug_shows_the_traceback(place: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["extract", "-i", str(tmp_path / "missing.mp4"), "-o", str(tmp_path / "faces")]
    arguments.insert(place if place == 0 else len(arguments), "--debug")
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("error:")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["extract", "-o", "faces"], "--input"),
        (["extract", "-i", "clip.mp4", "-o", "faces", "--size", "3"], "--size"),
        (["convert", "--nonsense"], "--nonsense"),
        (["extrac"], "extrac"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error:")
    assert expected in line
    assert "--help" in line


@dataclass
class Failing:
    """Stands in for what a command calls."""

    error: BaseException

    def __call__(self) -> None:
        raise self.error


def test_a_fault_of_the_program_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("facedouble.doctor.examine", Failing(KeyError("first line\nsecond")))
    assert main(["doctor"]) == 70
    [line] = capsys.readouterr().err.splitlines()
    assert "KeyError" in line
    assert "--debug" in line
    assert main(["doctor", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_one_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("facedouble.doctor.examine", Failing(KeyboardInterrupt()))
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.subprocess
def test_the_installed_program_ends_with_the_code() -> None:
    code = "from facedouble.cli.main import run; run()"
    run = subprocess.run([sys.executable, "-c", code, "extract"], capture_output=True, text=True)
    assert run.returncode == 2
