"""``facedouble evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.evaluate import EvaluateCommand, EvaluateSettings


@with_settings
def evaluate(command: EvaluateCommand, events: EventsOption = None) -> None:
    """Measure how good a swap is, and write a report to look at.

    Everything is held against the source: who it is, what the face does, how steady, how sharp, where it
    shows. Several results of one source are compared side by side.
    """
    from facedouble.evaluation.evaluate import evaluate as operate
    from facedouble.evaluation.report.page import check, write_json, write_report
    from facedouble.evaluation.terminal import lines

    for path in (command.output, command.json_output):
        check(path)
    with running(events) as run:
        found = operate(
            command.results,
            command.source,
            command.target,
            command.only(EvaluateSettings),
            faceset=command.faceset,
            a=command.a,
            gallery=command.gallery,
            model=command.model,
            run=run,
        )
    if command.json_output == Path("-"):
        print(json.dumps(found.as_json(), indent=1))
        return
    if command.output is not None:
        write_report(found, command.output)
    if command.json_output is not None:
        write_json(found, command.json_output)
    for line in lines(found):
        print(line)
    if command.output is not None:
        print(f"\nreport: {command.output}")
