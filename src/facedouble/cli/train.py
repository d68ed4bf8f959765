"""``facedouble train``."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.dataclass_options import with_settings
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

    Enter or Ctrl-C stops after saving; the same command goes on from there. The model's folder
    shows how far it is: preview.png, losses.png, time-lapse/, and tensorboard/ for TensorBoard.
    """
    from facedouble.training.loop import train as run

    with progress() as listener:
        result = run(a, b, model, settings, listener=listener, stop=_on_enter())
    if settings.dry_run:
        return
    print(
        f"{result.stopped} at iteration {result.iteration}: {result.faces_seen} faces seen "
        f"in {clock(result.seconds)}, loss A {result.loss_a:.4f}, loss B {result.loss_b:.4f}"
    )
    print(f"model: {result.model}")


def _on_enter() -> threading.Event:
    """An event that is set when Enter is pressed, where there is a person to press it."""
    pressed = threading.Event()
    if not sys.stdin.isatty():
        return pressed

    def wait() -> None:
        # Read past Python's own buffer, whose lock would be held at the end of the program.
        os.read(sys.stdin.fileno(), 1024)
        pressed.set()

    threading.Thread(target=wait, daemon=True, name="enter").start()
    return pressed
