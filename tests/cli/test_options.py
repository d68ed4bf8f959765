"""Options made from a settings tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from facedouble.cli.options import make_options, with_settings
from facedouble.errors import FacedoubleError, InputError, SettingsError, setting
from facedouble.settings.base import Files, OneOf, Settings, Texts, field
from facedouble.settings.options import from_options
from facedouble.settings.registry import COMMANDS


class Shallow(Settings):
    """Nothing more."""

    kind: Literal["shallow"] = "shallow"


class Deep(Settings):
    """Further down."""

    kind: Literal["deep"] = "deep"
    depth: int = field(2, "how deep", min=0, max=3)


class Outer(Settings):
    """An example."""

    name: str = field("x", "what it is called", short="-n")
    clip: Files = field((), "a clip; repeatable")
    keep: bool = field(True, "keep it")
    drop_all: bool = field(False, "drop it", short="-d")
    rate: float | None = field(None, "how fast")
    inner: Annotated[Shallow | Deep, OneOf("shallow")] = field(Shallow(), "how far", flags={"--far": "deep"})
    words: Texts = field((), "words", hidden=True)


def call(*arguments: str) -> tuple[Outer | None, str, int, BaseException | None]:
    """The settings that a command gets, what was printed, the exit code, the error."""
    got: list[Outer] = []
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @with_settings
    def command(settings: Outer) -> None:
        got.append(settings)
        if settings.name == "fails":
            raise InputError(
                f"no: give {setting('inner.depth', 3)}, {setting('keep', False)} or {setting('rate')}"
            )

    result = CliRunner().invoke(app, list(arguments))
    return (got[0] if got else None), result.output, result.exit_code, result.exception


def test_defaults_are_those_of_the_tree() -> None:
    assert call()[0] == Outer()


def test_every_kind_of_field() -> None:
    arguments = ["-n", "y", "--clip", "a", "--clip", "b", "--no-keep", "-d", "--rate", "2.5"]
    expected = Outer(
        name="y", clip=(Path("a"), Path("b")), keep=False, drop_all=True, rate=2.5, inner=Deep(depth=3)
    )
    assert call(*arguments, "--inner", "deep", "--depth", "3")[0] == expected
    assert call(*arguments, "--far", "--depth", "3")[0] == expected
    assert call(*arguments, "--far", "--set", "inner.depth=3")[0] == expected
    assert call("--set", "words=[a, b]")[0] == Outer(words=("a", "b"))


def test_help() -> None:
    shown = call("--help")[1]
    for text in ("what it is called", "-n", "--name", "--keep", "--no-keep", "from 0 to 3", "default: 2"):
        assert text in shown
    for text in ("--no-drop-all", "--words"):
        assert text not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--far", "--depth", "4"], "--depth 4: must be from 0 to 3"),
        (["--depth", "1"], "--depth: belongs to --far, not to --inner shallow"),
        (["--far", "--inner", "shallow"], "--inner shallow: excludes deep"),
        (["--set", "nmae=3"], "there is no such setting; is name meant?"),
        (["--set", "name"], "is not name=value"),
        (["--name", "fails"], "no: give --depth 3, --no-keep or --rate"),
    ],
    ids=str,
)
def test_messages_have_the_names_of_options(arguments: list[str], message: str) -> None:
    _, shown, code, error = call(*arguments)
    assert code != 0
    assert message in f"{shown} {error}"


def test_options_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("name: from the file\nrate: 3\ninner: {kind: deep, depth: 1}\n")
    got = call("--config", str(file), "--rate", "5")[0]
    assert got == Outer(name="from the file", rate=5.0, inner=Deep(depth=1))
    assert call("--config", str(file), "--inner", "shallow")[0] == Outer(name="from the file", rate=3.0)
    saved = tmp_path / "saved.yaml"
    assert (
        call("--config", str(file), "--far", "--save-config", str(saved))[0]
        == call("--config", str(saved))[0]
    )


def test_two_options_of_one_name_are_refused() -> None:
    class Twice(Settings):
        """Two of one name."""

        name: str = field("", "one", short="-n")
        number: int = field(1, "another", short="-n")

    with pytest.raises(TypeError, match="-n"):
        make_options(Twice)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_options(command: str) -> None:
    assert make_options(COMMANDS[command])


def test_settings_by_option_name() -> None:
    assert from_options(Outer, far=True, depth=3, keep=False) == Outer(keep=False, inner=Deep(depth=3))
    with pytest.raises(SettingsError, match="there is no such setting"):
        from_options(Outer, nonsense=3)
    assert issubclass(SettingsError, FacedoubleError)
