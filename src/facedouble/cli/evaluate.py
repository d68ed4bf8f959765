"""``facedouble evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

from facedouble.cli.options import UsageError, with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.evaluate import BlindSettings, EvaluateCommand, EvaluateSettings


@with_settings
def evaluate(command: EvaluateCommand, events: EventsOption = None) -> None:
    """Measure how good a swap is, and write a report to look at.

    Everything is held against the source: who it is, what the face does, how steady, how sharp, where it
    shows. Several results of one source are compared side by side.

    With --blind nothing is measured: "evaluate --blind A.mp4 B.mp4 -o page.html" writes a page on which a
    person picks the better of two unlabelled clips ten times, and is told at the end which was which.
    """
    if command.blind:
        _compare_blindly(command, events)
        return
    if command.clips:
        raise UsageError("CLIP is for --blind; a result to be measured is --result")
    needed = {"--result": command.results, "--source": command.source, "--target": command.target}
    missing = [option for option, given in needed.items() if not given]
    if missing or command.source is None:
        raise UsageError(f"{', '.join(missing)}: missing")
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


def _compare_blindly(command: EvaluateCommand, events: Path | None) -> None:
    from facedouble.evaluation.blind.blind_page import compare_blindly
    from facedouble.evaluation.report.page import check

    if command.output is None:
        raise UsageError("--output: is missing")
    if command.results or command.source or command.target:
        raise UsageError("--blind takes its clips by themselves, and measures nothing")
    check(command.output)
    with running(events) as run:
        compare_blindly(command.clips, command.output, command.only(BlindSettings), run=run)
    size = command.output.stat().st_size / 1e6
    print(f"page: {command.output} ({size:.1f} MB; open it in a browser, or mail it: everything is in it)")
