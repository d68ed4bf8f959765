"""Processes in which some packages are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SITE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def without(folder: Path, *names: str) -> dict[str, str]:
    """An environment for processes, and those that they start, that cannot import the packages ``names``; it
    needs ``folder``."""
    (folder / "sitecustomize.py").write_text(_SITE.format(names=names))
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def python(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def facedouble(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return python(environment, "-m", "facedouble", *arguments)
