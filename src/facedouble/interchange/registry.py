"""The formats that facesets are written in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facedouble.interchange.export_job import ExportJob

EXPORT_FORMATS: Registry[Callable[[ExportJob, Path], None]] = Registry(
    "format",
    {
        "fsa": Entry("facedouble.interchange.write_faceswap:write_alignments", "faceswap's alignments file"),
        "dfl": Entry(
            "facedouble.interchange.write_deepfacelab:write_pictures", "a folder of DeepFaceLab's pictures"
        ),
        "mattes": Entry(
            "facedouble.interchange.write_mattes:write_mattes",
            "a folder of PNG, white where the face may be painted",
        ),
    },
)
"""Writers. Each is given what to write, and the path of a file or a folder that it makes."""

DEFAULT_FORMAT = "fsa"
