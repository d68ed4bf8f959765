"""``facedouble verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.paths import some_path
from facedouble.errors import InputError
from facedouble.printable import MAX_LINE, printable

FAILED = 1
CLAIMED = 4
"""Exit code for files that only a signer unknown here speaks for."""


def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="clip, image or folder; several if wanted", parser=some_path),
    ],
    trust: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="certificates (.pem) whose signatures count; repeat it", parser=some_path
        ),
    ] = None,
) -> None:
    """Say what files tell of their making, who says it, and whether they were changed since.

    Ends with 0 when all are marked by a signer whose key is known here (one's own, or --trust) and not
    changed, with 4 when some are not changed since somebody else signed them, and with 1 otherwise.
    """
    from facedouble.provenance import describe
    from facedouble.provenance.verify import State
    from facedouble.provenance.verify import verify as run

    states: set[State | None] = set()
    for number, path in enumerate(paths):
        if number:
            print()
        try:
            verdicts = run(path, trusted=trust or ())
        except InputError as error:
            if len(paths) == 1:
                raise
            states.add(None)
            print(f"error: {printable(error, MAX_LINE)}", file=sys.stderr)
            continue
        states.update(verdict.state for verdict in verdicts)
        first, *others = (
            describe.summarise(path, verdicts) if path.is_dir() else describe.describe(verdicts[0])
        )
        print(first)
        for line in others:
            print(f"  {line}")
    if states <= {State.INTACT}:
        return
    raise typer.Exit(CLAIMED if states <= {State.INTACT, State.UNKNOWN_SIGNER} else FAILED)
