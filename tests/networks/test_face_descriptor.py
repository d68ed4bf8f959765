"""dlib's face descriptor as it ships, against dlib itself, on the actors' faces."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facedouble.errors import AssetError
from facedouble.faces.chip import CHIP, chip_alignment, face_chip, five_points
from facedouble.faces.identity import SAME_PERSON, DlibDescriptor
from facedouble.faces.registry import DEFAULT_SCHEME, LANDMARK_SCHEMES
from facedouble.faceset.store import Faceset
from facedouble.networks.dlib_extra import LANDMARKS_68, weights_file
from facedouble.networks.face_descriptor import (
    DESCRIPTOR,
    DESCRIPTOR_FILE,
    LEVELS,
    face_descriptor,
)
from facedouble.networks.shipped import SHA256, shipped_module
from facedouble.types import Image, Landmarks
from facedouble.video.source import open_source
from scripts.convert_dlib_descriptor import SOURCE, convert
from scripts.dlib_format import read_network

dlib = pytest.importorskip("dlib")
SCHEME = LANDMARK_SCHEMES[DEFAULT_SCHEME]


@pytest.fixture(scope="module")
def faces(extracted_pair: Path, pair_frames: Path) -> list[tuple[Image, Landmarks]]:
    """Frames with both actors, and where a face's points are in them."""
    frames = [frame.rgb() for frame in open_source(pair_frames).frames()]
    with Faceset.open(extracted_pair) as faceset:
        assert {face.scheme for face in faceset.faces()} == {SCHEME.name}
        return [(frames[face.frame_index], face.smoothed) for face in faceset.faces()[::3]]


@pytest.fixture(scope="module")
def chips(faces: list[tuple[Image, Landmarks]]) -> list[Image]:
    """Chips (150, 150, 3) as dlib cuts them by five points."""
    return [dlib.get_face_chip(image, dlib_shape(points), CHIP, 0.25) for image, points in faces]


def dlib_shape(landmarks: Landmarks) -> Any:
    points = [dlib.point(round(x), round(y)) for x, y in five_points(landmarks, SCHEME).tolist()]
    return dlib.full_object_detection(dlib.rectangle(0, 0, 10, 10), dlib.points(points))


def as_batch(chips: list[Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).float() / 255


def by_dlib(chips: list[Image]) -> np.ndarray:
    network = dlib.face_recognition_model_v1(str(weights_file(SOURCE)))
    return np.array([network.compute_face_descriptor(chip) for chip in chips])


def test_descriptors_of_one_chip_are_dlibs(chips: list[Image]) -> None:
    expected = by_dlib(chips)
    ours = face_descriptor()(as_batch(chips))[DESCRIPTOR].numpy()
    assert np.linalg.norm(ours - expected, axis=1).max() < 0.002
    apart = np.linalg.norm(expected[0] - expected, axis=1)
    assert apart.max() > SAME_PERSON, "there must be two people among them, or any descriptor would do"


def test_chips_and_their_descriptors_are_like_dlibs(
    faces: list[tuple[Image, Landmarks]], chips: list[Image]
) -> None:
    expected = by_dlib(chips)
    images, landmarks = [image for image, _ in faces], [points for _, points in faces]
    found = np.array(DlibDescriptor().describe(images, landmarks, SCHEME))
    distances = np.linalg.norm(found - expected, axis=1)
    assert np.median(distances) < 0.06
    assert distances.max() < 0.12
    moved = chip_alignment(landmarks[0] + np.float32(2), SCHEME)
    other = DlibDescriptor().describe(images[:1], [landmarks[0] + 12], SCHEME)[0]
    assert np.linalg.norm(other - expected[0]) > 2 * distances[0], "another place gives another descriptor"
    assert moved[:, 2] == pytest.approx(
        chip_alignment(landmarks[0], SCHEME)[:, 2] - 2 * moved[:, :2].sum(axis=1), abs=1e-3
    )
    ours = face_chip(images[0], landmarks[0], SCHEME)
    assert np.abs(ours.astype(int) - chips[0]).mean() < 6


def test_nothing_is_described_without_faces() -> None:
    assert DlibDescriptor().describe([], [], SCHEME) == []


def test_gradients_reach_the_picture_and_not_the_weights(chips: list[Image]) -> None:
    network = face_descriptor()
    batch = as_batch(chips[:1]).requires_grad_()
    network(batch)[DESCRIPTOR].square().sum().backward()
    assert batch.grad is not None
    assert float(batch.grad.abs().sum()) > 0
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_a_network_loaded_during_inference_gives_gradients_later() -> None:
    shipped_module.__globals__["_module"].cache_clear()
    with torch.inference_mode():
        network = face_descriptor()
    chip = torch.rand(1, 3, CHIP, CHIP, requires_grad=True)
    network(chip)[DESCRIPTOR].sum().backward()
    assert chip.grad is not None


def test_features_are_of_four_levels_and_not_negative(chips: list[Image]) -> None:
    outputs = face_descriptor()(as_batch(chips[:1]))
    features = [outputs[name] for name in LEVELS]
    assert [tuple(f.shape[1:]) for f in features] == [(35, 35, 32), (17, 17, 64), (8, 8, 128), (4, 4, 256)]
    assert all(float(f.min()) >= 0 for f in features)


def test_the_shipped_file_is_made_from_dlibs() -> None:
    assert hashlib.sha256(convert(weights_file(SOURCE))).hexdigest() == SHA256[DESCRIPTOR_FILE]


def test_the_input_is_read_and_the_layers_in_their_order() -> None:
    mean, layers = read_network(weights_file(SOURCE))
    assert mean == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)
    assert [layer.kind for layer in layers[:4]] == ["con_4", "affine_", "relu_", "max_pool_2"]
    assert layers[0].numbers == (32, 7, 7, 2, 2, 0, 0)
    assert sum(layer.kind == "con_4" for layer in layers) == 29


def test_a_damaged_or_other_file_is_one_clear_error(tmp_path: Path) -> None:
    whole = weights_file(SOURCE).read_bytes()
    cases = {"empty": b"", "text": b"hello" * 100, "cut": whole[: len(whole) // 2], "early": whole[:0x170]}
    for name, data in cases.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(AssetError, match="damaged"):
            read_network(file)
    with pytest.raises(AssetError, match="not a network saved by dlib"):
        read_network(weights_file(LANDMARKS_68))
    with pytest.raises(AssetError, match="cannot be read"):
        read_network(tmp_path / "none")
