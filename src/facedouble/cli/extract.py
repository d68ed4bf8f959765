"""``facedouble extract``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock
from facedouble.cli.running import EventsOption, running
from facedouble.settings.extract import ExtractCommand, ExtractSettings

if TYPE_CHECKING:
    from facedouble.extraction.extract import ExtractResult

_VERDICTS = {
    "small": "smaller than wanted (--min-face-size)",
    "surplus": "more than wanted in their frame (--max-faces)",
    "blurry": "not sharp enough, in blurry/ (--blur-threshold)",
    "stranger": "not the person wanted, in dropped/ (--filter)",
    "unwanted": "a person not wanted, in dropped/ (--nfilter)",
}


@with_settings
def extract(command: ExtractCommand, events: EventsOption = None) -> None:
    """Find the faces of a clip and cut them out into a faceset.

    Look through the pictures in the faceset's folder "faces" afterwards and delete those that are
    no face or not the right person: they are left out of training, and stay as they are in the
    converted clip. The command "faces" helps with it.
    """
    from facedouble.extraction.extract import extract as operate

    with running(events) as run:
        result = operate(command.source, command.output, command.only(ExtractSettings), run=run)
    for line in summary(result):
        print(line)


def summary(result: ExtractResult) -> list[str]:
    """What a person wants to know of an extraction, a line each."""
    speed = result.frames / max(result.elapsed, 1e-9)
    lines = [
        f"{result.faces} faces in {result.frames} frames, in {clock(result.elapsed)} "
        f"({speed:.0f} frames a second)"
    ]
    if result.frames_without_face:
        lines.append(f"no face was found in {result.frames_without_face} frames")
    if result.unreadable:
        lines.append(f"{result.unreadable} frames are damaged or could not be read, and were left out")
    for verdict, count in result.left_out.items():
        lines.append(f"{count} faces left out: {_VERDICTS[verdict]}")
    spent = {name: seconds for name, seconds in result.seconds.items() if seconds > 0}
    total = sum(spent.values())
    if total > 0:
        shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.items())
        slowest = max(spent, key=lambda name: spent[name])
        lines.append(f"time went into: {shares}; {slowest} took most")
    return [*lines, f"faceset: {result.faceset}"]
