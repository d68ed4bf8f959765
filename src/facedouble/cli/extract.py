"""``facedouble extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.progress import clock, progress
from facedouble.config import ExtractSettings


@with_settings
def extract(
    *,
    source: Annotated[Path, typer.Option("--input", "-i", metavar="PATH", help="clip, or folder of images")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FACESET", help="folder to make")],
    settings: ExtractSettings,
) -> None:
    """Find the faces of a clip and cut them out into a faceset.

    Look through the pictures in the faceset's folder "faces" afterwards and delete those that are
    no face or not the right person: they are left out of training, and stay as they are in the
    converted clip.
    """
    from facedouble.faceset.extract import extract as run

    with progress() as listener:
        result = run(source, output, settings, listener=listener)
    print(f"{result.faces} faces in {result.frames} frames, in {clock(sum(result.seconds.values()))}")
    if result.frames_without_face:
        print(f"no face was found in {result.frames_without_face} frames")
    print(f"faceset: {result.faceset}")
