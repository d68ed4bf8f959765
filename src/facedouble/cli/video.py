"""``facedouble video``."""

from __future__ import annotations

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.video import VideoCommand


@with_settings
def video(command: VideoCommand, events: EventsOption = None) -> None:
    """Make a clip of a folder of images."""
    from facedouble.video.image_sequences import images_to_clip as operate

    with running(events) as run:
        count = operate(
            command.folder,
            command.output,
            fps=command.fps,
            audio_from=command.audio_from,
            settings=command.encoding,
            overwrite=command.overwrite,
            reading=command.reading,
            run=run,
        )
    print(f"{count} frames written: {command.output}")
