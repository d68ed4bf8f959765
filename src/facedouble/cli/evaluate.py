"""``facedouble evaluate``."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.dataclass_options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.config import EvaluateSettings


@with_settings
def evaluate(
    *,
    results: Annotated[
        list[Path],
        typer.Option("--result", "-r", metavar="PATH", help="converted clip or folder; repeat it to compare"),
    ],
    source: Annotated[
        Path, typer.Option("--source", "-i", metavar="PATH", help="clip or folder that was converted")
    ],
    target: Annotated[
        list[Path],
        typer.Option("--target", "-B", metavar="FACESET", help="faces of B, the face wanted; repeat it"),
    ],
    faceset: Annotated[
        Path | None,
        typer.Option(
            "--faceset", "-a", metavar="FACESET", help="faces of this very source; found anew if not given"
        ),
    ] = None,
    a: Annotated[
        list[Path] | None,
        typer.Option(
            "--known-a", "-A", metavar="FACESET", help="further faces of A, who was seen; repeat it"
        ),
    ] = None,
    gallery: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FACESET", help="faces of somebody else, whom the result could be taken for; repeat it"
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="MODEL", help="model that made the swap, to be measured too"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="report to write (.html)")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the same numbers as JSON; - for the terminal")
    ] = None,
    settings: EvaluateSettings,
    events: EventsOption = None,
) -> None:
    """Measure how good a swap is, and write a report to look at.

    Everything is held against the source: who it is, what the face does, how steady, how sharp, where it
    shows. Several results of one source are compared side by side.
    """
    from facedouble.evaluation.evaluate import evaluate as operate
    from facedouble.evaluation.report.page import check, write_json, write_report
    from facedouble.evaluation.summary import lines

    for path in (output, json):
        check(path)
    with running(events) as run:
        found = operate(
            results,
            source,
            target,
            settings,
            faceset=faceset,
            a=a or (),
            gallery=gallery or (),
            model=model,
            run=run,
        )
    if json == Path("-"):
        print(json_text.dumps(found.as_json(), indent=1))
        return
    if output is not None:
        write_report(found, output)
    if json is not None:
        write_json(found, json)
    for line in lines(found):
        print(line)
    if output is not None:
        print(f"\nreport: {output}")
