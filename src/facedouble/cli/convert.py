"""``facedouble convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock, progress
from facedouble.config import ConvertSettings


@with_settings
def convert(
    *,
    source: Annotated[Path, typer.Option("--input", "-i", metavar="PATH", help="clip, or folder of images")],
    model: Annotated[
        Path, typer.Option("--model", "-m", metavar="MODEL", help="folder of the trained model")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="clip to write, or folder for images")
    ],
    faceset: Annotated[
        Path | None,
        typer.Option(
            "--faceset", "-a", metavar="FACESET", help="faces of this very source; found anew if not given"
        ),
    ] = None,
    settings: ConvertSettings,
) -> None:
    """Put the trained person's face into a clip, and keep its sound.

    With -a only the faces still in that faceset are replaced, so a deleted picture is a face left
    as it is.
    """
    from facedouble.conversion.pipeline import convert as run

    with progress() as listener:
        result = run(source, model, output, settings, faceset=faceset, listener=listener)
    print(
        f"{result.faces_swapped} faces replaced in {result.frames_swapped} of {result.frames} frames, "
        f"in {clock(result.seconds)}"
    )
    if result.left_out:
        print(f"{result.left_out} faces were left as they are: their pictures were deleted")
    if not result.marked:
        print("not marked as synthetic (--no-credentials): say so wherever you show it")
    print(f"written: {result.output}")
