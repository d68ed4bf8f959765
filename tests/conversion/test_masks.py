import numpy as np
import pytest

from facedouble.conversion.masks import erode, feather
from facedouble.conversion.registry import MASKS
from facedouble.errors import SettingsError
from facedouble.faces.schemes.scheme import scheme_of


def disc(size: int, radius: float, centre: float | None = None) -> np.ndarray:
    middle = (size - 1) / 2 if centre is None else centre
    y, x = np.mgrid[:size, :size]
    return np.clip(radius + 0.5 - np.hypot(x - middle, y - middle), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def alphas(scene) -> dict[str, np.ndarray]:
    """The alpha of each mask on one real frame, without a soft edge."""
    return {
        name: scene.composed(mask_type=name, blur_size=0.0, output_mode="mask", learns_mask=True)[..., 0]
        > 127
        for name in MASKS
    }


def holds(scene, mask: np.ndarray) -> list[bool]:
    """Whether a mask holds the middle of eyes, nose and mouth."""
    planned = scene.plan[5][0]
    regions = scheme_of(planned.face).regions
    parts = (*(eye.contour for eye in regions.eyes), regions.nose, regions.lips)
    middles = (planned.outline[list(part)].mean(axis=0) for part in parts)
    return [bool(mask[round(float(y)), round(float(x))]) for x, y in middles]


def test_every_mask_contains_eyes_nose_and_mouth_and_differs_from_the_others(scene, alphas) -> None:
    for name, mask in alphas.items():
        assert all(holds(scene, mask)), name
    shapes = [mask.tobytes() for mask in alphas.values()]
    assert len(set(shapes)) == len(shapes)


def test_the_masks_differ_in_forehead_and_jaw(scene, alphas) -> None:
    planned = scene.plan[5][0]
    regions = scheme_of(planned.face).regions
    bridge = planned.outline[regions.nose[0]]
    chin = planned.outline[regions.jaw[len(regions.jaw) // 2]]
    up = bridge - chin
    x, y = np.round(bridge + 0.22 * up).astype(int)
    assert alphas["extended"][y, x]
    assert not alphas["facehull"][y, x]
    assert (alphas["facehull"] & ~alphas["extended"]).sum() == 0
    assert (alphas["facehullandrect"] == (alphas["facehull"] & alphas["rect"])).mean() > 0.9999
    # The chin is in the hull, not in the rectangle.
    x, y = np.round(chin + 0.1 * up).astype(int)
    assert alphas["facehull"][y, x]
    assert not alphas["facehullandrect"][y, x]


def test_the_learned_mask_is_the_models(scene, alphas) -> None:
    face = scene.plan[5][0].face
    crop_pixels = 0.8 * 0.7 * face.crop_size / 2  # the stand-in's disc
    scale = np.hypot(*face.alignment[:, 0])
    radius = np.sqrt(alphas["learned"].sum() / np.pi) * scale
    assert radius == pytest.approx(crop_pixels - 0.02 * 0.7 * face.crop_size, rel=0.05)


def test_a_model_without_a_mask_is_refused_before_the_first_frame(scene) -> None:
    for option in ("mask_type", "occlusion"):
        with pytest.raises(SettingsError, match="no learned mask"):
            scene.composed(**{option: "learned", "colour_space": "lab"})


def test_erosion_is_in_pixels_of_the_frame(scene) -> None:
    def radius(erosion: float) -> float:
        settings = {"mask_type": "learned", "blur_size": 0.0, "output_mode": "mask", "learns_mask": True}
        mask = scene.composed(erosion=erosion, **settings)[..., 0] / 255
        return float(np.sqrt(mask.sum() / np.pi))

    whole = radius(0)
    assert radius(7) == pytest.approx(whole - 7, abs=0.7)
    assert radius(-7) == pytest.approx(whole + 7, abs=0.7)
    assert radius(3.5) == pytest.approx(whole - 3.5, abs=0.7)


def test_erosion_of_parts_of_a_pixel_is_gradual() -> None:
    areas = [float(erode(disc(61, 20), radius).sum()) for radius in np.arange(-3, 3.01, 0.25)]
    steps = np.diff(areas)
    assert (steps < 0).all()
    assert steps.min() > 3 * steps.max()  # no step more than three times as large as another
    assert np.array_equal(erode(disc(61, 20), 0), disc(61, 20))


def test_a_wider_edge_is_softer_and_the_squares_border_is_never_reached(scene) -> None:
    def between(blur: float) -> float:
        mask = scene.composed(blur_size=blur, output_mode="mask")[..., 0]
        return float(((mask > 5) & (mask < 250)).mean())

    assert between(0.15) > 1.5 * between(0.08) > 3 * between(0.02)
    for width in (0, 4, 12):
        soft = feather(np.ones((100, 100), np.float32), width)
        assert soft[50, 50] == 1
        assert max(soft[0].max(), soft[:, -1].max()) == 0
        assert width == 0 or soft[1].max() < 0.02, "the square's own edge shows"
