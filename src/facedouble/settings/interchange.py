"""What is taken from other programs, and written for them."""

from __future__ import annotations

from typing import Annotated

from facedouble.interchange.registry import EXPORT_FORMATS
from facedouble.settings.base import Choice, File, Settings, field
from facedouble.settings.reading import Reading


class ImportSettings(Settings):
    """How the faces of another program become a faceset."""

    source: File | None = field(
        None, "clip or folder of images that the faces were found in; crops are cut from it anew"
    )
    size: int = field(256, "side of the square crops", unit="pixels", min=64, max=1024)
    reading: Reading = field(Reading(), "how clips and images are read")
    processes: int = field(
        0, "threads that cut crops, 0 for one per core", short="-j", unit="processes", min=0
    )
    skip_existing: bool = field(False, "resume a run that stopped: keep what is done", short="-s")


class ImportCommand(ImportSettings):
    """Make a faceset of faces that another program has found, or a model of its weights."""

    path: File = field(
        help="folder of face pictures (DeepFaceLab, faceswap, any), faceset.pak, .fsa; or of encoder.h5",
        argument=True,
        option="PATH",
    )
    output: File = field(help="folder to make", short="-o")


class ExportSettings(Settings):
    """How a faceset is written for another program, or a model for another runtime."""

    format: Annotated[str, Choice(EXPORT_FORMATS)] | None = field(
        None, "how a faceset is written; fsa if not given. A model is written as ONNX"
    )
    swap_model: bool = field(False, "export the model so that it draws A's face")
    half: bool = field(False, "let the exported model calculate in 16 bits: half the size, less exact")
    overwrite: bool = field(False, "replace a file that exists")


class ExportCommand(ExportSettings):
    """Write a faceset as another program reads it, or a model as an ONNX file."""

    source: File = field(help="faceset, or folder of a model", argument=True, option="FACESET_OR_MODEL")
    output: File = field(help="file (fsa, onnx) or folder to make", short="-o")
