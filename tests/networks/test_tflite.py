"""Networks of TensorFlow Lite, read into PyTorch: against OpenCV's reader of the same files."""

from __future__ import annotations

import copy
import struct
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from facedouble.errors import AssetError
from facedouble.networks import mediapipe
from facedouble.networks.shipped import FOLDER, SHA256, shipped_weights
from facedouble.networks.tflite import parse_tflite, read_tflite
from facedouble.networks.tflite_module import TfliteModule
from facedouble.networks.tflite_operators import padding
from facedouble.video.source import open_source
from scripts import tflite_writer
from scripts.tflite_writer import NetworkWriter, Scalar

NETWORKS = ("face_landmarks_detector.tflite", "face_blendshapes.tflite", "face_detection_full_range.tflite")
Values = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def modules() -> dict[str, TfliteModule]:
    return {name: TfliteModule(shipped_weights(name)) for name in NETWORKS}


@pytest.fixture(scope="module")
def faces(clips: dict[str, Path]) -> Values:
    """Two actors' faces, (2, 256, 256, 3), 0..1."""
    found = []
    for name in ("sample_02", "sample_03"):
        frame = next(iter(open_source(clips[name]).frames())).rgb()
        found.append(cv2.resize(frame[60:600, 370:910], (256, 256), interpolation=cv2.INTER_AREA))
    return (np.stack(found) / 255).astype(np.float32)


def samples(module: TfliteModule, faces: Values) -> Values:
    """Four inputs for a network: the faces and noise where it takes pictures, else noise."""
    rng = np.random.default_rng(1)
    noise = rng.random((4, *module.input_shape), dtype=np.float32)
    if noise.ndim == 4:
        noise[:2] = [cv2.resize(face, noise.shape[1:3], interpolation=cv2.INTER_AREA) for face in faces]
        noise = np.ascontiguousarray(noise.transpose(0, 3, 1, 2))
    return noise


@pytest.mark.parametrize("name", NETWORKS)
def test_it_equals_opencv_and_a_batch_equals_singles(
    name: str, modules: dict[str, TfliteModule], faces: Values
) -> None:
    module = modules[name]
    inputs = samples(module, faces)
    with torch.inference_mode():
        batch = module(torch.from_numpy(inputs))
    reference = cv2.dnn.readNetFromTFLite(str(FOLDER / name), cv2.dnn.ENGINE_CLASSIC)
    names = list(batch)
    for number, single in enumerate(inputs):
        reference.setInput(single[None])
        with torch.inference_mode():
            alone = module(torch.from_numpy(single[None]))
        for output, expected in zip(names, reference.forward(names), strict=True):
            scale = max(10.0, float(np.abs(expected).max()))
            ours = batch[output][number].numpy().ravel()
            assert ours == pytest.approx(expected.ravel(), abs=1e-5 * scale), output
            assert alone[output].numpy().ravel() == pytest.approx(ours, abs=1e-5 * scale), output
            assert np.ptp(batch[output].numpy(), axis=0).max() > 0, "the inputs made no difference"


def test_outputs_have_the_declared_shapes(modules: dict[str, TfliteModule], faces: Values) -> None:
    shapes = {
        output: tuple(value.shape)
        for module in modules.values()
        for output, value in module(torch.from_numpy(samples(module, faces))).items()
    }
    assert shapes == {
        mediapipe.LANDMARKS: (4, 1, 1, 1434),
        mediapipe.PRESENCE: (4, 1, 1, 1),
        "Identity_2": (4, 1),
        mediapipe.BLENDSHAPES: (4, 52),
        mediapipe.BOXES: (4, 2304, 16),
        mediapipe.SCORES: (4, 2304, 1),
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_the_input_and_not_the_weights(
    name: str, modules: dict[str, TfliteModule], faces: Values
) -> None:
    module = copy.deepcopy(modules[name]).double()
    # Noise, and a small step: no two pixels are alike in a maximum, and no bend of an activation is crossed.
    x = torch.from_numpy(samples(module, faces)[2:3]).double().requires_grad_()
    step = 1e-9 * torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))

    def total(at: torch.Tensor) -> torch.Tensor:
        return torch.stack([value.square().mean() for value in module(at).values()]).sum()

    total(x).backward()
    assert x.grad is not None
    with torch.no_grad():
        change = float(total(x + step) - total(x - step))
    assert change == pytest.approx(2 * float((x.grad * step).sum()), rel=1e-3)
    assert change != 0
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_a_network_is_loaded_once_for_a_device() -> None:
    assert mediapipe.blendshapes() is mediapipe.blendshapes("cpu")
    x = torch.zeros(1, 3, mediapipe.LANDMARKS_SIDE, mediapipe.LANDMARKS_SIDE)
    assert mediapipe.LANDMARKS in mediapipe.face_landmarks()(x)
    x = torch.zeros(1, 3, mediapipe.DETECTOR_SIDE, mediapipe.DETECTOR_SIDE)
    assert mediapipe.SCORES in mediapipe.full_range()(x)
    with pytest.raises(ValueError, match=r"\[192, 192, 3\], not \[256, 256, 3\]"):
        mediapipe.face_landmarks()(x)


@pytest.mark.parametrize(
    ("size", "window", "stride", "expected"),
    [(192, 3, 2, (0, 1)), (191, 3, 2, (1, 1)), (48, 3, 1, (1, 1)), (48, 2, 2, (0, 0)), (5, 5, 3, (1, 2))],
)
def test_same_padding_puts_the_odd_pixel_at_the_end(
    size: int, window: int, stride: int, expected: tuple[int, int]
) -> None:
    assert padding(0, size, window, stride) == expected
    assert padding(1, size, window, stride) == (0, 0)
    assert (size + sum(expected) - window) // stride + 1 == -(-size // stride)


def test_shipped_files_are_the_published_ones_and_all_are_named(tmp_path: Path) -> None:
    readme = (FOLDER / "README.md").read_text()
    assert {path.name for path in FOLDER.iterdir()} == {*SHA256, "README.md"}
    for name, expected in SHA256.items():
        assert shipped_weights(name) == FOLDER / name
        assert f"{expected}  {name}" in readme
        assert f"| `{name}` |" in readme
    name = "face_blendshapes.tflite"
    with pytest.raises(AssetError, match=r"cannot be read \(No such file.*reinstall"):
        shipped_weights(name, tmp_path)
    data = bytearray((FOLDER / name).read_bytes())
    data[500_000] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AssetError, match=r"damaged.*reinstall"):
        shipped_weights(name, tmp_path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "not a network"),
        (lambda data: b"PK\3\4" + data[4:], "out of the file"),
        (lambda data: data[:4] + b"ABCD" + data[8:], "not a network"),
        (lambda data: data[: len(data) // 2], "out of the file|too early"),
        (lambda data: data[:8], "out of the file"),
        (lambda data: b"\xff" * 4 + data[4:], "out of the file"),
    ],
)
def test_other_files_are_refused_in_one_line(damage, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(damage((FOLDER / "face_blendshapes.tflite").read_bytes()))
    with pytest.raises(AssetError, match=reason) as caught:
        TfliteModule(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"none\.tflite: cannot be read"):
        read_tflite(tmp_path / "none.tflite")


def test_damage_anywhere_is_refused_or_only_changes_values(tmp_path: Path) -> None:
    """Bytes of the structure are changed, one at a time."""
    data = (FOLDER / "face_blendshapes.tflite").read_bytes()
    weights = [t.constant for t in parse_tflite(data).tensors if t.constant is not None]
    large = [data.find(w.tobytes()) for w in weights if w.nbytes > 64]
    inside = np.zeros(len(data), bool)
    for start, w in zip(large, [w for w in weights if w.nbytes > 64], strict=True):
        inside[start : start + w.nbytes] = True
    structure = np.flatnonzero(~inside)
    assert 5_000 < len(structure) < 100_000
    rng = np.random.default_rng(3)
    path, reasons = tmp_path / "damaged.tflite", []
    for number, place in enumerate(rng.choice(structure, 300, replace=False)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            # Checking all shapes takes long.
            TfliteModule(path) if number % 10 == 0 else read_tflite(path)
        except AssetError as error:
            reasons.append(str(error))
    assert len(reasons) > 30
    assert all("\n" not in reason for reason in reasons)


def written(
    kind: str = "", options: dict[int, Scalar] | None = None, number: int = 0, unknown: int = 0
) -> bytes:
    """A network of one convolution, and one operation more if ``kind`` names it. ``unknown`` is the operator
    that it says is one for convolutions."""
    net = NetworkWriter("made up")
    x = net.tensor("in", (1, 5, 5, 2))
    weight = np.arange(3 * 3 * 3 * 2, dtype=np.float32).reshape(3, 3, 3, 2) / np.float32(50)
    bias = np.array([1, -2, 3], np.float32)
    y = net.convolution(x, "convolution", weight, bias, stride=3, relu=False)
    if kind:
        shape = [1, 2, 2, 3] if kind != "AVERAGE_POOL_2D" else [1, 1, 1, 3]
        y = net.operation(kind, [y], "more", shape, number, options or {})
    with pytest.MonkeyPatch.context() as patch:
        if unknown:
            patch.setitem(tflite_writer.OPERATORS, "CONV_2D", unknown)
        return net.file([x], [y])


def test_a_stride_that_leaves_an_odd_pixel_is_as_in_opencv(tmp_path: Path) -> None:
    (tmp_path / "small.tflite").write_bytes(written())
    x = np.random.default_rng(4).random((2, 2, 5, 5), dtype=np.float32)
    reference = cv2.dnn.readNetFromTFLite(str(tmp_path / "small.tflite"), cv2.dnn.ENGINE_CLASSIC)
    reference.setInput(x[:1])
    ours = TfliteModule(tmp_path / "small.tflite")(torch.from_numpy(x))["convolution"]
    assert ours.shape == (2, 2, 2, 3)
    assert float(ours.detach().max()) > 1
    expected = reference.forward("convolution").transpose(0, 2, 3, 1)
    assert ours[:1].numpy() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (written()[:-1], "too early|out of the file"),
        (
            written("AVERAGE_POOL_2D", {0: Scalar("b", 0), 3: Scalar("i", 3), 4: Scalar("i", 3)}, 5),
            "stride 0, padding 0",
        ),
        (
            written(
                "AVERAGE_POOL_2D",
                {0: Scalar("b", 0), 3: Scalar("i", 3), 4: Scalar("i", 3)}
                | {1: Scalar("i", 2), 2: Scalar("i", 2)},
                5,
            ),
            "means over padded windows are not supported",
        ),
        (written("AVERAGE_POOL_2D", {0: Scalar("b", 0)}, 11), "has the options of another"),
        (written(unknown=117), "operator number 117 is not supported"),
        (written("PAD"), "the network does not fit together"),
    ],
)
def test_what_is_not_supported_is_named(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(data)
    with pytest.raises(AssetError, match=reason) as caught:
        TfliteModule(path)
    assert "\n" not in str(caught.value)


def test_a_result_of_another_shape_than_declared_is_refused(tmp_path: Path) -> None:
    data = written().replace(struct.pack("<4i", 1, 2, 2, 3), struct.pack("<4i", 1, 2, 3, 2))
    (tmp_path / "odd.tflite").write_bytes(data)
    with pytest.raises(AssetError, match=r"a result of the shape \[2, 2, 2, 3\] instead of \[1, 2, 3, 2\]"):
        TfliteModule(tmp_path / "odd.tflite")
