"""Tensors on disk: safetensors files, written whole and checked before and while they are read.

The format is read and written by itself: a length, a JSON object that gives the type, shape and place of each
tensor, and their bytes. What a file is going to take in memory is known, and refused, before it is taken.
Format: https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import torch
from torch import Tensor

from facedouble.files import draft, open_regular
from facedouble.json_data import parse_json

_CODES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.float32: "F32",
    torch.float64: "F64",
}
_TYPES = {code: dtype for dtype, code in _CODES.items()}
_METADATA = "__metadata__"
_MAX_HEADER = 1 << 26  # bytes
_MAX_DIMENSIONS = 8
_CHUNK = 1 << 24


class DamageError(ValueError):
    """A file that was read and is not what it should be. What cannot be read raises ``OSError`` instead."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Type and shape of a tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> TensorSpec:
        return cls(tensor.dtype, tuple(tensor.shape))

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Write ``tensors`` to ``path``, whole and on the disk, and read the file back once. Returns its SHA-256.

    Raises ``OSError``, also where the disk returns something else than what was written.
    """
    header: dict[str, object] = {_METADATA: dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.element_size()
        code = _CODES[tensor.dtype]
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with draft(path, durable=True) as file:

        def write(data: bytes | memoryview) -> None:
            digest.update(data)
            file.write(data)

        write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            write(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        file.flush()
        file.seek(0)
        if hashlib.file_digest(file, "sha256").digest() != digest.digest():
            raise OSError(f"{path}: what was written does not read back as it was")
    return digest.hexdigest()


def read_header(path: Path) -> tuple[dict[str, TensorSpec], dict[str, str]]:
    """What tensors a file holds, and its metadata; the tensors are not read. Raises ``OSError`` and
    :class:`DamageError`."""
    with open_regular(path) as file:
        specs, _, metadata = _header(file)
    return specs, metadata


def read_tensors(path: Path, sha256: str, limit: int) -> dict[str, Tensor]:
    """The tensors of a file with this checksum, all of them finite. Raises :class:`DamageError` for a file
    that is damaged or has more than ``limit`` bytes of them, and ``OSError`` for one that cannot be read."""
    with open_regular(path) as file:
        specs, start, _ = _header(file)
        if sum(spec.bytes for spec in specs.values()) > limit:
            raise DamageError(f"{path.name}: larger than such a model's can be")
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise DamageError(f"{path.name}: its checksum is wrong")
        file.seek(start)
        return {name: _read(file, name, spec, path) for name, spec in specs.items()}


def _read(file: BufferedReader, name: str, spec: TensorSpec, path: Path) -> Tensor:
    tensor = torch.empty(spec.shape, dtype=spec.dtype)
    if spec.bytes and file.readinto(tensor.reshape(-1).view(torch.uint8).numpy().data) != spec.bytes:
        raise DamageError(f"{path.name}: cut off")
    if spec.dtype.is_floating_point and not torch.isfinite(tensor).all():
        raise DamageError(f"{path.name}: {name[:80]} holds what is no number")
    return tensor


def _header(file: BufferedReader) -> tuple[dict[str, TensorSpec], int, dict[str, str]]:
    """The tensors of an open file in the order of their bytes, where these begin, and the metadata."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(_MAX_HEADER, size - 8):
        raise DamageError("not a file of tensors, or cut off")
    try:
        values = parse_json(file.read(length))
    except (ValueError, RecursionError) as error:
        raise DamageError("its header cannot be read") from error
    if not isinstance(values, dict):
        raise DamageError("its header is no header")
    metadata = values.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise DamageError("its metadata are no texts")
    placed = {name: _place(value) for name, value in values.items()}
    found: dict[str, TensorSpec] = {}
    end = 0
    for name, (start, spec) in sorted(placed.items(), key=lambda entry: (entry[1][0], entry[1][1].bytes)):
        if start != end:
            raise DamageError("its tensors overlap, or there is something between them")
        found[name] = spec
        end += spec.bytes
    if 8 + length + end != size:
        raise DamageError("cut off, or longer than its tensors")
    return found, 8 + length, metadata


def _place(value: object) -> tuple[int, TensorSpec]:
    """Where a tensor begins and what it is, from its entry in the header."""
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise DamageError("a tensor in its header is not described")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if (
        not isinstance(dtype, str)
        or dtype not in _TYPES
        or not _counts(shape)
        or len(shape) > _MAX_DIMENSIONS
        or not _counts(offsets)
        or len(offsets) != 2
    ):
        raise DamageError("a tensor in its header has a type, shape or place that there is not")
    spec = TensorSpec(_TYPES[dtype], tuple(shape))
    if offsets[1] - offsets[0] != spec.bytes:
        raise DamageError("a tensor in its header has another size than its shape says")
    return offsets[0], spec


def _counts(value: object) -> bool:
    return isinstance(value, list) and all(type(entry) is int and 0 <= entry < 1 << 53 for entry in value)
