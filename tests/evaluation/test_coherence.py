"""Coherence: what is torn or double is far from real frames; what is soft or sharpened is not."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from facedouble.evaluation import coherence
from facedouble.evaluation.appearance import face_patches, load_appearance
from facedouble.evaluation.coherence import REGIONS, RealPatches, all_patches, collect, structure
from facedouble.faces.align import map_points
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset

from .conftest import Material

MOUTH, EYES, SKIN = range(3)
Change = Callable[[np.ndarray, np.ndarray], np.ndarray]


def blurred(crop: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(crop, (0, 0), sigma)


def sharpened(crop: np.ndarray, amount: float) -> np.ndarray:
    wide = crop.astype(np.float32)
    return np.clip(wide + amount * (wide - cv2.GaussianBlur(wide, (0, 0), 2)), 0, 255).astype(np.uint8)


def torn(crop: np.ndarray, points: np.ndarray) -> np.ndarray:
    """One half of the mouth, slipped upwards."""
    lips = points[[61, 291, 0, 17]]  # corners, top and bottom of the lips
    (left, top), (right, bottom) = (
        np.rint(lips.min(axis=0) - 6).astype(int),
        np.rint(lips.max(axis=0) + 6).astype(int),
    )
    middle, slip = (left + right) // 2, (bottom - top) // 4
    result = crop.copy()
    result[top:bottom, middle:right] = crop[top + slip : bottom + slip, middle:right]
    return result


@pytest.fixture(scope="module")
def own(material: Material) -> Callable[[Change], np.ndarray]:
    """The mean distances, region by region, of every second frame of B, changed, from the others."""
    with Faceset.open(material.target) as store:
        faces = store.faces()
        crops = [store.read_crop(face) for face in faces]
    scheme = scheme_of(faces[0])
    points = [map_points(face.alignment, face.smoothed) for face in faces]
    view = coherence.CROP.alignment(np.eye(2, 3), faces[0].crop_size)
    whole = load_appearance([material.target]).patches
    shifts = whole.patches.shape[1] // len(faces)
    kept = np.arange(whole.patches.shape[1]) // shifts % 2 == 0
    real = RealPatches(whole.patches[:, kept], whole.squares[:, kept], whole.region, whole.usual)

    def distances(change: Change) -> np.ndarray:
        found = [
            real.distances(face_patches(change(crop, at), view, at, scheme))
            for crop, at in zip(crops[1::2], points[1::2], strict=True)
        ]
        return np.mean(found, axis=0)

    return distances


def test_a_torn_mouth_is_far_and_the_rest_is_not(own: Callable[[Change], np.ndarray]) -> None:
    whole, broken = own(lambda crop, _: crop), own(torn)
    assert broken[MOUTH] > 1.4 * whole[MOUTH]
    assert broken[EYES] == pytest.approx(whole[EYES], rel=0.2)


def test_a_ghost_of_somebody_else_is_far_everywhere(
    own: Callable[[Change], np.ndarray], material: Material
) -> None:
    with Faceset.open(material.faceset) as store:
        other = store.read_crop(store.faces()[0])
    whole, double = own(lambda crop, _: crop), own(lambda crop, _: cv2.addWeighted(crop, 0.5, other, 0.5, 0))
    assert (double > 1.4 * whole).all()


@pytest.mark.parametrize("sigma", [0.7, 1.2, 2.0])
def test_blurring_does_not_help(own: Callable[[Change], np.ndarray], sigma: float) -> None:
    whole, soft = own(lambda crop, _: crop), own(lambda crop, _: blurred(crop, sigma))
    assert (soft > 0.88 * whole).all()
    assert own(lambda crop, at: blurred(torn(crop, at), sigma))[MOUTH] > 1.3 * soft[MOUTH]


@pytest.mark.parametrize("amount", [0.7, 1.5, 3.0])
def test_sharpening_does_not_help(own: Callable[[Change], np.ndarray], amount: float) -> None:
    whole, sharp = own(lambda crop, _: crop), own(lambda crop, _: sharpened(crop, amount))
    assert (sharp > 0.95 * whole).all()


def test_structure_does_not_depend_on_contrast_and_brightness() -> None:
    random = np.random.default_rng(1)
    crop = np.repeat(cv2.GaussianBlur(random.normal(128, 60, (96, 96)), (0, 0), 1.2)[..., None], 3, 2)
    mask = np.ones((96, 96), dtype=np.float32)
    plain = structure(np.clip(crop, 0, 255).astype(np.uint8), mask)
    faint = structure(np.clip(60 + 0.5 * crop, 0, 255).astype(np.uint8), mask)
    assert np.corrcoef(plain.ravel(), faint.ravel())[0, 1] > 0.99
    assert faint.std() == pytest.approx(plain.std(), rel=0.02)


def frames_of(pictures: list[np.ndarray]) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    centres = {name: np.array([(30, 20 + 20 * number)], np.float32) for number, name in enumerate(REGIONS)}
    yield from ((picture, centres) for picture in pictures)


def test_a_copy_is_at_no_distance_and_other_moments_make_what_is_usual() -> None:
    random = np.random.default_rng(2)
    pictures = [random.normal(0, 1, (80, 60)).astype(np.float32) for _ in range(6)]
    real = collect(list(frames_of(pictures)), [0] * 6, range(6))
    for picture, centres in frames_of(pictures):
        assert real.distances(all_patches(picture, centres)) == pytest.approx(0, abs=1e-5)
    assert (real.usual > 0.6).all()  # pictures of noise have nothing in common
    same = collect(list(frames_of([pictures[0]] * 6)), [0] * 6, range(6))
    assert same.usual == pytest.approx([0.08, 0.08, 0.03])  # the least that people have


def test_what_is_usual_is_measured_between_clips_where_there_are_several() -> None:
    random = np.random.default_rng(2)
    first, second = (random.normal(0, 1, (80, 60)).astype(np.float32) for _ in range(2))
    between = collect(list(frames_of([first] * 3 + [second] * 3)), [0, 0, 0, 1, 1, 1], range(6))
    assert (between.usual > 0.6).all()
