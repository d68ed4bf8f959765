"""Shares of a plan: all parts are in one of them, and no part in two."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedouble.cli.main import main
from facedouble.distributed.operations import plan
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.settings.convert import ConvertCommand
from tests.conversion.pipeline.conftest import faces as faces
from tests.conversion.pipeline.conftest import pictures as pictures
from tests.conversion.pipeline.conftest import rich as rich
from tests.conversion.pipeline.conftest import stand_in as stand_in
from tests.distributed.test_operations import WRITING, fit


@pytest.mark.subprocess
def test_shares_are_all_parts(rich: Path, faces: Path, stand_in: Path, tmp_path: Path) -> None:
    places = {"source": str(rich), "model": str(stand_in), "faceset": str(faces)}
    command = ConvertCommand.read({**WRITING, **places, "output": str(tmp_path / "out.mov")})
    plan("convert", command, tmp_path / "plan", 1)
    folder = PlanFolder(tmp_path / "plan")
    fit(folder.path)
    assert len(folder.read().parts["convert"]) == 7
    work = ["work", str(folder.path), "--stage", "convert"]
    assert main([*work, "--share", "2/3"]) == 0
    assert folder.missing("convert", 7) == [0, 2, 3, 5, 6]
    assert main([*work, "--share", "9/9"]) == 0, "a share of nothing"
    assert folder.missing("convert", 7) == [0, 2, 3, 5, 6]
    assert main([*work, "--share", "3-4/4"]) == 0
    assert folder.missing("convert", 7) == [0, 5]
    assert main([*work, "--part", "0", "--part", "5-6"]) == 0
    assert folder.missing("convert", 7) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--share", "0/3"], "is no share"),
        (["--share", "4/3"], "is no share"),
        (["--share", "3-2/3"], "is no share"),
        (["--share", "3"], "is no share"),
        (["--share", "1/3/5"], "is no share"),
        ([], "either --part or --share"),
        (["--share", "1/3", "--part", "2"], "either --part or --share"),
        (["--share", "1/3"], "no plan in it"),
    ],
)
def test_shares_that_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["work", str(tmp_path), "--stage", "detect", *options]) != 0
    assert message in capsys.readouterr().err
