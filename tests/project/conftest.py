"""Projects to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

TEXT = """\
# Our film.
schema: 1
people:
  anna:  # who is seen
    clips:
      - clips/anna-1.mp4
      - clips/anna-2.mp4
  ben:
    clips: [clips/ben.mp4]
models:
  anna-ben: {a: anna, b: ben}
results:
  shot-1:
    clip: clips/anna-1.mp4
    a: anna
    b: ben
    model: anna-ben
  other-way:
    clip: clips/ben.mp4
    a: ben
    b: anna
    model: anna-ben
settings:
  train: {limits: {iterations: 100}}
"""


@pytest.fixture
def text() -> str:
    """A ``project.yaml`` with comments."""
    return TEXT


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    """A folder with a ``project.yaml``, but none of its clips."""
    folder = tmp_path / "film"
    folder.mkdir()
    (folder / "project.yaml").write_text(TEXT, encoding="utf-8")
    return folder
