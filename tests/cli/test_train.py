"""The command as people use it: in a terminal, and where something is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facedouble.models import checkpoint

pytestmark = pytest.mark.subprocess

Facesets = dict[str, list[Path]]

TINY = ["resolution=32", "filters=4", "bottleneck=8", "inner=8", "channels=[8,8,8]"]


def command(facesets: Facesets, model: Path, *more: str) -> list[str]:
    sides = ["-A", str(facesets["a"][0]), "-B", str(facesets["b"][0]), "-m", str(model)]
    small = [word for argument in TINY for word in ("--set", f"architecture.{argument}")]
    plain = ["-b", "2", "--precision", "fp32", "--no-measure", "--no-write-image"]
    return [sys.executable, "-m", "facedouble", "train", *sides, *small, *plain, *more]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="a terminal is made by openpty")
def test_enter_stops_it_cleanly(facesets: Facesets, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    run = subprocess.Popen(
        command(facesets, tmp_path / "m"),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("train ..."):
            os.write(ours, b"\n")
            break
    output, rest = run.communicate()
    assert run.returncode == 0, rest
    assert "stopped by hand at iteration" in output
    card = checkpoint.read_card(tmp_path / "m")
    assert f"at iteration {card.iteration}:" in output
    assert card.saves[0].iteration == card.iteration
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-t", "nonesuch"], "--trainer nonesuch: no such model"),
        (["-A", "nowhere"], "nowhere"),
        (["--from", "nowhere"], "nowhere"),
        (["--set", "architecture.resolution=33"], "multiple of 32"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_line_and_the_exit_code_says_so(
    facesets: Facesets, tmp_path: Path, more: list[str], words: str
) -> None:
    run = subprocess.run(
        command(facesets, tmp_path / "m", *more), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert run.returncode == (2 if "must be" in run.stderr else 1)
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "m").exists()
