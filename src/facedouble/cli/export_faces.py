"""``facedouble export``."""

from __future__ import annotations

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.interchange import ExportCommand, ExportSettings


@with_settings
def export_faces(command: ExportCommand, events: EventsOption = None) -> None:
    """Write a faceset as faceswap or DeepFaceLab reads it, or its masks as mattes.

    The faces in use are written, with landmarks of dlib68. What a format does not hold is said.
    """
    from facedouble.interchange.exporting import export_faces as operate

    with running(events) as run:
        result = operate(command.faceset, command.output, command.only(ExportSettings), run=run)
    print(f"{result.faces} faces written")
    for name, count in sorted(result.left_out.items()):
        print(f"left out, the format does not hold it: {name} of {count} faces")
    print(f"written: {result.output}")
