"""``facedouble verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="clip, image or folder; several if wanted")
    ],
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="certificates (.pem) whose signatures count; repeat it"),
    ] = None,
) -> None:
    """Say what files tell of their making, and whether they were changed since.

    Ends with 0 when all are marked and not changed, and with 1 otherwise.
    """
    from facedouble.provenance import describe
    from facedouble.provenance.verify import verify as run

    good = True
    for number, path in enumerate(paths):
        verdicts = run(path, trusted=trust or ())
        good = good and all(verdict.state.is_intact for verdict in verdicts)
        first, *others = (
            describe.summarise(path, verdicts) if path.is_dir() else describe.describe(verdicts[0])
        )
        if number:
            print()
        print(first)
        for line in others:
            print(f"  {line}")
    if not good:
        raise typer.Exit(1)
