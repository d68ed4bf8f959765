import json
import subprocess
import sys
from pathlib import Path

import pytest

from facedouble.cli.main import FAILED, main


@pytest.fixture
def images(pair_frames: Path) -> list[str]:
    """Two people side by side, held against themselves: A is whose face is larger."""
    return ["--result", str(pair_frames), "--source", str(pair_frames)]


@pytest.mark.subprocess
def test_report_json_and_terminal_say_the_same(
    images: list[str], extracted_pair: Path, tmp_path: Path
) -> None:
    report, numbers = tmp_path / "report.html", tmp_path / "numbers.json"
    faceset = str(extracted_pair)
    command = [sys.executable, "-m", "facedouble", "evaluate", *images, "-B", faceset, "-a", faceset]
    command += ["--detailed-frames", "2", "-o", str(report), "--json", str(numbers)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(numbers.read_text())["results"][0]
    assert found["measures"]["psnr_outside"]["value"] == 100
    assert found["measures"]["flicker"]["value"] == 1
    assert len(found["frames"]) == 12
    for sentence in found["verdict"]["sentences"]:
        assert sentence in run.stdout
    assert "PSNR outside the face" in run.stdout
    assert f"report: {report}" in run.stdout
    assert found["verdict"]["sentences"][0] in report.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--result", "nowhere.mp4"], "nowhere.mp4"),
        (["-o", "nowhere/report.html"], "no such folder"),
        (["-B", "nothing-here"], "not a faceset"),
        (["-m", "no-model"], "no model here"),
    ],
)
def test_what_is_wrong_is_one_line(
    images: list[str],
    extracted_pair: Path,
    change: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    faceset = str(extracted_pair)
    assert main(["evaluate", *images, "-B", faceset, "-a", faceset, *change]) == FAILED
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error


def test_source_and_target_have_to_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--result", "x.mp4"]) == 2
    assert "--source, --target: missing" in capsys.readouterr().err
