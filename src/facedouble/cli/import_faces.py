"""``facedouble import``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.printable import printable
from facedouble.settings.interchange import ImportCommand, ImportSettings

if TYPE_CHECKING:
    from facedouble.interchange.importing import ImportResult

_NAMED = 10


@with_settings
def import_faces(command: ImportCommand, events: EventsOption = None) -> None:
    """Make a faceset of faces that DeepFaceLab or faceswap has found, or a model of faceswap's first weights.

    Landmarks, polygons and masks come over. Where the clip is named (--source), crops are cut from it
    anew; else from the pictures of the faces. Pictures without landmarks are analysed as new.
    A folder with encoder.h5, decoder_A.h5 and decoder_B.h5 of 2018 becomes a model, original or lowmem.
    """
    from facedouble.interchange.importing import import_faces as operate
    from facedouble.interchange.keras_weights import has_weights, import_weights

    if has_weights(command.path):
        with running(events) as run:
            made = import_weights(command.path, command.output, command.only(ImportSettings), run=run)
        print(f"{made.kind} with {made.parameters / 1e6:.1f} million parameters")
        options = " ".join(f"--set {name}={value}" for name, value in made.settings.items())
        print(
            "it was trained on other colours and frames of faces: train it further, in a new folder, with "
            f"--from {made.model} {options}"
        )
        print(f"model: {made.model}")
        return

    with running(events) as run:
        result = operate(command.path, command.output, command.only(ImportSettings), run=run)
    for line in summary(result):
        print(line)


def summary(result: ImportResult) -> list[str]:
    """What a person wants to know of an import, a line each."""
    lines = [f"{result.faces} faces of {result.program} in {result.frames} frames of {result.source}"]
    if result.polygons:
        lines.append(f"polygons of {result.polygons} faces taken")
    if result.masks:
        lines.append(f"masks of {result.masks} faces taken, as what is visible of the face")
    for name, count in sorted(result.other.items()):
        lines.append(f"not taken, there is no place for it here: {printable(name)} of {count} faces")
    for left in result.left_out[:_NAMED]:
        lines.append(f"left out: {printable(left.name)}: {printable(left.why)}")
    if len(result.left_out) > _NAMED:
        lines.append(f"and {len(result.left_out) - _NAMED} more")
    return [*lines, f"faceset: {result.faceset}"]
