"""Export: a faceset as files that other programs read.

Landmarks are written as dlib68 has them, which all of them know. The writers are in
:data:`.registry.EXPORT_FORMATS`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.faces.schemes.to_dlib68 import as_dlib68
from facedouble.faceset.store import Faceset
from facedouble.files import hidden_beside
from facedouble.interchange.export_job import ExportJob
from facedouble.interchange.registry import DEFAULT_FORMAT, EXPORT_FORMATS
from facedouble.run.run import Run, operation
from facedouble.settings.interchange import ExportSettings


@dataclass(frozen=True, slots=True)
class ExportResult:
    """``faces`` written to ``output``. ``left_out`` counts the faces that have something the format does not
    hold, by its name."""

    output: Path
    faces: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def export_faces(
    faceset: Path, output: Path, settings: ExportSettings | None = None, *, run: Run | None = None
) -> ExportResult:
    """Write the faces in use of ``faceset`` to ``output``, a file or a folder, as the format has it.

    Raises ``InputError`` for a faceset that cannot be read, has no face in use, or landmarks that no other
    program knows; ``OutputError`` for an output that exists or cannot be written;
    ``SettingsError`` for settings that are for models.
    """
    settings = settings or ExportSettings()
    for name in ("half", "swap_model"):
        if getattr(settings, name):
            raise SettingsError(name, True, "is for models, and this is a faceset")
    with operation("export", run) as run:
        if output.is_dir() or (output.exists() and not settings.overwrite):
            raise OutputError(f"{output} exists; choose another output")
        with Faceset.open(faceset) as opened:
            faces = [as_dlib68(face) for face in opened.faces(include_blurry=True)]
            if not faces:
                raise InputError(f"{faceset}: no face is in use")
            frames = {frame.index: frame for frame in opened.frames()}
            job = ExportJob(opened, faces, frames, Counter(), run)
            draft = hidden_beside(output, ".new")
            try:
                if draft.is_dir():
                    shutil.rmtree(draft)  # left by a run that was killed
                EXPORT_FORMATS[settings.format or DEFAULT_FORMAT](job, draft)
                draft.replace(output)
            except OSError as error:
                raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return run.finish(ExportResult(output, len(faces), dict(job.left_out)))
