"""Export of a model as an ONNX file, with all that a conversion without PyTorch needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedouble.errors import InputError, ModelError, OutputError, SettingsError
from facedouble.faces.registry import DEFAULT_SCHEME, LANDMARK_SCHEMES
from facedouble.faceset.reference_set import file_name
from facedouble.files import read_regular, write_whole
from facedouble.interchange.preprocessing import describe_preprocessing
from facedouble.models.onnx_file import (
    CODE,
    CODE_MEAN,
    CODE_VARIANCE,
    FACE,
    FORMAT,
    GEOMETRY,
    KEY,
    MASK,
    MAX_BYTES,
    OWN,
    PICTURE,
    OnnxRecord,
    references_file,
    sidecar,
)
from facedouble.run.run import Run, operation
from facedouble.settings.interchange import ExportSettings
from facedouble.types import SIDES, Side

_MAX_REFERENCES = 1 << 30  # bytes
_MEANINGS = {
    FACE: "pictures of faces; preprocessing says how they are made",
    GEOMETRY: "what each face does, in the order of geometry.components; zeros are no neutral face",
    OWN: "0 for pictures of the other person, 1 for pictures of the person drawn",
    CODE_MEAN: "means by which codes are normalised, a row for each value of own; may be left out",
    CODE_VARIANCE: "variances by which codes are normalised, a row for each value of own; may be left out",
    PICTURE: "the person drawn, in standard colours about 0..1",
    MASK: "where the picture is to be laid over the frame, 0..1",
    CODE: "the normalised codes of the faces",
}


@dataclass(frozen=True, slots=True)
class ModelExportResult:
    """``output``, the files ``beside`` it, and its size in ``bytes``."""

    output: Path
    beside: tuple[Path, ...]
    bytes: int


def export_model(
    model: Path, output: Path, settings: ExportSettings | None = None, *, run: Run | None = None
) -> ModelExportResult:
    """Write the model in folder ``model`` to the ONNX file ``output``, with a JSON file that describes it,
    and the pictures of people that conversion takes detail from.

    Raises ``ModelError`` for a model that cannot be read, ``OutputError`` for an output that exists or cannot
    be written, ``SettingsError`` for settings that are for facesets, or where a library is not installed.
    """
    settings = settings or ExportSettings()
    with operation("export", run) as run:
        return run.finish(_export(model, output, settings, run))


def _export(model: Path, output: Path, settings: ExportSettings, run: Run) -> ModelExportResult:
    if settings.format is not None:
        raise SettingsError("format", settings.format, "is for facesets; a model is written as ONNX")
    if output.suffix.lower() != ".onnx":
        raise OutputError(f"{output}: the name of an ONNX file ends in .onnx")
    if output.is_dir() or (output.exists() and not settings.overwrite):
        raise OutputError(f"{output} exists; choose another output")
    try:
        import onnx
        import onnxscript  # noqa: F401  (PyTorch's exporter is written with it)
    except ImportError as error:
        raise InputError('ONNX is not installed: pip install "facedouble[onnx]"') from error
    from facedouble.models import checkpoint
    from facedouble.models.onnx_graph import make_graph

    side: Side = "a" if settings.swap_model else "b"
    stage = run.stage("export", None, "")
    network, card = checkpoint.load(model, run=run)
    proto = make_graph(network, side, half=settings.half)
    code = next((value for value in proto.graph.input if value.name == CODE_MEAN), None)
    scheme = DEFAULT_SCHEME if network.geometry is None else network.geometry.name
    if network.geometry is None and card.extraction.get("a"):
        scheme = str(card.extraction["a"][0].get("landmarks", scheme))
    if scheme not in LANDMARK_SCHEMES:
        raise ModelError(f"{model}: the landmarks of its faces are not known here")
    record = OnnxRecord.read(
        {
            "format": FORMAT,
            "about": f"likeness of {side.upper()}: draws the face of the person that this model was trained "
            "on. Use it only as that person has agreed to.",
            "program": card.program,
            "side": side,
            "kind": card.kind,
            "iteration": card.iteration,
            "resolution": card.resolution,
            "coverage": card.coverage,
            "numbers": "float16" if settings.half else "float32",
            "learned_mask": any(value.name == MASK for value in proto.graph.output),
            "code": None if code is None else code.type.tensor_type.shape.dim[1].dim_value,
            "geometry": card.geometry,
            "colour": card.colour,
            "extraction": card.extraction,
            "inputs": [_described(value) for value in proto.graph.input],
            "outputs": [_described(value) for value in proto.graph.output],
            "preprocessing": describe_preprocessing(card, LANDMARK_SCHEMES[scheme]),
        }
    ).dump()
    proto.producer_name, proto.producer_version = "facedouble", card.program.rpartition(" ")[2]
    onnx.helper.set_model_props(proto, {KEY: json.dumps(record, ensure_ascii=False)})
    size = proto.ByteSize()
    if size > MAX_BYTES:
        raise ModelError(f"{model}: {size / 1e9:.1f} GB, and an ONNX file holds 2; export it with half")
    try:
        beside = _write(model, output, proto.SerializeToString(), record)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    stage.finish()
    return ModelExportResult(output, beside, size)


def _write(model: Path, output: Path, data: bytes, record: dict[str, Any]) -> tuple[Path, ...]:
    """All files, the ONNX file last. Pictures of people that an earlier export left there go."""
    written = [sidecar(output)]
    for side in SIDES:
        own, there = model / file_name(side), references_file(output, side)
        if own.exists():
            write_whole(there, read_regular(own, _MAX_REFERENCES))
            written.append(there)
        else:
            there.unlink(missing_ok=True)
    write_whole(sidecar(output), json.dumps(record, indent=1, ensure_ascii=False).encode())
    write_whole(output, data)
    return tuple(written)


def _described(value: Any) -> dict[str, Any]:
    import onnx

    tensor = value.type.tensor_type
    return {
        "name": value.name,
        "type": onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name,
        "shape": [dimension.dim_value or "faces" for dimension in tensor.shape.dim],
        "meaning": _MEANINGS[value.name],
    }
