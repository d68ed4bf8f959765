"""``facedouble occlusion``."""

from __future__ import annotations

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.occlusion import (
    OcclusionApplyCommand,
    OcclusionReviewCommand,
    OcclusionTrainCommand,
    OcclusionTraining,
    OcclusionUse,
)

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def occlusion() -> None:
    """Find what is in front of faces: hands, microphones, hair, glasses.

    apply writes masks into a faceset, review shows the doubtful ones, train teaches the network the people
    of a project. convert --occlusion auto uses the masks, and training leaves out what they hide.
    """


@app.command()
@with_settings
def train(command: OcclusionTrainCommand, events: EventsOption = None) -> None:
    """Teach the occlusion network the people of a project.

    It learns from the faces whose masks or outlines a person drew or an import brought, and from hands,
    microphones and more drawn over their unhidden faces; so labels help, and none is needed.
    """
    from facedouble.occlusion.learning import train_occlusion

    with running(events) as run:
        result = train_occlusion(command.facesets, command.output, command.only(OcclusionTraining), run)
    seen = f"{result.labelled} labelled and {result.unhidden} unhidden faces"
    print(f"learned from {seen} in {result.seconds:.0f} s")
    print(f"written: {result.output}")


@app.command()
@with_settings
def apply(command: OcclusionApplyCommand, events: EventsOption = None) -> None:
    """Write masks of what is visible into a faceset.

    What a person drew or an import brought stays as it is.
    """
    from facedouble.occlusion.applying import apply_occlusion

    with running(events) as run:
        result = apply_occlusion(command.faceset, command.only(OcclusionUse), device=command.device, run=run)
    print(f"{result.faces} faces, something in front of {result.hidden}")
    if result.kept:
        print(f"masks of {result.kept} faces kept, made by a person or an import")


@app.command()
@with_settings
def review(command: OcclusionReviewCommand, events: EventsOption = None) -> None:
    """Show the masks of a faceset that fit their neighbours least, the worst first.

    Those are the faces to label next.
    """
    from facedouble.curation.drawing import validate_picture_path, write_picture
    from facedouble.curation.mask_sheet import mask_sheet
    from facedouble.occlusion.applying import doubtful

    if command.output is not None:
        validate_picture_path(command.output)
    with running(events) as run:
        found = doubtful(command.faceset, command.count, run)
    for doubt in found:
        print(
            f"frame {doubt.face.frame_index} face {doubt.face.face_index}: {100 * doubt.hidden:.1f}% hidden, "
            f"{100 * doubt.apart:.1f}% unlike its neighbours"
        )
    if command.output is not None:
        write_picture(command.output, mask_sheet(command.faceset.name, found))
        print(f"written: {command.output}")
