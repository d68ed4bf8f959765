"""``facedouble frames``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.running import EventsOption, running


def frames(
    source: Annotated[Path, typer.Argument(metavar="CLIP", help="clip to take apart")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="folder for the images")],
    fps: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="NUMBER", help="frames to take a second; all if not given"),
    ] = None,
    image_format: Annotated[str, typer.Option(metavar="NAME", help="png, jpg, tiff or exr")] = "png",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an output that exists")] = False,
    events: EventsOption = None,
) -> None:
    """Write the frames of a clip as images."""
    from facedouble.video.image_sequences import clip_to_images as operate

    with running(events) as run:
        count = operate(
            source,
            output,
            fps=fps,
            image_format=image_format,
            overwrite=overwrite,
            run=run,
        )
    print(f"{count} frames written: {output}")
