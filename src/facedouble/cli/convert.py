"""``facedouble convert``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock
from facedouble.cli.running import EventsOption, running
from facedouble.errors import ConversionError
from facedouble.settings.convert import ConvertCommand, ConvertSettings

if TYPE_CHECKING:
    from facedouble.conversion.pipeline import ConvertResult

INCOMPLETE = 3
"""Exit code where something was written, but not all of what was asked for."""


@with_settings
def convert(command: ConvertCommand, events: EventsOption = None) -> None:
    """Put the trained person's face into a clip, and keep everything else of it.

    With -a, only the faces still in that faceset are replaced: delete a crop to keep a face unchanged. Run
    the same command again to resume a run that was stopped or killed. Exit code 3: written, but some frames
    failed and were copied unchanged (--keep-going); 1: nothing was written, or no face could be replaced.
    """
    from facedouble.conversion.pipeline import convert as operate

    with running(events) as run:
        result = operate(
            command.source,
            command.model,
            command.output,
            command.only(ConvertSettings),
            faceset=command.faceset,
            run=run,
        )
    for line in summary(result):
        print(line)
    if result.failures and not result.frames_swapped:
        raise ConversionError(
            f"no face could be replaced: each of the {len(result.failures)} frames tried failed, the first "
            f"because {result.failures[0].reason}; {command.output} is a copy"
        )
    if result.failures:
        raise typer.Exit(INCOMPLETE)


def summary(result: ConvertResult) -> Iterator[str]:
    """The lines printed at the end."""
    yield (
        f"{result.faces_swapped} faces replaced in {result.frames_swapped} of {result.frames} frames, "
        f"in {clock(result.seconds)}"
    )
    if result.frames_resumed:
        yield f"{result.frames_resumed} frames were resumed from an earlier run"
    if result.frames_without_face:
        yield f"{result.frames_without_face} frames have no face to replace and were copied unchanged"
    if result.faces_deleted:
        yield f"{result.faces_deleted} faces were kept: their crops were deleted from the faceset"
    if result.faces_not_selected:
        yield f"{result.faces_not_selected} faces were kept: they belong to another person or track"
    if result.failures:
        yield f"{len(result.failures)} frames could not be converted and were copied unchanged:"
        for failure in result.failures:
            yield f"  frame {failure.frame}: {failure.reason}"
    if not result.marked:
        yield "not marked as synthetic (--no-credentials): say so wherever you show it"
    if result.slowest_stage is not None:
        busy = ", ".join(f"{stage} {share:.0%}" for stage, share in result.stage_utilisation.items())
        yield f"stages busy: {busy}; the slowest stage is {result.slowest_stage}"
    yield f"written: {result.output}"
