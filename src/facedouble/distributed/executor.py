"""Where the parts of a plan can run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a part. ``number`` tells it from all others of its executor."""

    number: int
    stage: str
    part: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, on the machine ``node``. ``error`` is empty where it succeeded. ``lost``: its
    machine or process is gone, which need not be the part's fault."""

    attempt: Attempt
    node: str
    error: str = ""
    lost: bool = False


class PartExecutor(Protocol):
    """Runs parts, as many at a time as there is room for. A context manager: leaving it stops what runs.

    Made with the text behind the colon of its name (``ray:HOST``), which may be empty. It hands on nothing
    but the plan's path, the stage and the part's number, and need not remember anything: results are in the
    plan's folder. To add one: a class of this form, and a line in ``registry.py``.
    """

    def __init__(self, where: str) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def room(self) -> int:
        """How many more attempts can be started now."""

    def start(self, plan: Path, stage: str, part: int, avoid: Collection[str]) -> Attempt:
        """Begin an attempt, on a machine that is not one of ``avoid`` if there is another."""

    def finished(self, seconds: float) -> Sequence[Outcome]:
        """The attempts that ended since the last call, waiting up to ``seconds`` for one."""

    def cancel(self, attempt: Attempt) -> None:
        """Stop an attempt that is not needed any more, if it still runs. It is not reported."""
