"""Pieces of the way from crops to masks, each by itself."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facedouble.errors import InputError, TrainingError
from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.occlusion.edges import sharpen_edges
from facedouble.occlusion.examples import make_batch
from facedouble.occlusion.hand_geometry import PALM_SIDE, Square, anchors, find_palms, square_around
from facedouble.occlusion.hands import Hand
from facedouble.occlusion.known import known_face
from facedouble.occlusion.masks import Masker, finished, prepare
from facedouble.occlusion.network import CHANNELS, SIDE, OcclusionNetwork
from facedouble.occlusion.steady import disagreement, fuse
from facedouble.occlusion.track_crop import TrackCrop
from facedouble.occlusion.training import mask_loss, teach
from facedouble.occlusion.unhidden import References, median
from facedouble.occlusion.weight_files import weights_digest
from facedouble.occlusion.weights import load_weights, save_weights
from tests.occlusion.drawn_face import drawn_face


def disc(side: int, at: tuple[float, float], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return (np.hypot(columns - at[0], rows - at[1]) < radius).astype(np.float32)


def test_edges_move_to_those_of_the_picture() -> None:
    true = disc(128, (64, 64), 30)
    picture = np.dstack([0.2 + 0.6 * true] * 3).astype(np.float32)
    blurred = np.asarray(cv2.GaussianBlur(disc(128, (65, 64), 30), (0, 0), 2.0), np.float32)
    sharp = sharpen_edges(blurred, (255 * picture).astype(np.uint8), reach=0.05)
    assert np.abs(sharp - true).mean() < 0.3 * np.abs(blurred - true).mean()
    flat = sharpen_edges(np.ones((64, 64), np.float32), np.full((64, 64, 3), 128, np.uint8))
    assert np.allclose(flat, 1)


def test_neighbours_are_moved_to_the_frame_before_they_count() -> None:
    random = np.random.default_rng(0)
    ground = cv2.GaussianBlur(random.uniform(0, 255, (256, 320, 3)).astype(np.float32), (0, 0), 3)
    ground = (255 * (ground - ground.min()) / np.ptp(ground)).astype(np.uint8)
    crops = [np.ascontiguousarray(ground[:, 8 * n : 8 * n + 256]) for n in range(3)]
    masks = [1 - disc(256, (140 - 8 * n, 128), 40) for n in range(3)]
    masks[1] = np.ones((256, 256), np.float32)  # missed in one frame
    hulls = [np.ones((256, 256), np.float32)] * 3
    fused = fuse(masks, crops, [True, True])
    inside = disc(256, (132, 128), 35) > 0
    assert fused[1][inside].mean() < 0.6
    assert fused[1][~(disc(256, (132, 128), 46) > 0)].mean() > 0.97
    assert np.array_equal(fuse(masks, crops, [False, False])[1], masks[1])
    apart = disagreement(masks, crops, hulls, [True, True])
    assert apart[1] == max(apart)


def test_what_is_inside_the_mouth_is_not_in_front_of_it() -> None:
    picture, _ = drawn_face()
    hull, mouth = disc(256, (128, 128), 90), disc(256, (128, 170), 20)
    teeth = 1 - disc(256, (128, 170), 10)
    finger = np.minimum(teeth, 1 - disc(256, (128, 205), 30))
    speck = 1 - disc(256, (100, 90), 1.5)
    for nothing in (teeth, speck, np.minimum(teeth, speck)):
        assert finished(nothing, picture, hull, mouth).min() == 255
    hidden = finished(np.minimum(finger, speck), picture, hull, mouth)
    assert hidden[195:205, 120:136].mean() < 40
    assert hidden[80:100, 90:110].min() == 255


class Counting(torch.nn.Module):
    """A network that sees something on dark crops, and counts what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        self.shown += len(given)
        bright = given[:, :3].mean(dim=(1, 2, 3), keepdim=True) > -0.3
        return torch.where(bright, 5.0, -5.0).expand(-1, 1, SIDE, SIDE)


def test_faces_between_two_that_are_clear_are_not_looked_at() -> None:
    picture, points = drawn_face()
    dark = np.zeros_like(picture)
    references = References([TrackCrop(n, picture, points) for n in range(9)], [[]] * 9)

    def seen(crops: list[np.ndarray], frames: range) -> tuple[int, list[float]]:
        network = Counting()
        masker = Masker(network, torch.device("cpu"), hands=False)  # type: ignore[arg-type]
        track = [TrackCrop(frame, crop, points) for frame, crop in zip(frames, crops, strict=True)]
        prepared = prepare(track, [[]] * len(track), references, MEDIAPIPE478)
        step = frames.step
        found = masker.follow(prepared, [step == 1] * (len(track) - 1))
        return network.shown, [float(mask.mean()) for mask in found]

    assert seen([picture] * 9, range(9))[0] == 5
    assert seen([picture] * 9, range(0, 18, 2))[0] == 9, "what lies between them is not known"
    shown, found = seen([picture] * 4 + [dark] + [picture] * 4, range(9))
    assert shown == 7, "both neighbours of the one that is hidden"
    assert [value < 0.5 for value in found] == [number == 4 for number in range(9)]
    shown, found = seen([picture] * 3 + [dark] + [picture] * 5, range(9))
    assert found[3] < 0.5, "the picture changes"


def test_a_palm_where_its_anchor_says(tmp_path: Path) -> None:
    boxes, scores = np.zeros((2016, 18), np.float32), np.full(2016, -20, np.float32)
    chosen = 1500
    scores[chosen] = 5
    boxes[chosen, 2:4] = 40
    boxes[chosen, 4:6] = (0, 20)  # wrist below the middle
    boxes[chosen, 8:10] = (0, -20)
    ((score, square),) = find_palms(boxes, scores, 0.5)
    assert score > 0.99
    assert square.turn == pytest.approx(0)
    assert square.side == pytest.approx(104)
    middle = anchors()[chosen] * PALM_SIDE
    assert np.allclose(square.centre, middle + (0, -20))
    assert find_palms(boxes, scores, 0.999) == []


def test_a_square_around_joints_is_turned_with_the_hand() -> None:
    up = np.zeros((21, 2), np.float32)
    up[:, 1] = np.linspace(0, -100, 21)
    up[:, 0] = np.tile([-20, 0, 20], 7)
    turned = np.column_stack([-up[:, 1], up[:, 0]])  # a quarter clockwise
    one, other = square_around(up), square_around(turned.astype(np.float32))
    assert other.turn - one.turn == pytest.approx(np.pi / 2, abs=1e-3)
    assert one.side == pytest.approx(other.side, rel=1e-3)
    corner = Square((50, 60), 100, 0.0).alignment(100)
    assert np.allclose(corner @ (50, 60, 1), 49.5)


def test_references_leave_hands_out_and_are_like_the_face() -> None:
    picture, points = drawn_face()
    hand = np.full((256, 256, 3), 10, np.uint8)
    sample = [TrackCrop(n, picture if n % 4 else hand, points) for n in range(24)]
    found = [[] if n % 4 else [Hand(np.full((21, 2), 100, np.float32), 1.0)] for n in range(24)]
    references = References(sample, found)
    assert np.array_equal(references.like(TrackCrop(30, hand, points)), picture)
    turned = points + (30, 0)
    other = [TrackCrop(n, 255 - picture, turned.astype(np.float32)) for n in range(24, 40)]
    both = References([*sample, *other], [*found, *[[]] * 16])
    assert np.array_equal(both.like(TrackCrop(50, hand, turned.astype(np.float32))), 255 - picture)


@pytest.mark.parametrize("count", [1, 4, 9, 10])
def test_the_median_of_crops_is_that_of_each_pixel(count: int) -> None:
    crops = np.random.default_rng(count).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)
    assert np.array_equal(median(crops), np.sort(crops, axis=0)[count // 2])


def test_weights_come_back_and_others_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = OcclusionNetwork().eval()
    path = tmp_path / "own.safetensors"
    save_weights(network, path, "a test")
    assert path.stat().st_size < 4 << 20
    again = load_weights(path)
    given = torch.rand(1, CHANNELS, SIDE, SIDE)
    with torch.inference_mode():
        assert torch.allclose(network(given), again(given), atol=0.02)
    assert weights_digest(path) != weights_digest()
    for damaged in (b"", b"\x00" * 100, path.read_bytes()[:-5], b"not weights at all, but a text"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"own\.safetensors"):
            load_weights(path)


def test_the_loss_is_nothing_for_the_mask_itself() -> None:
    visible = torch.from_numpy(disc(64, (32, 32), 20))[None, None]
    weight = torch.ones_like(visible)
    right = mask_loss((visible * 2 - 1) * 30, visible, weight)
    wrong = mask_loss((1 - visible * 2) * 30, visible, weight)
    assert right < 0.01
    assert wrong > 5


@pytest.mark.training
def test_teaching_learns_and_leaves_the_network_given_as_it_is() -> None:
    torch.manual_seed(0)
    network = OcclusionNetwork((8, 8, 8, 8))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    face = known_face(*drawn_face())
    taught = teach(network, [face], 14, batch_size=2, rate=2e-2)
    given, visible, weight = map(torch.from_numpy, make_batch([face], 4, np.random.default_rng(1)))
    with torch.no_grad():
        before_and_after = [mask_loss(one.train()(given), visible, weight) for one in (network, taught)]
    assert before_and_after[1] < 0.97 * before_and_after[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.named_parameters())


@pytest.mark.training
def test_teaching_that_diverges_ends_with_that() -> None:
    face = known_face(*drawn_face())
    with pytest.raises(TrainingError, match="the loss is nan after 1 steps"):
        teach(OcclusionNetwork((8, 8, 8, 8)), [face], 3, batch_size=2, rate=math.inf)


def test_the_shipped_network_finds_a_thing_in_front_of_a_face_it_knows() -> None:
    picture, points = drawn_face()
    shown = picture.copy()
    shown[150:230, 90:150] = (30, 90, 160)
    references = References([TrackCrop(n, picture, points) for n in range(9)], [[]] * 9)
    masker = Masker(load_weights(), torch.device("cpu"), hands=False)
    crops = [TrackCrop(0, picture, points), TrackCrop(5, shown, points)]
    clear, hidden = masker.masks(crops, masker.find_hands([picture, shown]), references, MEDIAPIPE478)
    assert (255 - clear.astype(int))[60:200, 80:180].mean() < 13
    assert hidden[160:200, 100:140].mean() < 60
