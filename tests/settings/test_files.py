"""Settings in files that people exchange."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.settings.convert import ConvertCommand
from facedouble.settings.files import load, parse_assignment, parse_value, save


def test_saved_and_loaded_they_are_the_same(tmp_path: Path) -> None:
    paths = {"source": "a b.mp4", "model": "m", "output": "ö.mkv"}
    settings = ConvertCommand.read({**paths, "encoding": {"crf": 3}, "frames": {"ranges": ["1-2"]}})
    save(tmp_path / "run.yaml", "convert", settings)
    assert ConvertCommand.read(load(tmp_path / "run.yaml")) == settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "line"),
        ("- 1\n- 2", "names and their values"),
        ("a: 1\na: 2", "a is there twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "constructor"),
        ("3: x", "names and their values"),
        ("[" * 5000, "not a file of settings"),
        ("a: " + "x" * 2_000_000, "too large"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_file_of_settings_is_one_line(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "missing.yaml")
    settings = ConvertCommand.read({"source": "a", "model": "m", "output": "o"})
    with pytest.raises(OutputError, match="cannot be written"):
        save(tmp_path / "no" / "run.yaml", "convert", settings)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-5", 5e-5), ("0.5", 0.5), ("3", 3), ("true", True), ("cpu", "cpu"), ("[96, 48]", [96, 48]),
        ("null", None), ("2020-01-01", "2020-01-01"), ("[", "["), ("1e5x", "1e5x"),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_assignments() -> None:
    assert parse_assignment("recipe.losses.dssim=0.5") == {"recipe": {"losses": {"dssim": 0.5}}}
    for wrong in ("recipe", "=3", "a..b=1", "a b=1"):
        with pytest.raises(SettingsError, match="name=value"):
            parse_assignment(wrong)
