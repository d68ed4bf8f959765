"""dlib's descriptor read into PyTorch, against dlib itself, on the actors' faces."""

from pathlib import Path

import dlib
import numpy as np
import pytest
import torch

from facedouble.errors import AssetError
from facedouble.faces.align import map_points
from facedouble.faceset.store import Faceset
from facedouble.networks.dlib_descriptor import CHIP, CHIP_PADDING, DlibDescriptorNetwork
from facedouble.networks.dlib_files import DESCRIPTOR, LANDMARKS_68, weights_file
from facedouble.networks.dlib_format import read_network
from facedouble.types import Image
from facedouble.video.images import read_image


@pytest.fixture(scope="module")
def network() -> DlibDescriptorNetwork:
    return DlibDescriptorNetwork(weights_file(DESCRIPTOR))


@pytest.fixture(scope="module")
def chips(extracted_pair: Path) -> list[Image]:
    """Chips (150, 150, 3) of both actors, as dlib cuts them."""
    found = []
    with Faceset.open(extracted_pair) as faceset:
        for face in faceset.faces()[::3]:
            points = map_points(face.alignment, face.smoothed)
            shape = dlib.full_object_detection(
                dlib.rectangle(0, 0, face.crop_size, face.crop_size),
                dlib.points([dlib.point(round(x), round(y)) for x, y in points.tolist()]),
            )
            found.append(dlib.get_face_chip(read_image(faceset.crop_path(face)), shape, CHIP, CHIP_PADDING))
    assert len(found) >= 4
    return found


def as_batch(chips: list[Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).float() / 255


def test_its_descriptors_are_dlibs(network: DlibDescriptorNetwork, chips: list[Image]) -> None:
    reference = dlib.face_recognition_model_v1(str(weights_file(DESCRIPTOR)))
    expected = np.array([reference.compute_face_descriptor(chip) for chip in chips])
    assert np.abs(network(as_batch(chips)).numpy() - expected).max() < 1e-4
    apart = np.linalg.norm(expected[0] - expected, axis=1)
    assert apart.max() > 0.6, "there must be two people among them, or any descriptor would do"


def test_gradients_reach_the_picture_and_not_the_weights(
    network: DlibDescriptorNetwork, chips: list[Image]
) -> None:
    batch = as_batch(chips[:1]).requires_grad_()
    network(batch).square().sum().backward()
    assert batch.grad is not None
    assert float(batch.grad.abs().sum()) > 0
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_features_are_of_four_levels_and_not_negative(
    network: DlibDescriptorNetwork, chips: list[Image]
) -> None:
    features, _ = network.features(as_batch(chips[:1]))
    assert [tuple(f.shape[1:]) for f in features] == [(32, 35, 35), (64, 17, 17), (128, 8, 8), (256, 4, 4)]
    assert all(float(f.min()) >= 0 for f in features)


def test_the_input_is_read_and_the_layers_in_their_order() -> None:
    mean, layers = read_network(weights_file(DESCRIPTOR))
    assert mean == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)
    assert [layer.kind for layer in layers[:4]] == ["con_4", "affine_", "relu_", "max_pool_2"]
    assert layers[0].numbers == (32, 7, 7, 2, 2, 0, 0)
    assert sum(layer.kind == "con_4" for layer in layers) == 29


def test_a_damaged_or_other_file_is_one_clear_error(tmp_path: Path) -> None:
    whole = weights_file(DESCRIPTOR).read_bytes()
    cases = {"empty": b"", "text": b"hello" * 100, "cut": whole[: len(whole) // 2], "early": whole[:0x170]}
    for name, data in cases.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(AssetError, match="damaged"):
            DlibDescriptorNetwork(file)
    other = weights_file(LANDMARKS_68)
    with pytest.raises(AssetError, match="not a network saved by dlib"):
        DlibDescriptorNetwork(other)
    with pytest.raises(AssetError, match="cannot be read"):
        DlibDescriptorNetwork(tmp_path / "none")


def test_a_network_with_a_layer_less_is_refused(tmp_path: Path) -> None:
    """Cut off just before its dense layer, all that is there can be read."""
    whole = weights_file(DESCRIPTOR).read_bytes()
    (tmp_path / "short").write_bytes(whole[: whole.rindex(b"\x01\x04fc_2")])
    with pytest.raises(AssetError, match="descriptor"):
        DlibDescriptorNetwork(tmp_path / "short")
