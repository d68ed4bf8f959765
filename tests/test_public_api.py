"""The names and signatures that people build on. A change here is a change for them: say so in
CHANGELOG.md."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import facedouble

NAMES = [
    "Cancelled",
    "ClipEncoding",
    "ConvertResult",
    "ConvertSettings",
    "EvaluateSettings",
    "Evaluation",
    "Event",
    "EventLog",
    "ExtractResult",
    "ExtractSettings",
    "FaceChoice",
    "FacedoubleError",
    "Faceset",
    "Failed",
    "Finished",
    "Limits",
    "Metrics",
    "Notice",
    "Preview",
    "Progress",
    "Run",
    "StageFinished",
    "StageStarted",
    "Started",
    "Stopped",
    "TrainResult",
    "TrainSettings",
    "__version__",
    "convert",
    "evaluate",
    "extract",
    "train",
    "json_schema",
    "write_report",
]

SIGNATURES = {
    "extract": "(source: 'Path', output: 'Path', settings: 'ExtractSettings | None' = None, *,"
    " run: 'Run | None' = None) -> 'ExtractResult'",
    "train": "(facesets_a: 'Sequence[Path]', facesets_b: 'Sequence[Path]', model: 'Path',"
    " settings: 'TrainSettings | None' = None, *, run: 'Run | None' = None) -> 'TrainResult'",
    "convert": "(source: 'Path', model: 'Path', output: 'Path', settings: 'ConvertSettings | None' = None, *,"
    " faceset: 'Path | None' = None, run: 'Run | None' = None) -> 'ConvertResult'",
    "evaluate": "(results: 'Sequence[Path]', source: 'Path', target: 'Sequence[Path]',"
    " settings: 'EvaluateSettings | None' = None, *, faceset: 'Path | None' = None, a: 'Sequence[Path]' = (),"
    " gallery: 'Sequence[Path]' = (), model: 'Path | None' = None, run: 'Run | None' = None)"
    " -> 'Evaluation'",
}

FIELDS = {
    "ExtractResult": "faceset frames faces frames_without_face left_out unreadable seconds elapsed",
    "TrainResult": "model iteration faces_seen seconds loss_a loss_b stopped",
    "Evaluation": "source results people settings described pictures",
    "ConvertResult": "output frames frames_swapped frames_without_face faces_swapped faces_deleted"
    " faces_not_selected failures frames_resumed marked seconds stage_utilisation",
}


def test_names() -> None:
    assert sorted(facedouble.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(facedouble))
    for name in NAMES:
        assert getattr(facedouble, name) is not None


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    shown = str(inspect.signature(getattr(facedouble, name)))
    assert re.sub(r"<function ignore at \w+>", "<ignore>", shown) == SIGNATURES[name]


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str) -> None:
    assert " ".join(getattr(facedouble, name).__dataclass_fields__) == FIELDS[name]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = facedouble.nonsense


def test_no_module_has_the_name_of_a_function() -> None:
    """Importing a submodule binds it to the package under its own name, over whatever was there."""
    folder = Path(facedouble.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert modules & set(NAMES) == set()


@pytest.mark.subprocess
def test_functions_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import facedouble.training.loop, facedouble.conversion.pipeline, facedouble.extraction.extract;"
        "import facedouble.evaluation.evaluate;"
        "assert facedouble.evaluate is facedouble.evaluation.evaluate.evaluate;"
        "assert facedouble.train is facedouble.training.loop.train;"
        "assert facedouble.convert is facedouble.conversion.pipeline.convert;"
        "assert facedouble.extract is facedouble.extraction.extract.extract"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.subprocess
def test_importing_the_package_is_light() -> None:
    heavy = "('torch', 'cv2', 'av', 'dlib', 'numpy')"
    code = f"import sys, facedouble; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("given", "then"),
    [
        ({}, "PASSIVE None 1"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None 1"),
        ({"GOMP_SPINCOUNT": "1000"}, "None 1000 1"),
        ({"OPENBLAS_NUM_THREADS": "3"}, "PASSIVE None 3"),
    ],
)
def test_waiting_threads_give_up_their_cores_unless_told_otherwise(given: dict[str, str], then: str) -> None:
    """And before PyTorch, whose threads read it when they are loaded, can have been imported."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OPENBLAS_NUM_THREADS")
    program = (
        "import facedouble, os, sys; assert 'torch' not in sys.modules; "
        f"print(*(os.environ.get(name) for name in {names}))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in names} | given
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert run.stdout.strip() == then, run.stderr
