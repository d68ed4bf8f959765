"""Processes that end by themselves."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from facedouble.errors import ProcessError
from facedouble.extraction.pool import map_in_processes
from facedouble.run.run import Run
from facedouble.video.images import write_png
from facedouble.video.source import open_source

pytestmark = pytest.mark.subprocess

SCRIPT = """
from pathlib import Path
import facedouble as fd
{guard}
    settings = fd.ExtractSettings(detector="hog", landmarks="dlib68", processes=2)
    fd.extract(Path(r"{images}"), Path(r"{out}"), settings)
"""


def end(code: int) -> int:
    """As when the system takes a process away for want of memory."""
    os._exit(code)


def test_a_process_that_is_gone_is_one_clear_line() -> None:
    with pytest.raises(ProcessError, match="worker process died") as error:
        list(map_in_processes(end, [1, 2, 3], 2, Run()))
    assert "\n" not in str(error.value)


def script(tmp_path: Path, images: Path, guard: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT.format(guard=guard, images=images, out=tmp_path / "faces"))
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True)


def test_a_script_as_the_readme_has_it_works_and_one_without_its_guard_says_why(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    images = tmp_path / "in"
    images.mkdir()
    for frame in islice(open_source(clips["sample_02"]).frames(), 0, 60, 10):
        write_png(images / f"{frame.index}.png", frame.rgb())
    run = script(tmp_path, images, 'if __name__ == "__main__":')
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "faces" / "faces").is_dir()
    (other := tmp_path / "other").mkdir()
    run = script(other, images, "if True:")
    assert run.returncode != 0
    assert "ProcessError" in run.stderr.strip().splitlines()[-1]
    assert "__main__" in run.stderr.strip().splitlines()[-1]
