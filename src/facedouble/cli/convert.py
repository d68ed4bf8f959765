"""``facedouble convert``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock, progress
from facedouble.config import ConvertSettings
from facedouble.errors import ConversionError

if TYPE_CHECKING:
    from facedouble.conversion.pipeline import ConvertResult

INCOMPLETE = 3
"""Exit code where something was written, but not all of what was asked for."""


@with_settings
def convert(
    *,
    source: Annotated[Path, typer.Option("--input", "-i", metavar="PATH", help="clip, or folder of images")],
    model: Annotated[
        Path,
        typer.Option("--model", "--model-dir", "-m", metavar="MODEL", help="folder of the trained model"),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="clip to write, or folder for images")
    ],
    faceset: Annotated[
        Path | None,
        typer.Option(
            "--faceset",
            "--aligned-dir",
            "-a",
            metavar="FACESET",
            help="faces of this very source; found anew if not given",
        ),
    ] = None,
    settings: ConvertSettings,
) -> None:
    """Put the trained person's face into a clip, and keep everything else of it.

    With -a only the faces still in that faceset are replaced, so a deleted picture is a face left
    as it is. A run that was stopped or killed goes on when it is started again with the same words.
    Exit code 3: written, but some frames failed and are as they were (--keep-going); 1: nothing, or
    no face could be replaced at all.
    """
    from facedouble.conversion.pipeline import convert as run

    with progress() as listener:
        result = run(source, model, output, settings, faceset=faceset, listener=listener)
    for line in summary(result):
        print(line)
    if result.failures and not result.frames_swapped:
        raise ConversionError(
            f"no face could be replaced: each of the {len(result.failures)} frames tried failed, the first "
            f"because {result.failures[0].reason}; {output} is a copy"
        )
    if result.failures:
        raise typer.Exit(INCOMPLETE)


def summary(result: ConvertResult) -> Iterator[str]:
    """What is said at the end."""
    yield (
        f"{result.faces_swapped} faces replaced in {result.frames_swapped} of {result.frames} frames, "
        f"in {clock(result.seconds)}"
    )
    if result.kept:
        yield f"{result.kept} of the frames were done by an earlier run"
    if result.frames_without_face:
        yield f"{result.frames_without_face} frames have no face to replace and are as they were"
    if result.left_out:
        yield f"{result.left_out} faces were left as they are: their pictures were deleted"
    if result.not_chosen:
        yield f"{result.not_chosen} faces were left as they are: of another person or track than wanted"
    if result.failures:
        yield f"{len(result.failures)} frames could not be converted and are as they were:"
        for failure in result.failures:
            yield f"  frame {failure.frame}: {failure.reason}"
    if not result.marked:
        yield "not marked as synthetic (--no-credentials): say so wherever you show it"
    if result.slowest is not None:
        shares = ", ".join(f"{stage} {share:.0%}" for stage, share in result.shares.items())
        yield f"at work for this part of the time: {shares}; the slowest stage is {result.slowest}"
    yield f"written: {result.output}"
