"""``facedouble frames``."""

from __future__ import annotations

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.video import FramesCommand


@with_settings
def frames(command: FramesCommand, events: EventsOption = None) -> None:
    """Write the frames of a clip as images."""
    from facedouble.video.image_sequences import clip_to_images as operate

    with running(events) as run:
        count = operate(
            command.source,
            command.output,
            fps=command.fps,
            image_format=command.image_format,
            overwrite=command.overwrite,
            reading=command.reading,
            run=run,
        )
    print(f"{count} frames written: {command.output}")
