"""Carrying points and masks along by the motion of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.editing.carrying import SIDE, Carried, carry
from facedouble.faces.align import align, inverse
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.layer_kinds import OCCLUSION
from facedouble.types import Alignment, Box, Grey, Image

WIDTH, HEIGHT, SIZE = 480, 360, 128
LANDMARKS = (DLIB68.mean_shape * 200 + (130, 70)).astype(np.float32)
ALIGNMENT = align(LANDMARKS, SIZE, DLIB68)
POINTS = LANDMARKS.astype(np.float64)


@dataclass(frozen=True)
class Still:
    """A grey picture."""

    luma: Grey

    @property
    def shown_size(self) -> tuple[int, int]:
        return self.luma.shape[1], self.luma.shape[0]

    def grey(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Grey:
        found = self.luma if part is None else self.luma[part.top : part.bottom, part.left : part.right]
        if size is not None:
            return cv2.resize(found, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        return np.ascontiguousarray(found)

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        return np.repeat(self.grey(part, size)[..., None], 3, axis=2)


def texture() -> Grey:
    noise = np.random.default_rng(5).normal(size=(HEIGHT, WIDTH))
    coarse, fine = cv2.GaussianBlur(noise, (0, 0), 9), cv2.GaussianBlur(noise, (0, 0), 2)
    mixed = coarse / coarse.std() * 30 + fine / fine.std() * 18 + 128
    return np.clip(mixed, 0, 255).astype(np.uint8)


def pose(step: int) -> Alignment:
    """Where the picture is at a step: it slides, turns and grows."""
    angle, scale = np.deg2rad(0.8 * step), 1 + 0.004 * step
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[a, -b], [b, a]])
    centre = np.array([230.0, 170.0])
    return np.column_stack([linear, centre - linear @ centre + np.array([1.7, -0.6]) * step])


def moving(count: int) -> list[Still]:
    base = texture()
    return [
        Still(cv2.warpAffine(base, pose(n), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT).astype(np.uint8))
        for n in range(count)
    ]


def carried(frames: Sequence[Still], mask: Grey | None = None) -> list[Carried]:
    return list(carry(frames, LANDMARKS, DLIB68, ALIGNMENT, SIZE, POINTS, mask))


def at(matrix: Alignment, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def test_points_go_with_the_picture_and_do_not_drift() -> None:
    found = carried(moving(25))
    assert len(found) == 24
    for step, result in enumerate(found, 1):
        missed = np.linalg.norm(result.points - at(pose(step), POINTS), axis=1)
        assert np.median(missed) < 0.25, step
        assert missed.max() < 1.0, step
        assert not result.unsure


def test_it_runs_backwards_as_well() -> None:
    frames = moving(8)
    there = carried(frames)[-1]
    landmarks = there.points.astype(np.float32)
    alignment = align(landmarks, SIZE, DLIB68)
    back = list(carry(frames[::-1], landmarks, DLIB68, alignment, SIZE, there.points))[-1]
    assert np.abs(back.points - POINTS).max() < 1.0


def test_a_part_that_moves_by_itself_is_followed() -> None:
    """The mouth slides down while the head stays: a jaw that opens."""
    base = texture()
    lips = LANDMARKS[48:].mean(axis=0)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    weight = np.exp(-((x - lips[0]) ** 2 + (y - lips[1]) ** 2) / (2 * 22.0**2))
    frames = [
        Still(cv2.remap(base, x, y - weight * 1.2 * n, cv2.INTER_LINEAR).astype(np.uint8)) for n in range(9)
    ]
    last = carried(frames)[-1]
    shift = last.points - POINTS
    assert shift[48:, 1].mean() > 6
    assert np.abs(shift[36:48]).max() < 0.8, "the eyes stay"


def test_it_is_unsure_where_something_comes_in_front() -> None:
    frames = moving(10)
    other = np.random.default_rng(9).integers(0, 255, (HEIGHT, WIDTH)).astype(np.uint8)
    other = cv2.GaussianBlur(other, (0, 0), 3).astype(np.uint8)
    for step in range(5, 10):
        frames[step].luma[60:330, 90:380] = np.roll(other, 31 * step, axis=1)[60:330, 90:380]
    found = carried(frames)
    assert [result.unsure for result in found[:4]] == [False] * 4
    assert found[4].unsure, "the frame on which it comes"


def test_points_outside_follow_the_others_and_count_as_lost() -> None:
    far = np.vstack([POINTS[27:48], [(-300.0, 40.0)]])
    result = list(carry(moving(4), LANDMARKS, DLIB68, ALIGNMENT, SIZE, far))[-1]
    assert np.isinf(result.error[-1])
    assert np.isfinite(result.points).all()
    assert np.linalg.norm(result.points[-1] - far[-1]) < 40
    assert result.lost < 0.1


def test_a_mask_goes_with_the_picture() -> None:
    mask = np.full((SIZE, SIZE), 255, np.uint8)
    mask[50:90, 30:70] = 0
    step = 12
    last = carried(moving(step + 1), mask)[-1]
    assert last.mask is not None
    # What the mask hides, as pixels of the frame: then and now.
    before = OCCLUSION.realign(mask, ALIGNMENT, SIZE, ALIGNMENT, SIZE)
    now = OCCLUSION.realign(last.mask, last.alignment, SIDE, ALIGNMENT, SIZE)
    frame_before = cv2.warpAffine(255 - before, inverse(ALIGNMENT), (WIDTH, HEIGHT)) > 127
    frame_now = cv2.warpAffine(255 - now, inverse(ALIGNMENT), (WIDTH, HEIGHT)) > 127
    expected = cv2.warpAffine(frame_before.astype(np.uint8), pose(step), (WIDTH, HEIGHT)) > 0
    overlap = (frame_now & expected).sum() / (frame_now | expected).sum()
    assert overlap > 0.93
