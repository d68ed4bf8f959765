from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from facedouble import config
from facedouble.cli.dataclass_options import is_settings, options, settings_from, with_settings
from facedouble.config import option


@dataclass(frozen=True, kw_only=True)
class Inner:
    depth: int = option("how deep", 2, min=0, max=3)


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str = option("what it is called", "x", short="-n")
    clip: tuple[Path, ...] = option("a clip; repeat it", ())
    keep: bool = option("keep it", True)
    drop_all: bool = option("drop it", False, short="-d")
    rate: float | None = option("how fast", None)
    inner: Inner = field(default_factory=Inner)


def call(*arguments: str) -> tuple[Outer | None, str, int]:
    """Outer as a command gets it, with what was shown and the exit code."""
    got: list[Outer] = []
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @with_settings
    def command(*, settings: Outer) -> None:
        got.append(settings)

    result = CliRunner().invoke(app, list(arguments))
    return (got[0] if got else None), result.output, result.exit_code


def test_defaults_are_those_of_the_dataclass() -> None:
    assert call()[0] == Outer()


def test_every_kind_of_field() -> None:
    arguments = ["-n", "y", "--clip", "a", "--clip", "b", "--no-keep", "-d", "--rate", "2.5", "--depth", "3"]
    expected = Outer(
        name="y", clip=(Path("a"), Path("b")), keep=False, drop_all=True, rate=2.5, inner=Inner(depth=3)
    )
    assert call(*arguments)[0] == expected


def test_help_and_limits() -> None:
    _, shown, _ = call("--help")
    for text in ("what it is called", "-n, --name", "--keep / --no-keep", "0<=x<=3", "[default: 2"):
        assert text in shown
    assert "--no-drop-all" not in shown
    built, shown, code = call("--depth", "4")
    assert built is None
    assert code == 2
    assert "--depth" in shown


def test_two_options_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="-n"):

        @with_settings
        def command(*, settings: Outer, number: Annotated[int, typer.Option("-n")] = 1) -> None: ...


@pytest.mark.parametrize("kind", [k for k in vars(config).values() if is_settings(k)])
def test_every_setting_has_an_option_with_its_help(kind: type[Any]) -> None:
    flat = options(kind)
    own = [entry.name for entry in fields(kind) if "help" in entry.metadata]
    assert own == [parameter.name for parameter in flat][: len(own)]
    for parameter in flat:
        [declared] = parameter.annotation.__metadata__
        assert declared.help
    assert settings_from(kind, {parameter.name: parameter.default for parameter in flat}) == kind()
