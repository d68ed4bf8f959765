"""``facedouble video``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.dataclass_options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.config import VideoSettings


@with_settings
def video(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder of images, in order of name")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="CLIP", help="clip to write")],
    fps: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="NUMBER", help="frames a second; 25 if nothing says otherwise"),
    ] = None,
    audio_from: Annotated[
        Path | None, typer.Option("--audio-from", metavar="CLIP", help="take the sound of this clip")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an output that exists")] = False,
    settings: VideoSettings,
    events: EventsOption = None,
) -> None:
    """Make a clip of a folder of images."""
    from facedouble.video.image_sequences import images_to_clip as operate

    with running(events) as run:
        count = operate(
            folder,
            output,
            fps=fps,
            audio_from=audio_from,
            settings=settings,
            overwrite=overwrite,
            run=run,
        )
    print(f"{count} frames written: {output}")
