"""What is in front of a face is left out of account in every measure."""

from __future__ import annotations

import numpy as np
import pytest

from facedouble.evaluation import coherence, octaves, seam
from facedouble.faces.schemes.dlib68 import DLIB68

SIDE = 192


@pytest.fixture
def points() -> np.ndarray:
    return (DLIB68.mean_shape * SIDE).astype(np.float32)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 190, (SIDE, SIDE, 3)).astype(np.uint8)


def test_a_seam_under_a_hand_does_not_count(points: np.ndarray) -> None:
    source = np.full((SIDE, SIDE, 3), 120, np.uint8)
    distance = seam.outline_distance(points, SIDE, DLIB68)
    clean, lighter = source.copy(), source.copy()
    left = np.arange(SIDE)[None] < SIDE // 2
    lighter[(distance < 0) & left] += 60  # an edge around the left half alone
    seen = np.repeat(~left, SIDE, axis=0)
    seen[:, : SIDE // 2 + 12] = False
    for of in (seam.gradient_step, seam.ring_step):
        whole, right = of(lighter, source, distance), of(lighter, source, distance, seen)
        assert right == pytest.approx(of(clean, source, distance), abs=0.05)
        assert of(lighter, source, distance, ~seen) > max(2.0, whole)
        assert of(lighter, source, distance, np.zeros_like(seen)) == 0


def test_detail_of_a_hand_is_not_the_faces(points: np.ndarray) -> None:
    face = np.full((SIDE, SIDE, 3), 120, np.uint8)
    covered = face.copy()
    covered[: SIDE // 2] = noise(0)[: SIDE // 2]
    size = octaves.CROP.resolution
    to_crop = np.array([[size / SIDE, 0, 0], [0, size / SIDE, 0]])
    visible = np.ones((size, size), np.float32)
    visible[: size // 2 + 12] = 0
    whole = octaves.face_octaves(covered, to_crop, points, DLIB68)
    seen = octaves.face_octaves(covered, to_crop, points, DLIB68, visible)
    assert (seen < 0.05 * whole).all()


def test_covered_patches_are_in_no_region(points: np.ndarray) -> None:
    side = coherence.CROP.resolution
    placed = np.asarray(points * side / SIDE, np.float32)
    centres = coherence.patch_centres(placed, DLIB68)
    pictures = [np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32) for seed in range(3)]
    real = coherence.collect([(picture, centres) for picture in pictures], [0, 0, 0], [0, 1, 2])
    torn = pictures[0].copy()
    torn[side // 2 :] = np.random.default_rng(9).normal(size=(side - side // 2, side))
    visible = np.ones((side, side), np.float32)
    visible[side // 2 :] = 0
    seen = coherence.seen_places(visible, placed, DLIB68)
    own = coherence.all_patches(torn, centres)
    whole, part = real.distances(own), real.distances(own, seen=seen)
    mouth, eyes, skin = range(3)
    assert np.isnan(part[mouth])
    assert part[eyes] == pytest.approx(0, abs=1e-5)
    assert part[skin] < 0.2 * whole[skin]
