"""Weights of the first faceswap draw here what they drew there; files with anything else are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from facedouble.cli.main import main
from facedouble.errors import FacedoubleError, InputError
from facedouble.interchange.keras_weights import import_weights
from facedouble.models import checkpoint
from facedouble.settings.interchange import ImportSettings
from tests.interchange.keras_reference import layers, swap, write

pytestmark = pytest.mark.subprocess

FILTERS, BOTTLENECK = 8, 24


def files(folder: Path, convolutions: int = 4) -> Path:
    folder.mkdir()
    for name, content in layers(FILTERS, BOTTLENECK, convolutions).items():
        write(folder / name, content)
    return folder


@pytest.mark.parametrize(("kind", "convolutions"), [("original", 4), ("lowmem", 3)])
def test_they_draw_what_keras_draws(
    kind: str, convolutions: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(files(tmp_path / "2018", convolutions)), "-o", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{kind} with 0.")
    changed = ("architecture.filters=8", "architecture.same_padding=true", "recipe.coverage=0.625")
    assert all(f"--set {setting}" in said for setting in changed)
    network, card = checkpoint.load(tmp_path / "model")
    assert (card.kind, card.coverage, card.resolution) == (kind, 0.625, 64)
    assert card.architecture["same_padding"] is True
    faces = np.random.default_rng(1).random((2, 64, 64, 3)).astype(np.float32)
    weights = layers(FILTERS, BOTTLENECK, convolutions)
    for side, decoder in (("a", "decoder_A.h5"), ("b", "decoder_B.h5")):
        expected = swap(faces, weights, decoder)
        rgb = torch.from_numpy(np.ascontiguousarray(faces[..., ::-1].transpose(0, 3, 1, 2)))
        with torch.no_grad():
            found = network(rgb, "a", side).picture.numpy().transpose(0, 2, 3, 1)[..., ::-1]
        assert expected.std() > 0.05
        assert np.abs(found - expected).max() < 1e-5


def _link(file: h5py.File, folder: Path) -> None:
    del file["conv2d_1/conv2d_1/kernel:0"]
    file["conv2d_1/conv2d_1/kernel:0"] = h5py.ExternalLink(str(folder / "secret.h5"), "kernel")


def _soft_link(file: h5py.File, folder: Path) -> None:
    del file["conv2d_1/conv2d_1/kernel:0"]
    file["conv2d_1/conv2d_1/kernel:0"] = h5py.SoftLink("/conv2d_2/conv2d_2/kernel:0")


def _replaced(make: Callable[[h5py.Group, Path], None]) -> Callable[[h5py.File, Path], None]:
    def change(file: h5py.File, folder: Path) -> None:
        group = file["conv2d_1/conv2d_1"]
        del group["kernel:0"]
        make(group, folder)

    return change


def _virtual(group: h5py.Group, folder: Path) -> None:
    layout = h5py.VirtualLayout(shape=(5, 5, 3, FILTERS), dtype="f4")
    layout[...] = h5py.VirtualSource(str(folder / "secret.h5"), "kernel", shape=(5, 5, 3, FILTERS))
    group.create_virtual_dataset("kernel:0", layout)


def _external(group: h5py.Group, folder: Path) -> None:
    stored = [(str(folder / "secret.bin"), 0, 5 * 5 * 3 * FILTERS * 4)]
    group.create_dataset("kernel:0", (5, 5, 3, FILTERS), "f4", external=stored)


def _huge(group: h5py.Group, folder: Path) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    space = h5py.h5s.create_simple((1 << 14, 1 << 14, 1 << 6, 1 << 4))
    h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.NATIVE_FLOAT, space, plan)


def _unstored(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", (5, 5, 3, FILTERS), "f4")


def _objects(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=["import os"], dtype=h5py.string_dtype())


def _references(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", (1,), h5py.ref_dtype)


def _doubles(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.zeros((5, 5, 3, FILTERS)))


def _compressed(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.zeros((5, 5, 3, FILTERS), "f4"), compression="gzip")


def _chunked(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.zeros((5, 5, 3, FILTERS), "f4"), chunks=True)


def _infinite(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.full((5, 5, 3, FILTERS), np.inf, "f4"))


def _other_shape(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.zeros((3, 3, 3, FILTERS), "f4"))


def _flat(group: h5py.Group, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.zeros(600, "f4"))


def _no_names(file: h5py.File, folder: Path) -> None:
    del file.attrs["layer_names"]


def _texts(file: h5py.File, folder: Path) -> None:
    file.attrs.create("layer_names", ["conv2d_1"] * 3, dtype=h5py.string_dtype())


def _many_names(file: h5py.File, folder: Path) -> None:
    file.attrs["layer_names"] = np.array([b"conv2d_1"] * 5000)


def _names_that_climb(file: h5py.File, folder: Path) -> None:
    file.attrs["layer_names"] = np.array([b"../conv2d_1"])


def _a_circle(file: h5py.File, folder: Path) -> None:
    file["conv2d_1/conv2d_1"].attrs["x"] = 1
    del file["conv2d_1/conv2d_1/kernel:0"]
    file["conv2d_1/conv2d_1/kernel:0"] = file["conv2d_1"]


def _fewer_layers(file: h5py.File, folder: Path) -> None:
    file.attrs["layer_names"] = np.array([b"conv2d_1", b"conv2d_2"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_link, "link to somewhere else"),
        (_soft_link, "link to somewhere else"),
        (_replaced(_virtual), "in another file"),
        (_replaced(_external), "in another file"),
        (_replaced(_huge), "than is stored"),
        (_replaced(_unstored), "than is stored"),
        (_replaced(_objects), "not float32"),
        (_replaced(_references), "not float32"),
        (_replaced(_doubles), "not float32"),
        (_replaced(_compressed), "compressed"),
        (_replaced(_chunked), "in pieces"),
        (_replaced(_infinite), "no numbers"),
        (_replaced(_other_shape), "another shape"),
        (_replaced(_flat), "not the weights of the first faceswap"),
        (_no_names, "not weights of Keras"),
        (_texts, "no list of names"),
        (_many_names, "no list of names"),
        (_names_that_climb, "a name that is none"),
        (_a_circle, "a group where weights should be"),
        (_fewer_layers, "not the weights of the first faceswap"),
    ],
)
def test_a_file_with_anything_else_is_refused(
    change: Callable[[h5py.File, Path], None], said: str, tmp_path: Path
) -> None:
    folder = files(tmp_path / "2018")
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["kernel"] = np.ones((5, 5, 3, FILTERS), "f4")
    (tmp_path / "secret.bin").write_bytes(b"\0" * 10_000)
    with h5py.File(folder / "encoder.h5", "r+") as file:
        change(file, tmp_path)
    with pytest.raises(InputError, match=said) as refused:
        import_weights(folder, tmp_path / "model")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n" + b"\xff" * 500, b"PK\x03\x04" * 90])
def test_what_is_no_hdf5_file_is_refused(data: bytes, tmp_path: Path) -> None:
    folder = files(tmp_path / "2018")
    (folder / "decoder_B.h5").write_bytes(data)
    with pytest.raises(InputError, match=r"decoder_B\.h5: cannot be read"):
        import_weights(folder, tmp_path / "model")


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    folder = files(tmp_path / "2018")
    whole = (folder / "encoder.h5").read_bytes()
    (folder / "encoder.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"encoder\.h5"):
        import_weights(folder, tmp_path / "model")


def test_what_else_is_wrong_is_said(tmp_path: Path) -> None:
    folder = files(tmp_path / "2018")
    with pytest.raises(FacedoubleError, match="is for facesets"):
        import_weights(folder, tmp_path / "model", ImportSettings(source=tmp_path / "clip.mp4"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").touch()
    with pytest.raises(FacedoubleError, match="exists"):
        import_weights(folder, tmp_path / "there")
    (folder / "decoder_A.h5").unlink()
    with pytest.raises(InputError, match=r"no decoder_A\.h5"):
        import_weights(folder, tmp_path / "model")
