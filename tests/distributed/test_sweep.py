"""Variants of one training, compared in one report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facedouble.distributed.dispatch import distribute, open_executor
from facedouble.distributed.operations import plan
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.distributed.sweep_parts import file_name
from facedouble.errors import OutputError, SettingsError
from facedouble.models.checkpoint import read_card
from facedouble.settings.sweep import SweepCommand
from tests.conversion.pipeline.conftest import faces as faces
from tests.conversion.pipeline.conftest import pictures as pictures
from tests.conversion.pipeline.conftest import rich as rich

TRAIN = {
    "architecture": {"kind": "original", "filters": 4, "bottleneck": 8},
    "recipe": {"batch_size": 2},
    "compute": {"device": "cpu", "precision": "fp32"},
    "monitor": {"write_image": False, "measure": False},
}
CONVERT = {
    "compute": {"device": "cpu", "precision": "fp32"},
    "marking": {"kind": "none"},
    "detail": {"kind": "none"},
    "frames": {"ranges": ["0-7"], "discard": True},
}


def command(output: Path, *vary: str, **places: Path | list[str]) -> SweepCommand:
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in places.items()}
    return SweepCommand.read(
        {
            "output": str(output),
            "vary": list(vary),
            "limits": {"iterations": 3},
            "train": TRAIN,
            "convert": CONVERT,
            **plain,
        }
    )


@pytest.mark.subprocess
@pytest.mark.training
@pytest.mark.slow
def test_each_variant_is_trained_converted_and_compared(
    rich: Path, faces: Path, facesets: dict[str, list[Path]], tmp_path: Path
) -> None:
    people = {side: [str(path) for path in facesets[side]] for side in "ab"}
    output = tmp_path / "sweep"
    wanted = command(output, "train.seed=1,2", source=rich, faceset=faces, **people)
    plan("sweep", wanted, tmp_path / "plan", 1)
    assert PlanFolder(tmp_path / "plan").read().parts["variants"] == ((0, 1), (1, 2))
    with open_executor("local:1") as executor:
        compared = distribute(tmp_path / "plan", executor)
    names = ["00 seed=1", "01 seed=2"]
    assert [result.path for result in compared.results] == [output / f"{name}.mp4" for name in names]
    assert [read_card(output / "models" / name).iteration for name in names] == [3, 3]
    assert (output / "report.html").read_text(encoding="utf-8").count("seed=2") >= 1
    assert len(json.loads((output / "report.json").read_text(encoding="utf-8"))["results"]) == 2
    with pytest.raises(OutputError, match="exists"):
        plan("sweep", wanted, tmp_path / "another", 1)


def test_all_combinations(tmp_path: Path) -> None:
    here = {"a": ["a"], "b": ["b"], "source": tmp_path / "a.mp4", "faceset": tmp_path}
    wanted = command(tmp_path / "o", "train.seed=1,2", "convert.retargeting=0,0.5,1", **here)  # type: ignore[arg-type]
    made = list(wanted.variants())
    assert [name for name, *_ in made][:2] == ["seed=1, retargeting=0", "seed=1, retargeting=0.5"]
    assert [(training.seed, conversion.retargeting) for _, training, conversion in made] == [
        (seed, amount) for seed in (1, 2) for amount in (0, 0.5, 1)
    ]
    assert all(training.limits.iterations == 3 for _, training, _ in made)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed=1", "is not such as"),
        ("train.seed", "is not such as"),
        ("model.x=1", "is not such as"),
        ("train.nothing=1", "no such setting"),
        ("train.seed=x", "whole number"),
        ("train.seed=" + ",".join(map(str, range(300))), "more than 200"),
    ],
)
def test_what_cannot_be_varied(text: str, said: str, tmp_path: Path) -> None:
    here = {"a": ["a"], "b": ["b"], "source": tmp_path / "a.mp4", "faceset": tmp_path}
    with pytest.raises(SettingsError, match=said):
        list(command(tmp_path / "o", text, **here).variants())  # type: ignore[arg-type]


def test_names_of_files() -> None:
    assert file_name(3, "seed=1, recipe.losses.dssim=0.5") == "03 seed=1, recipe.losses.dssim=0.5"
    assert file_name(11, "label=../../x") == "11 label=.._.._x"
    assert len(file_name(0, "x" * 500)) < 90
