"""Settings as a command line: what is read back is what was given."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from facedouble.cli.options import with_settings
from facedouble.settings.arguments import arguments_of
from facedouble.settings.base import Settings
from facedouble.settings.registry import COMMANDS

PLACES = {"source": "a clip.mp4", "model": "m", "output": "o.mp4"}


def read_back(kind: type[Settings], arguments: list[str]) -> Settings:
    """What a command gets from these arguments."""
    got: list[Settings] = []
    app = typer.Typer(rich_markup_mode=None)

    def command(settings: Settings) -> None:
        got.append(settings)

    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("settings", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)]
    )
    app.command()(with_settings(command))
    result = CliRunner().invoke(app, arguments)
    assert got, result.output
    return got[0]


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("extract", {"source": "-clip.mp4", "output": "faces/a", "skip_existing": True, "size": 512}),
        (
            "extract",
            {"source": "c", "output": "f", "faces": {"filter": ["a b.png", "c.png"]}, "smoothing": 0.5},
        ),
        ("extract", {"source": "c", "output": "f", "sampling": {"kind": "rate", "fps": 2.5}}),
        ("train", {"a": ["x", "y"], "b": ["z"], "model": "m", "limits": {"minutes": 1.5, "patience": 10}}),
        ("train", {"a": ["x"], "b": ["z"], "model": "m", "monitor": {"write_image": False}}),
        (
            "train",
            {
                "a": ["x"],
                "b": ["z"],
                "model": "m",
                "architecture": {"kind": "double"},
                "recipe": {"losses": {"dssim": 0.25}},
                "compute": {"device": "cpu"},
            },
        ),
        ("convert", PLACES),
        ("convert", {**PLACES, "marking": {"kind": "none"}, "frames": {"ranges": ["0-10", "20-"]}}),
        ("convert", {**PLACES, "marking": {"consent": "release form.pdf"}, "swap_model": True}),
        ("convert", {**PLACES, "converter": {"kind": "adjust", "smooth_mask": False}}),
        ("convert", {**PLACES, "converter": {"mask": {"kind": "facehull", "erosion": -3.0}}}),
        ("convert", {**PLACES, "encoding": {"kind": "clip", "crf": 30}, "render": {"label": "AI 生成 'x'"}}),
        ("convert", {**PLACES, "detail": {"kind": "none"}, "faces": {"track": [3, 5]}}),
        ("evaluate", {"results": ["r"], "source": "s", "target": ["t", "u"], "a": ["v"], "output": "o.html"}),
        ("faces", {"task": {"kind": "curate", "sort": "yaw"}, "faceset": "f"}),
    ],
)
def test_arguments_give_the_same_settings(command: str, values: dict[str, Any]) -> None:
    kind = COMMANDS[command]
    assert read_back(kind, arguments_of(kind, values)) == kind.read(values)


def test_they_read_as_a_person_writes_them() -> None:
    values = {**PLACES, "overwrite": True, "converter": {"mask": {"kind": "rect"}}}
    assert arguments_of(COMMANDS["convert"], values) == [
        "-i", "a clip.mp4", "-m", "m", "-o", "o.mp4", "--overwrite", "--mask-type", "rect",
    ]  # fmt: skip
