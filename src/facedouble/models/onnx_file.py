"""ONNX files of swap models: what is in them, and how they are read without PyTorch.

A file draws one person. Its graph (float32 at its inputs and outputs, whatever it calculates in) has the
inputs

- ``face`` (N, 3, R, R): pictures as ``faces/network_input.py`` makes them;
- ``geometry`` (N, K): what each face does, for models that are told;
- ``own`` (1,) int64: 0 for pictures of the other person, 1 for pictures of the person drawn, for models that
  treat them differently;
- ``code_mean``, ``code_variance`` (2, C): the statistics by which codes are normalised, a row for each value
  of ``own``. They have values of their own, and may be left out;

and the outputs ``picture`` (N, 3, R, R), ``mask`` (N, 1, R, R) of models that learn one, and ``code`` (N, C),
the normalised codes, of models with statistics. Under the key ``facedouble`` the metadata hold a JSON object,
the :class:`OnnxRecord`; the sidecar says the same. It is the metadata that is read.

Files are exchanged, so a graph may hold only what swap models need, nothing outside the file, and nothing
larger than a limit. Format: https://onnx.ai/onnx/repo-docs/IR.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from facedouble.array_checks import check_arrays
from facedouble.errors import ModelError, SettingsError
from facedouble.faces.geometry import Geometry
from facedouble.faces.registry import GEOMETRIES
from facedouble.files import read_regular
from facedouble.json_data import parse_json
from facedouble.models.card import ModelCard, Save
from facedouble.models.card_record import Count, GeometryRecord, Statistics
from facedouble.models.geometry_record import check_geometry_record
from facedouble.settings.base import Settings, problem
from facedouble.types import FloatArray, Side

if TYPE_CHECKING:
    import onnx

OPSET = 18
KEY = "facedouble"
FORMAT = 1
FACE, GEOMETRY, OWN, CODE_MEAN, CODE_VARIANCE = "face", "geometry", "own", "code_mean", "code_variance"
PICTURE, MASK, CODE = "picture", "mask", "code"

MAX_BYTES = (1 << 31) - 1
"""Of a file: that of the format without files beside it."""
_MAX_NODES = 4096
_MAX_ELEMENTS = 1 << 27
"""Numbers that anything in a graph may hold for one face."""
_MAX_OPSET = 26
OPERATORS = {
    *("Add", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "DepthToSpace", "Div"),
    *("Flatten", "Gather", "Gemm", "Identity", "LeakyRelu", "MatMul", "Max", "Min", "Mul", "Pad", "Reshape"),
    *("Sigmoid", "Slice", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze"),
    "Where",
}
"""All that swap models need."""
_DOMAINS = ("", "ai.onnx")

Name = Annotated[str, StringConstraints(max_length=100)]


class TensorRecord(Settings):
    """An input or output of the graph."""

    name: Name
    type: Name
    shape: list[str | Annotated[int, Field(ge=1)]]
    meaning: str


class OnnxRecord(Settings):
    """What an ONNX file says of itself. ``side`` is the person it draws; ``preprocessing`` says in words and
    numbers how ``face`` and ``geometry`` are made; the rest is of the model's description."""

    format: Literal[1]
    about: str
    program: Annotated[str, StringConstraints(max_length=200)]
    side: Literal["a", "b"]
    kind: Name
    iteration: Count
    resolution: int = Field(ge=16, le=4096)
    coverage: float = Field(gt=0, le=1)
    numbers: Literal["float32", "float16"]
    learned_mask: bool
    code: int | None = Field(default=None, ge=1, le=1 << 16)
    geometry: GeometryRecord | None = None
    colour: dict[Literal["a", "b"], Statistics]
    extraction: dict[Literal["a", "b"], Annotated[list[dict[str, Any]], Field(max_length=10_000)]]
    inputs: Annotated[list[TensorRecord], Field(max_length=10)]
    outputs: Annotated[list[TensorRecord], Field(max_length=10)]
    preprocessing: dict[str, Any]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self.colour) != 2:
            raise problem("colour", "must be given for both sides")
        return self

    def known_geometry(self) -> Geometry | None:
        """The geometry that the model is told. Raises ``ModelError`` for one that is not known here."""
        if self.geometry is None:
            return None
        name = self.geometry.landmarks
        if name not in GEOMETRIES:
            raise ModelError("this model is told of geometry that is not known here")
        check_geometry_record(self.geometry.model_dump(), name)
        return GEOMETRIES[name]

    def card(self, fingerprint: str) -> ModelCard:
        """The model's description, as far as a conversion needs it."""
        return ModelCard(
            architecture={"kind": self.kind},
            resolution=self.resolution,
            coverage=self.coverage,
            facesets={"a": [], "b": []},
            colour=dict(self.colour),
            extraction=dict(self.extraction),
            geometry=None if self.geometry is None else self.geometry.model_dump(),
            iteration=self.iteration,
            saves=[Save(self.iteration, "", fingerprint, "", "")],
            program=self.program,
        )


def sidecar(path: Path) -> Path:
    """The JSON file beside an ONNX file."""
    return path.with_name(f"{path.name}.json")


def references_file(path: Path, side: Side) -> Path:
    """The pictures of a person that belong to an ONNX file, beside it."""
    return path.with_name(f"{path.name}.references-{side}.safetensors")


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The bytes of a file, what it says of itself, and the ``statistics`` of training that it holds: mean and
    variance (2, C) of codes, ``None`` for a model without."""

    data: bytes
    record: OnnxRecord
    statistics: tuple[FloatArray, FloatArray] | None


def read_onnx(path: Path) -> OnnxFile:
    """An ONNX file that this program wrote. Raises ``ModelError`` for another file,
    and one that holds what a swap model does not need."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        data = read_regular(path, MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > MAX_BYTES:
        raise ModelError(f"{path}: larger than an ONNX file can be")
    try:
        model = onnx.load_model_from_string(data)
        record = _record(model)
        check_graph(model, record)
        statistics = None if record.code is None else _statistics(model.graph, record.code)
    except DecodeError as error:
        raise ModelError(f"{path}: damaged, or not an ONNX file") from error
    except (
        *(ValueError, KeyError, TypeError, RecursionError, SettingsError),
        *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{path}: not a model that can be used ({reason})") from error
    return OnnxFile(data, record, statistics)


def _statistics(graph: onnx.GraphProto, code: int) -> tuple[FloatArray, FloatArray]:
    import onnx

    names = CODE_MEAN, CODE_VARIANCE
    found = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name in names
    }
    check_arrays(found, dict.fromkeys(names, ("float32", (2, code))))
    return found[CODE_MEAN], found[CODE_VARIANCE]


def _record(model: onnx.ModelProto) -> OnnxRecord:
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    # What is no UTF-8 comes as bytes.
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise ValueError("facedouble did not export it")
    values = parse_json(texts[0].encode())
    if not isinstance(values, dict):
        raise ValueError("its description is damaged")
    if values.get("format") != FORMAT:
        raise ValueError(f"its description is of format {str(values.get('format'))[:20]}, not {FORMAT}")
    return OnnxRecord.read(values)


def check_graph(model: onnx.ModelProto, record: OnnxRecord) -> None:
    """Raise ``ValueError`` unless the graph has the inputs and outputs that ``record`` says, only operators
    of swap models, nothing outside the file, and nothing too large."""
    import onnx

    graph = model.graph
    for imported in model.opset_import:
        if imported.domain not in _DOMAINS or imported.version > _MAX_OPSET:
            raise ValueError(f"operators of {imported.domain[:50] or 'ONNX'} {imported.version}")
    if model.functions or model.training_info or graph.sparse_initializer or graph.quantization_annotation:
        raise ValueError("functions or sparse tensors")
    if len(graph.node) > _MAX_NODES:
        raise ValueError(f"more than {_MAX_NODES} nodes")
    for node in graph.node:
        if node.op_type not in OPERATORS or node.domain not in _DOMAINS:
            raise ValueError(f"operator {node.op_type[:50]}")
        for attribute in node.attribute:
            if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
                raise ValueError("a graph within the graph")
            if attribute.HasField("t"):
                _check_tensor(attribute.t)
    for tensor in graph.initializer:
        _check_tensor(tensor)
    _check_names(graph, record)
    _check_sizes(model)


def _check_tensor(tensor: onnx.TensorProto) -> None:
    import onnx

    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError("numbers outside the file")
    if math.prod(tensor.dims) > _MAX_ELEMENTS or any(size < 0 for size in tensor.dims):
        raise ValueError("a tensor that is too large")


def _check_names(graph: onnx.GraphProto, record: OnnxRecord) -> None:
    side, code = record.resolution, record.code
    count = 0 if record.geometry is None else len(record.geometry.components)
    inputs: dict[str, tuple[int, ...]] = {FACE: (0, 3, side, side)}
    if record.geometry is not None:
        inputs[GEOMETRY] = (0, count)
    if code is not None:
        inputs |= {OWN: (1,), CODE_MEAN: (2, code), CODE_VARIANCE: (2, code)}
    outputs: dict[str, tuple[int, ...]] = {PICTURE: (0, 3, side, side)}
    if record.learned_mask:
        outputs[MASK] = (0, 1, side, side)
    if code is not None:
        outputs[CODE] = (0, code)
    for found, expected in ((graph.input, inputs), (graph.output, outputs)):
        shapes = {value.name: _shape(value) for value in found}
        if shapes != expected:
            raise ValueError("its inputs and outputs are not those of its description")


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """0 for a length that depends on the batch."""
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)


def _check_sizes(model: onnx.ModelProto) -> None:
    """Work out all shapes anew, for a batch of one."""
    import onnx

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    del plain.graph.value_info[:]
    for value in plain.graph.input:
        for dimension in value.type.tensor_type.shape.dim:
            if not dimension.dim_value:
                dimension.dim_value = 1
    for value in plain.graph.output:
        for dimension in value.type.tensor_type.shape.dim:
            dimension.Clear()
    inferred = onnx.shape_inference.infer_shapes(plain, check_type=True, strict_mode=True, data_prop=True)
    known = {value.name: value for value in (*inferred.graph.value_info, *inferred.graph.output)}
    for node in inferred.graph.node:
        for name in node.output:
            if not name:
                continue
            value = known.get(name)
            if value is None or not value.type.tensor_type.HasField("shape"):
                raise ValueError("something whose size cannot be known")
            dimensions = value.type.tensor_type.shape.dim
            if not all(dimension.HasField("dim_value") for dimension in dimensions):
                raise ValueError("something whose size cannot be known")
            if math.prod(dimension.dim_value for dimension in dimensions) > _MAX_ELEMENTS:
                raise ValueError("something that is too large")
