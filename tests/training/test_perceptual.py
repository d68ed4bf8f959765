"""Perceptual losses on the actors' faces as models see them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facedouble.errors import AssetError, SettingsError
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.chip import face_chip
from facedouble.faces.network_input import InputCrop
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faceset.store import Faceset
from facedouble.networks.face_descriptor import DESCRIPTOR
from facedouble.settings.recipe import DlibPerceptual, Losses, NoPerceptual, Perceptual, Recipe, VggPerceptual
from facedouble.training.perceptual import FacePerceptual, VggPerceptualLoss, chip_in_view, make_perceptual
from facedouble.video.images import read_image

CPU = torch.device("cpu")
RESOLUTION = 128


def face_loss(
    resolution: int = RESOLUTION, precision: torch.dtype = torch.float32, **weights: float
) -> FacePerceptual:
    return FacePerceptual(DlibPerceptual.read(weights), 0.7, resolution, CPU, precision)


def made(how: Perceptual) -> object:
    return make_perceptual(Recipe(losses=Losses(perceptual=how)), 64, CPU, torch.float32)


@pytest.fixture(scope="module")
def seen(extracted_pair: Path) -> tuple[torch.Tensor, torch.Tensor, list[np.ndarray]]:
    """Views (N, 3, 128, 128) of both actors, whether they are of the second (N,), and chips by each face's
    own points."""
    views, chips, right = [], [], []
    with Faceset.open(extracted_pair) as faceset:
        for face in faceset.faces():
            crop = read_image(faceset.crop_path(face))
            view = InputCrop(RESOLUTION, 0.7).alignment(np.eye(2, 3), face.crop_size)
            views.append(extract_crop(crop, view, RESOLUTION))
            points = map_points(face.alignment, face.smoothed)
            chips.append(face_chip(crop, points, LANDMARK_SCHEMES[face.scheme]))
            right.append(face.box.left > 640)  # the actors are side by side
    batch = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float() / 255
    return batch, torch.tensor(right), chips


def test_the_chip_is_that_of_the_mean_face(seen: tuple[torch.Tensor, torch.Tensor, list[np.ndarray]]) -> None:
    """Moved by a few pixels to fit those by the faces' own points best, chips hardly have to move."""
    views, _, chips = seen
    own = face_loss().chips(views)
    moves = []
    for mine, theirs in zip(own, chips, strict=True):
        planes = [
            cv2.GaussianBlur(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), (0, 0), 2)[20:130, 20:130].astype(
                np.float32
            )
            for x in ((mine.permute(1, 2, 0).numpy() * 255).astype(np.uint8), theirs)
        ]
        moves.append(cv2.phaseCorrelate(*planes)[0])
    assert np.abs(np.median(moves, axis=0)).max() < 3, moves
    scale, shift = chip_in_view(0.7)
    half, half_shift = chip_in_view(0.35)
    assert half == pytest.approx(2 * scale)
    assert half_shift == pytest.approx((2 * shift[0], 2 * shift[1]))
    assert abs(shift[0]) < 0.02, "the mean face is symmetric, and the chip's very nearly"


def test_descriptors_of_our_chips_are_near_those_of_their_own_points_and_tell_people_apart(
    seen: tuple[torch.Tensor, torch.Tensor, list[np.ndarray]],
) -> None:
    views, other, chips = seen
    loss = face_loss()
    real = torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        mine, theirs = (loss.network(chips)[DESCRIPTOR] for chips in (loss.chips(views), real))
    assert float((mine - theirs).norm(dim=1).median()) < 0.35
    means = [mine[mask].mean(dim=0) for mask in (other, ~other)]
    assert float((means[0] - means[1]).norm()) > 0.6
    for mask, own, wrong in ((other, *means), (~other, *means[::-1])):
        assert ((mine[mask] - own).norm(dim=1) < (mine[mask] - wrong).norm(dim=1)).all()


def test_it_is_small_for_the_face_itself_and_large_for_another_or_a_blur(
    seen: tuple[torch.Tensor, torch.Tensor, list[np.ndarray]],
) -> None:
    views, other, _ = seen
    a, b = views[~other][:4], views[other][:4]
    features = face_loss(identity=0.0)
    blurred = torch.nn.functional.avg_pool2d(a, 5, 1, 2)
    assert float(features(a, a)) < 1e-6
    assert 0 < float(features(blurred, a)) < float(features(b, a))
    identity = face_loss(weight=0.0, identity=1.0)
    assert float(identity(a, a)) < 0.4 < float(identity(b, a))


def test_following_its_gradient_makes_one_person_the_other(
    seen: tuple[torch.Tensor, torch.Tensor, list[np.ndarray]],
) -> None:
    views, other, _ = seen
    a, b = views[~other][:2], views[other][:2]
    loss = face_loss(identity=1.0)
    picture = a.clone().requires_grad_()
    values = []
    for _ in range(10):
        value = loss(picture, b)
        values.append(float(value.detach()))
        (slope,) = torch.autograd.grad(value, picture)
        picture = (picture - 0.01 * slope / slope.abs().max()).detach().requires_grad_()
    assert values[-1] < 0.8 * values[0], values


def test_in_mixed_precision_it_is_nearly_the_same(
    seen: tuple[torch.Tensor, torch.Tensor, list[np.ndarray]],
) -> None:
    views, other, _ = seen
    a, b = views[~other][:2], views[other][:2]
    full, mixed = (
        float(face_loss(precision=precision, identity=1.0)(b, a))
        for precision in (torch.float32, torch.bfloat16)
    )
    assert mixed == pytest.approx(full, rel=0.02)


def test_large_pictures_are_averaged_down_first(
    seen: tuple[torch.Tensor, torch.Tensor, list[np.ndarray]],
) -> None:
    """The chip of a picture four times as large, every pixel of it sixteen, is the same chip."""
    views = seen[0][:1]
    small = face_loss()
    large = face_loss(RESOLUTION * 4)
    assert small.reduction == 1
    assert large.reduction > 1
    enlarged = torch.nn.functional.interpolate(views, scale_factor=4, mode="bilinear")
    assert float((small.chips(views) - large.chips(enlarged)).abs().mean()) < 0.01


def test_vgg_is_loaded_from_a_named_file(tmp_path: Path) -> None:
    widths = {0: 4, 2: 4, 5: 8, 7: 8, 10: 8, 12: 8, 14: 8, 16: 8, 19: 8, 21: 8, 23: 8, 25: 8}
    tensors, channels = {}, 3
    for number, width in widths.items():
        tensors[f"features.{number}.weight"] = torch.randn(width, channels, 3, 3) * 0.3
        tensors[f"features.{number}.bias"] = torch.zeros(width)
        channels = width
    torch.save(tensors, tmp_path / "weights.pth")
    loss = made(VggPerceptual(weights=tmp_path / "weights.pth"))
    assert isinstance(loss, VggPerceptualLoss)
    picture = torch.rand(2, 3, 64, 64)
    assert float(loss(picture, picture)) < 1e-6 < float(loss(picture.flip(3), picture))


def test_what_is_not_known_or_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made(NoPerceptual()) is None
    with pytest.raises(SettingsError, match="none, dlib, vgg"):
        Losses.read({"perceptual": {"kind": "lpips"}})
    with pytest.raises(AssetError, match="cannot be read"):
        made(VggPerceptual(weights=tmp_path / "none.pth"))
    monkeypatch.setenv("FACEDOUBLE_CACHE", str(tmp_path))
    monkeypatch.delenv("FACEDOUBLE_MODELS", raising=False)
    with pytest.raises(AssetError, match="https://"):
        made(VggPerceptual())
