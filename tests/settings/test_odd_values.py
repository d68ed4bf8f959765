"""Empty paths and numbers that are not finite, on the command line and in files, end in one line."""

import json
from pathlib import Path

import pytest

from facedouble.cli.main import main
from facedouble.errors import SettingsError
from facedouble.faceset.codec import SOURCE
from facedouble.json_data import parse_json
from facedouble.settings.extract import ExtractCommand, read_recorded

COMMANDS = [
    ["extract", "-i", "", "-o", "x"],
    ["extract", "-i", "x", "-o", ""],
    ["extract", "-i", "x", "-o", "y", "--config", ""],
    ["extract", "-i", "x", "-o", "y", "--save-config", ""],
    ["extract", "-i", "x", "-o", "y", "--events", ""],
    ["extract", "-i", "x", "-o", "y", "--filter", ""],
    ["faces", ""],
    ["train", "-A", "", "-B", "x", "-m", "y"],
    ["train", "-A", "x", "-B", "y", "-m", ""],
    ["convert", "-i", "", "-m", "x", "-o", "y"],
    ["convert", "-i", "x", "-m", "y", "-a", "", "-o", "z"],
    ["evaluate", "-r", "", "-i", "x", "-B", "y"],
    ["frames", "", "x"],
    ["video", "x", "-o", ""],
    ["verify", ""],
    ["init", "", "-A", "x", "-B", "y"],
    ["status", ""],
    ["run", "--project", ""],
    ["jobs", "-p", ""],
    ["plan", "convert", "-i", "x", "-m", "y", "-o", "z", "--plan", ""],
    ["work", "", "--stage", "detect", "--part", "0"],
    ["join", "", "--stage", "detect"],
    ["distribute", ""],
    ["demo", "-o", ""],
    ["studio", ""],
    ["studio", "x", "--allow", ""],
    ["import", "", "-o", "x"],
    ["import", "x", "-o", ""],
    ["export", "", "-o", "x"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_empty_path_is_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would stand for the folder that the program runs in."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "the path is empty" in error or "No such option" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["", "a\0b"])
def test_a_path_in_a_file_that_is_none_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"`?output`?.* path"):
        ExtractCommand.read({"source": "x", "output": value})


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1e308e"])
def test_json_has_only_finite_numbers(number: str) -> None:
    with pytest.raises(ValueError, match=r"finite|delimiter|Expecting"):
        parse_json(f'{{"a": [1.5, {number}]}}')
    assert parse_json('{"a": [1.5, 1e308, 5]}') == {"a": [1.5, 1e308, 5]}


@pytest.mark.parametrize("number", ["1e999", "NaN"])
def test_settings_in_a_faceset_have_only_finite_numbers(number: str) -> None:
    (kind,) = (field.kind for field in SOURCE.fields if field.name == "settings")
    with pytest.raises(ValueError, match="finite"):
        kind.from_sql(f'{{"smoothing": {number}}}', {})
    with pytest.raises(ValueError, match="JSON"):
        kind.to_sql({"smoothing": float(number.replace("1e999", "inf"))}, {})


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1e999"])
@pytest.mark.parametrize("field", ["smoothing", "blur_threshold"])
def test_settings_in_yaml_have_only_finite_numbers(
    field: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(f"{field}: {value}\n")
    arguments = ["extract", "-i", "x", "-o", str(tmp_path / "y"), "--config", str(tmp_path / "a.yaml")]
    assert main(arguments) in (1, 2)
    error = capsys.readouterr().err
    assert "finite number" in error
    assert error.count("\n") == 1


def test_recorded_settings_have_only_finite_numbers() -> None:
    with pytest.raises(SettingsError, match="finite"):
        read_recorded({"smoothing": float("inf"), "sampling": {"kind": "every", "every": 1}})


def test_a_project_with_an_empty_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    people = {"a": {"clips": [""]}, "b": {"clips": ["b.mp4"]}}
    models = {"m": {"a": "a", "b": "b"}}
    (tmp_path / "project.yaml").write_text(json.dumps({"schema": 1, "people": people, "models": models}))
    assert main(["status"]) == 1
    error = capsys.readouterr().err
    assert "'' is not a path" in error
    assert error.count("\n") == 1
