"""What can be imported where PyTorch is not installed: all that a machine needs which only converts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.without import python, without

pytestmark = pytest.mark.subprocess

MODULES = (
    "cli.main",
    "cli.convert",
    "conversion.pipeline",
    "conversion.onnx_network",
    "conversion.occlusion_step",
    "conversion.detail.step",
    "extraction.extract",
    "curation.review",
    "interchange.importing",
    "interchange.exporting",
    "provenance.credentials",
)


def test_conversion_and_what_comes_before_it_can_be_imported(tmp_path: Path) -> None:
    script = "import importlib\n" + "\n".join(f"importlib.import_module('facedouble.{m}')" for m in MODULES)
    done = python(without(tmp_path, "torch"), "-c", script)
    assert done.returncode == 0, f"an import of PyTorch belongs inside a function here: {done.stderr}"
