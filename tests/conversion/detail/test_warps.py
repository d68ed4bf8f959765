"""Splines through landmarks, and the motion they leave."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facedouble.conversion.detail import flow
from facedouble.conversion.detail.spline import ThinPlateSpline, bend, grid_points


def test_a_spline_goes_through_its_points_and_leaves_the_border() -> None:
    random = np.random.default_rng(0)
    points = np.stack(np.meshgrid(*[np.linspace(0.3, 0.7, 4)] * 2), axis=-1).reshape(-1, 2).astype(np.float32)
    moved = (0.02 * random.normal(size=(16, 2))).astype(np.float32)
    field = ThinPlateSpline(points, 64).displacement(moved)
    grid = grid_points(64).reshape(64, 64, 2)
    for point, step in zip(points, moved, strict=True):
        column, row = np.round(point * 64 - 0.5).astype(int)
        assert np.abs(grid[row, column] - point).max() < 0.01
        assert field[row, column] == pytest.approx(step, abs=0.006)
    assert np.abs(field[[0, 0, -1, -1], [0, -1, 0, -1]]).max() < 0.01


def test_points_that_stay_bend_nothing() -> None:
    points = np.random.default_rng(1).random((9, 2)).astype(np.float32)
    assert np.abs(ThinPlateSpline(points, 16).displacement(np.zeros((9, 2), np.float32))).max() < 1e-6


def textured(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((flow.SIDE, flow.SIDE, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray((soft - soft.min()) / np.ptp(soft), np.float32)


def test_motion_is_found_and_bending_by_it_gives_the_picture_back() -> None:
    moving = textured()
    shift = np.array([2.0, -1.5], np.float32)
    fixed = bend(moving, np.broadcast_to(shift / flow.SIDE, (8, 8, 2)).astype(np.float32))
    found = flow.FlowEstimator()(fixed, moving)
    inside = (slice(20, -20), slice(20, -20))
    assert np.abs(found[inside] - shift).max() < 0.5
    back = bend(moving, found / np.float32(flow.SIDE))
    assert np.abs(back - fixed)[inside].mean() < 0.1 * np.abs(moving - fixed)[inside].mean()


def test_motion_that_cannot_be_is_limited() -> None:
    found = flow.FlowEstimator()(textured(0), textured(1))
    assert np.linalg.norm(found, axis=-1).max() <= 6.0 + 1e-4


def test_packed_motion_comes_back() -> None:
    noise = np.random.default_rng(2).normal(size=(flow.GRID, flow.GRID, 2))
    grid = (2.5 * noise).clip(-3, 3).astype(np.float32)
    packed = flow.pack(grid)
    assert packed.dtype == np.int8
    assert np.abs(flow.unpack(packed) * flow.SIDE - grid).max() <= 0.012
