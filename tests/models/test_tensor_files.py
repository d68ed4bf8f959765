"""Files of tensors: written so that safetensors reads them, read only if they are what they say."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from facedouble.models.tensor_files import DamageError, TensorSpec, read_header, read_tensors, write_tensors

TENSORS = {
    "bool": torch.tensor(True),
    "u8": torch.arange(7, dtype=torch.uint8),
    "bf16": torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16),
    "f32": torch.arange(12.0).reshape(3, 4).t(),
    "empty": torch.zeros(0, 3),
    "i64": torch.tensor(2**40),
}
LIMIT = 1 << 20


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def framed(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(start: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_what_is_written_is_what_safetensors_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    assert write_tensors(path, TENSORS, {"note": "é"}) == sha256(path)
    for found in (load_file(path), read_tensors(path, sha256(path), LIMIT)):
        assert found.keys() == TENSORS.keys()
        for name, tensor in TENSORS.items():
            assert found[name].dtype == tensor.dtype
            assert torch.equal(found[name], tensor)
    with safe_open(path, "pt") as opened:
        assert opened.metadata() == {"note": "é"}
    specs, metadata = read_header(path)
    assert metadata == {"note": "é"}
    assert specs == {name: TensorSpec.of(tensor) for name, tensor in TENSORS.items()}
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask(), "others may read it, as any file"


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_safetensors_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in TENSORS.items()}, path)
    for name, tensor in read_tensors(path, sha256(path), LIMIT).items():
        assert torch.equal(tensor, TENSORS[name])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\0" * 4096,
        b"\xff" * 8,
        (1 << 62).to_bytes(8, "little"),
        framed(b"[" * 100_000),
        framed([]),
        framed({"a": []}),
        framed({"a": entry(0, 4, [1]), "__metadata__": 3}, bytes(4)),
        framed({"a": entry(0, 4, [1]), "__metadata__": {"a": 3}}, bytes(4)),
        framed({"a": entry(0, 4, [1], "Q4")}, bytes(4)),
        framed({"a": entry(0, 4, [1], "F32") | {"more": 1}}, bytes(4)),
        framed({"a": {"dtype": [], "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        framed({"a": entry(0, 4, [True])}, bytes(4)),
        framed({"a": entry(0, 4, [-1, -1])}, bytes(4)),
        framed({"a": entry(0, 4, [1] * 9)}, bytes(4)),
        framed({"a": entry(0, 4, [1 << 60])}, bytes(4)),
        framed({"a": entry(0, 1 << 40, [1 << 38])}, bytes(4)),
        framed({"a": entry(0, 4, [1]), "b": entry(0, 4, [1])}, bytes(4)),
        framed({"a": entry(0, 4, [1]), "b": entry(8, 12, [1])}, bytes(12)),
        framed({"a": entry(0, 4, [1])}, bytes(3)),
        framed({"a": entry(0, 4, [1])}, bytes(5)),
    ],
    ids=range(22),
)
def test_a_file_that_is_none_is_refused_before_anything_is_taken(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    for read in (read_header, lambda path: read_tensors(path, sha256(path), LIMIT)):
        with pytest.raises(DamageError):
            read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "a.safetensors"
    checksum = write_tensors(path, {"a": torch.tensor([1.0, value])}, {})
    with pytest.raises(DamageError, match="no number"):
        read_tensors(path, checksum, LIMIT)


def test_more_than_such_a_file_can_hold_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    text = framed({"a": entry(0, 1 << 40, [1 << 38])})
    with path.open("wb") as file:  # sparse: takes no room
        file.write(text)
        file.truncate(len(text) + (1 << 40))
    with pytest.raises(DamageError, match="larger"):
        read_tensors(path, "0" * 64, LIMIT)


def test_what_is_no_file_is_no_damage(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(OSError, match=r"not a file|a link"):
            read_tensors(tmp_path / name, "0" * 64, LIMIT)
