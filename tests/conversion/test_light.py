"""The light on the performer's face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facedouble.conversion.light import TERMS, fit_light, gain, lit, without_light
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.store import Faceset

_SIDE = 32


def face_weights() -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
    return np.asarray((x / 0.7) ** 2 + (y / 0.9) ** 2 < 1, dtype=np.float32)


def test_light_from_one_side_is_found_whatever_the_face_looks_like() -> None:
    usual = np.random.default_rng(0).normal(0, 0.4, (_SIDE, _SIDE)).astype(np.float32)
    light = np.array([0, 0.8, -0.1, -0.2, 0, 0.1], np.float32)
    seen = usual + np.log(gain(light, _SIDE)[..., 0]) + 0.3
    found = fit_light(seen, usual, face_weights())
    assert found[1:] == pytest.approx(light[1:], abs=0.03)
    inside = face_weights() > 0
    assert np.log(gain(found, _SIDE)[..., 0])[inside].mean() == pytest.approx(0, abs=0.01)


def test_what_pose_and_expression_make_of_the_same_light_is_left() -> None:
    usual = np.zeros((_SIDE, _SIDE), np.float32)
    seen = np.log(gain(np.array([0, 0.1, 0.1, 0, 0, 0], np.float32), _SIDE)[..., 0])
    assert not fit_light(seen, usual, face_weights()).any()


def test_a_crop_without_its_light_is_the_crop_in_the_usual_light() -> None:
    crop = np.random.default_rng(1).integers(20, 120, (64, 64, 3)).astype(np.uint8)
    light = np.array([0, 0.5, 0.2, 0, 0, 0], np.float32)
    there = np.clip(crop * gain(light, 64) + 0.5, 0, 255).astype(np.uint8)
    assert np.abs(without_light(there, light).astype(int) - crop).max() <= 2
    assert without_light(crop, np.zeros(TERMS, np.float32)) is crop


def test_the_light_of_a_track_is_taken_off_its_colours(scene) -> None:
    faces = [planned for index in sorted(scene.plan) for planned in scene.plan[index]]
    view = InputCrop(32, 0.7)
    with Faceset.open(scene.faceset) as store:
        usual = np.zeros((_SIDE, _SIDE), np.float32)
        usual += np.linspace(-1.5, 1.5, _SIDE, dtype=np.float32)[None]  # they are lit from the left, then
        changed = lit(faces, store, view, usual)
        assert lit(changed, store, view, usual) == changed, "once is enough"
    for before, after in zip(faces, changed, strict=True):
        assert after.light[1] < -0.5
        assert (after.statistics != before.statistics).any()
        assert replace(after, light=before.light, statistics=before.statistics) == before
