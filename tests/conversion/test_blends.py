import cv2
import numpy as np
import pytest

from facedouble.conversion.registry import BLENDS

HEIGHT, WIDTH = 150, 130


@pytest.fixture(scope="module")
def parts(scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part of a real frame, another face in a strong cast, and a soft round mask."""
    x, y = np.round(scene.plan[5][0].face.box.centre).astype(int)
    area = np.s_[y - HEIGHT // 2 : y + HEIGHT // 2, x - WIDTH // 2 : x + WIDTH // 2]
    old = scene.frames[5][area] / np.float32(255)
    new = np.clip(old[:, ::-1] * (0.55, 0.65, 0.7) + (0.05, 0.0, 0.0), 0, 1).astype(np.float32)
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(mask, (WIDTH // 2, HEIGHT // 2), (42, 50), 0, 0, 360, 1.0, -1)
    return old, new, cv2.GaussianBlur(mask, (0, 0), 3.0)


def joined(name: str, parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    old, _, _ = parts
    picture, alpha = BLENDS[name](*parts)
    return old + alpha[..., None] * (picture - old)


@pytest.mark.parametrize("name", BLENDS)
def test_every_blend_leaves_the_outside_and_brings_the_new_face_in(parts, name: str) -> None:
    old, new, mask = parts
    result = joined(name, parts)
    assert np.array_equal(result[mask == 0], old[mask == 0])
    centre = np.s_[HEIGHT // 2 - 15 : HEIGHT // 2 + 15, WIDTH // 2 - 15 : WIDTH // 2 + 15]

    def fine(image: np.ndarray) -> np.ndarray:
        return (image - cv2.GaussianBlur(image, (0, 0), 3))[centre].ravel()

    assert np.corrcoef(fine(result), fine(new))[0, 1] > 0.95
    same, alpha = BLENDS[name](old, old, mask)
    assert np.abs(old + alpha[..., None] * (same - old) - old).max() < 1e-5


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 9), (64, 64)])
def test_every_blend_handles_small_regions_and_masks_up_to_the_edge(name: str, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    old, new = random.random((2, *size, 3)).astype(np.float32)
    for mask in (np.ones(size, np.float32), np.zeros(size, np.float32)):
        picture, alpha = BLENDS[name](old, new, mask)
        assert picture.shape == (*size, 3)
        assert alpha.shape == size
        assert np.isfinite(picture).all()


def ring(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    solid = (mask > 0.5).astype(np.uint8)
    inner = cv2.erode(solid, np.ones((9, 9))) - cv2.erode(solid, np.ones((15, 15)))
    outer = cv2.dilate(solid, np.ones((15, 15))) - cv2.dilate(solid, np.ones((9, 9)))
    return inner > 0, outer > 0


def test_the_step_of_colour_at_the_seam_is_smaller_with_multiband_and_gone_with_seamless(parts) -> None:
    old, _, mask = parts
    inner, outer = ring(mask)

    def step(image: np.ndarray) -> float:
        real = old[inner].mean(axis=0) - old[outer].mean(axis=0)
        return float(np.abs(image[inner].mean(axis=0) - image[outer].mean(axis=0) - real).max())

    steps = {name: step(joined(name, parts)) for name in BLENDS}
    assert steps["multiband"] < 0.9 * steps["alpha"]
    assert steps["seamless"] < 0.5 * steps["alpha"]


def test_seamless_agrees_with_opencvs_poisson_cloning(parts) -> None:
    old, new, mask = parts
    solid = np.where(mask > 0.5, 255, 0).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(solid)
    centre = (left + width // 2, top + height // 2)
    eight = [np.round(image * 255).astype(np.uint8) for image in (new, old)]
    theirs = cv2.seamlessClone(eight[0], eight[1], solid, centre, cv2.NORMAL_CLONE) / 255
    inside = cv2.erode(solid, np.ones((7, 7))) > 0
    ours = joined("seamless", parts)
    apart = np.abs(ours - theirs)[inside].mean()
    assert apart < 0.02
    assert np.abs(joined("alpha", parts) - theirs)[inside].mean() > 2 * apart
