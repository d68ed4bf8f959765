"""``facedouble export``."""

from __future__ import annotations

from collections.abc import Iterator

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.run.run import Run
from facedouble.settings.interchange import ExportCommand, ExportSettings


@with_settings
def export(command: ExportCommand, events: EventsOption = None) -> None:
    """Write a faceset as faceswap or DeepFaceLab reads it, or its masks as mattes; or a model as ONNX.

    Of a faceset the faces in use are written, with landmarks of dlib68. What a format does not hold is said.
    A model becomes one ONNX file that draws B, with a JSON file that describes it, and pictures of both
    people for convert --runtime onnx. All of it is somebody's likeness: guard it as the model itself.
    """
    from facedouble.models.card import is_model

    with running(events) as run:
        lines = list(_model(command, run) if is_model(command.source) else _faces(command, run))
    for line in lines:
        print(line)


def _faces(command: ExportCommand, run: Run) -> Iterator[str]:
    from facedouble.interchange.exporting import export_faces

    result = export_faces(command.source, command.output, command.only(ExportSettings), run=run)
    yield f"{result.faces} faces written"
    for name, count in sorted(result.left_out.items()):
        yield f"left out, the format does not hold it: {name} of {count} faces"
    yield f"written: {result.output}"


def _model(command: ExportCommand, run: Run) -> Iterator[str]:
    from facedouble.interchange.export_model import export_model

    result = export_model(command.source, command.output, command.only(ExportSettings), run=run)
    yield f"written: {result.output} ({result.bytes / 1e6:.1f} MB)"
    for path in result.beside:
        yield f"beside it: {path.name}"
