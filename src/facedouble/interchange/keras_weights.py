"""The weights of the first faceswap (2018): three files of Keras become a model ``original`` or ``lowmem``.

Differences between the two programs: Keras keeps kernels as (rows, columns, in, out) and flattens rows,
columns, channels in this order; its pixel shuffle counts a pixel's four places before its filters; TensorFlow
pads a convolution of stride 2 by a row less before than behind; and OpenCV's pictures are B, G, R.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.faces.colour import STANDARD_DEVIATION, STANDARD_MEAN
from facedouble.interchange.keras_reader import FloatTensor, read_weights
from facedouble.models.card import ModelCard, is_model
from facedouble.models.registry import MODELS
from facedouble.run.run import Run, operation
from facedouble.settings.interchange import ImportSettings
from facedouble.types import SIDES, Side

ENCODER = "encoder.h5"
DECODERS: dict[Side, str] = {"a": "decoder_A.h5", "b": "decoder_B.h5"}
COVERAGE = 160 / 256
"""The part of its crops that the first faceswap trained on."""
_KINDS = {4: "original", 3: "lowmem"}
"""By the number of convolutions."""
_SIDE = 64
_GRID = 4
_UPSCALES = 3


@dataclass(frozen=True, slots=True)
class WeightsImportResult:
    """The ``model`` that was made, its ``kind``, how many ``parameters`` it has, and the ``settings`` of a
    training that goes on from it, as text by the field's path."""

    model: Path
    kind: str
    parameters: int
    settings: Mapping[str, str]


def has_weights(path: Path) -> bool:
    """Whether ``path`` is a folder with the weights of the first faceswap."""
    return (path / ENCODER).is_file()


def import_weights(
    path: Path, output: Path, settings: ImportSettings | None = None, *, run: Run | None = None
) -> WeightsImportResult:
    """Make the model ``output`` of the weights in the folder ``path``.

    Raises ``InputError`` for files that are missing, cannot be read or are of another network,
    ``SettingsError`` for a source, and ``OutputError`` for an output that exists or cannot be written.
    """
    with operation("import", run) as run:
        return run.finish(_import(path, output, settings or ImportSettings(), run))


def _import(path: Path, output: Path, settings: ImportSettings, run: Run) -> WeightsImportResult:
    import torch

    from facedouble.models import checkpoint

    if settings.source is not None:
        raise SettingsError("source", settings.source, "is for facesets, and these are weights")
    if output.exists() and (is_model(output) or not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output} exists; choose another output")
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise InputError('weights of Keras need h5py: pip install "facedouble[keras]"') from error
    files = {name: path / name for name in (ENCODER, *DECODERS.values())}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        raise InputError(f"{path}: there is no {missing[0]} beside {ENCODER}")
    stage = run.stage("read", len(files), "files")
    read = {}
    for number, (name, file) in enumerate(files.items()):
        run.check()
        read[name] = read_weights(file)
        stage.progress(number + 1)
    stage.finish()
    try:
        kind, arguments = architecture_of(read[ENCODER])
        architecture = MODELS[kind].read({"kind": kind, **arguments})
        specs = checkpoint.tensor_specs(architecture)
        found = converted(read[ENCODER], {side: read[name] for side, name in DECODERS.items()})
        wrong = next((name for name, spec in specs.items() if found[name].shape != spec.shape), None)
        if wrong or found.keys() != specs.keys():
            raise ValueError(f"{wrong} has another shape")
    except (ValueError, KeyError, IndexError, SettingsError) as error:
        raise InputError(f"{path}: not the weights of the first faceswap ({error})") from error
    colour = [[STANDARD_MEAN] * 3, [STANDARD_DEVIATION] * 3]
    card = ModelCard(
        architecture=architecture.dump(),
        resolution=_SIDE,
        coverage=COVERAGE,
        facesets={"a": [], "b": []},
        colour={"a": colour, "b": colour},
    )
    weights = {name: torch.from_numpy(np.ascontiguousarray(tensor)) for name, tensor in found.items()}
    checkpoint.save(output, card, weights, {})
    usual = MODELS[kind].read({"kind": kind}).dump()
    settings_of = {"architecture.kind": kind}
    for name, value in architecture.dump().items():
        if value != usual[name]:
            settings_of[f"architecture.{name}"] = json.dumps(value)
    settings_of["recipe.coverage"] = str(COVERAGE)
    parameters = sum(tensor.size for tensor in found.values())
    return WeightsImportResult(output, kind, parameters, settings_of)


def architecture_of(encoder: Sequence[FloatTensor]) -> tuple[str, dict[str, Any]]:
    """The kind of model that an encoder's tensors are of, and its arguments. Raises ``ValueError``."""
    count = len(encoder) // 2 - 3  # two dense layers and an upscale follow the convolutions
    if (
        len(encoder) % 2
        or count not in _KINDS
        or any(tensor.ndim != 4 for tensor in encoder[: 2 * count : 2])
    ):
        raise ValueError(f"its encoder has {len(encoder)} tensors")
    bottleneck = encoder[2 * count + 1].size
    return _KINDS[count], {"filters": encoder[1].size, "bottleneck": bottleneck, "same_padding": True}


def converted(
    encoder: Sequence[FloatTensor], decoders: Mapping[Side, Sequence[FloatTensor]]
) -> dict[str, FloatTensor]:
    """The tensors of ``original`` or ``lowmem`` by name, from those of the three files in the order of their
    layers. Raises ``ValueError`` and ``IndexError`` for others."""
    count = len(encoder) // 2 - 3
    found: dict[str, FloatTensor] = {}
    for number in range(count):
        kernel, bias = encoder[2 * number : 2 * number + 2]
        if number == 0:
            kernel = kernel[:, :, ::-1]  # from B, G, R
        found |= _named(f"encoder.{number}.0", _kernel(kernel), bias)
    side = _SIDE >> count
    (wide, wide_bias), (back, back_bias), shuffled = (
        (encoder[at], encoder[at + 1]) for at in range(2 * count, 2 * count + 6, 2)
    )
    features = wide.reshape(side, side, -1, wide.shape[1]).transpose(3, 2, 0, 1)
    found |= _named("dense.0", features.reshape(wide.shape[1], -1), wide_bias)
    grid = back.reshape(back.shape[0], _GRID, _GRID, -1).transpose(3, 1, 2, 0)
    grid_bias = back_bias.reshape(_GRID, _GRID, -1).transpose(2, 0, 1)
    found |= _named("dense.1.dense", grid.reshape(-1, back.shape[0]), grid_bias.reshape(-1))
    found |= _upscale("upscale", *shuffled)
    for person in SIDES:
        tensors = decoders[person]
        if len(tensors) != 2 * _UPSCALES + 2:
            raise ValueError(f"its decoder has {len(tensors)} tensors")
        for number in range(_UPSCALES):
            found |= _upscale(f"decoders.{person}.{number}", *tensors[2 * number : 2 * number + 2])
        kernel, bias = tensors[-2:]
        found |= _named(f"decoders.{person}.{_UPSCALES}", _kernel(kernel)[::-1], bias[::-1])
    return found


def _named(name: str, weight: FloatTensor, bias: FloatTensor) -> dict[str, FloatTensor]:
    return {f"{name}.weight": weight, f"{name}.bias": bias}


def _kernel(kernel: FloatTensor) -> FloatTensor:
    """(rows, columns, in, out) to (out, in, rows, columns)."""
    if kernel.ndim != 4:
        raise ValueError("a convolution has another shape")
    return kernel.transpose(3, 2, 0, 1)


def _upscale(name: str, kernel: FloatTensor, bias: FloatTensor) -> dict[str, FloatTensor]:
    """A convolution before a pixel shuffle: from four places of all filters to all filters of four places."""
    turned = _kernel(kernel)
    places = turned.reshape(4, -1, *turned.shape[1:]).swapaxes(0, 1).reshape(turned.shape)
    return _named(f"{name}.convolution", places, bias.reshape(4, -1).T.reshape(-1))
