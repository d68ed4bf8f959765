"""``facedouble train``."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.options import UsageError, with_settings
from facedouble.cli.progress import clock
from facedouble.cli.running import ControlOption, EventsOption, running
from facedouble.run.run import Run
from facedouble.settings.train import TrainCommand, TrainSettings

if TYPE_CHECKING:
    from facedouble.training.loop import TrainResult


@with_settings
def train(
    command: TrainCommand,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            metavar="WHERE",
            help="local, or the machines of a Ray cluster for --gpus processes: ray:HOST:PORT,cpus=4,gpus=1",
        ),
    ] = "local",
    events: EventsOption = None,
    control: ControlOption = None,
) -> None:
    """Train a model on the faces of two people, or train it further.

    Enter or Ctrl-C stops after saving; the same command goes on from there. The model's folder
    shows how far it is: preview.png, losses.png, time-lapse/, and tensorboard/ for TensorBoard.
    """
    from facedouble.training.loop import train as operate

    if control is not None and executor != "local":
        raise UsageError("--control is for a training on this machine")
    with running(events, control=control) as run:
        _cancel_on_enter(run)
        if executor == "local":
            result = operate(command.a, command.b, command.model, command.only(TrainSettings), run=run)
        else:
            result = _on_cluster(command, executor, run)
        if run.token.signal is not None:
            run.check()  # stopped by a signal, which the exit code says
    if command.dry_run:
        return
    print(
        f"{result.stopped} at iteration {result.iteration}: {result.faces_seen} faces seen "
        f"in {clock(result.seconds)}, loss A {result.loss_a:.4f}, loss B {result.loss_b:.4f}"
    )
    print(f"model: {result.model}")


def _on_cluster(command: TrainCommand, executor: str, run: Run) -> TrainResult:
    from facedouble.distributed.ray_training import train_on_cluster

    kind, _, where = executor.partition(":")
    if kind != "ray":
        raise UsageError(f"--executor {executor!r:.40}: training runs on local or ray:HOST:PORT")
    return train_on_cluster(command, where, run=run)


def _cancel_on_enter(run: Run) -> None:
    """Cancel ``run`` when Enter is pressed, where there is a person to press it."""
    if sys.stdin is None or not sys.stdin.isatty():
        return

    def wait() -> None:
        # Read past Python's own buffer, whose lock would be held at the end of the program.
        os.read(sys.stdin.fileno(), 1024)
        run.cancel("Enter was pressed")

    threading.Thread(target=wait, daemon=True, name="enter").start()
