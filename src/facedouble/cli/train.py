"""``facedouble train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock, progress
from facedouble.config import TrainSettings


@with_settings
def train(
    *,
    a: Annotated[
        list[Path],
        typer.Option("-A", metavar="FACESET", help="faces of A, to be replaced; give it again for more"),
    ],
    b: Annotated[
        list[Path],
        typer.Option("-B", metavar="FACESET", help="faces of B, to be put there; give it again for more"),
    ],
    model: Annotated[
        Path,
        typer.Option("--model", "-m", metavar="MODEL", help="folder of the model, new or to go on with"),
    ],
    settings: TrainSettings,
) -> None:
    """Train a model on the faces of two people, or go on training it.

    Ctrl-C stops after saving; the same command goes on from there. The file preview.png in the
    model's folder shows how far it is.
    """
    from facedouble.training.loop import train as run

    with progress() as listener:
        result = run(a, b, model, settings, listener=listener)
    print(
        f"{result.stopped} at iteration {result.iteration}: {result.faces_seen} faces seen "
        f"in {clock(result.seconds)}, loss A {result.loss_a:.4f}, loss B {result.loss_b:.4f}"
    )
    print(f"model: {result.model}")
