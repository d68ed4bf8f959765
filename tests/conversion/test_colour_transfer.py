import numpy as np
import pytest

from facedouble.conversion.colour_transfer import (
    ToneFit,
    fit_histogram,
    fit_mean,
    fit_tones,
    from_space,
    to_space,
)
from facedouble.conversion.registry import COLOUR_SPACES, COLOUR_TRANSFERS
from facedouble.conversion.tone_transfer import with_contrast_of
from facedouble.errors import SettingsError
from facedouble.settings.convert import Colour


@pytest.fixture(scope="module")
def pixels(scene) -> tuple[np.ndarray, np.ndarray]:
    """Colours of two real faces, and of one of them in another light."""
    box = scene.plan[5][0].face.box
    part = scene.frames[5][box.top : box.bottom, box.left : box.right].reshape(-1, 3)[::3] / np.float32(255)
    mixing = np.array([[0.7, 0.2, 0.0], [0.1, 0.7, 0.2], [0.0, 0.1, 0.9]])
    other = np.clip(part**1.4 @ mixing, 0, 1).astype(np.float32)
    return part, other


def apart(name: str, pixels: tuple[np.ndarray, np.ndarray], measure) -> float:
    drawn, wanted = pixels
    return float(np.abs(measure(COLOUR_TRANSFERS[name](drawn, wanted)(drawn)) - measure(wanted)).max())


def test_each_transfer_matches_what_it_promises(pixels) -> None:
    mean = lambda x: x.mean(axis=0)  # noqa: E731
    deviation = lambda x: x.std(axis=0)  # noqa: E731
    covariance = lambda x: np.cov(x, rowvar=False)  # noqa: E731
    tone_fit = lambda x: np.quantile(x, np.linspace(0.05, 0.95, 19), axis=0)  # noqa: E731
    for name in ("reinhard", "linear", "mkl", "histogram"):
        assert apart(name, pixels, mean) < 0.005, name
        assert apart(name, pixels, deviation) < 0.01, name
    for name in ("linear", "mkl"):
        assert apart(name, pixels, covariance) < 3e-4
    assert apart("reinhard", pixels, covariance) > 5e-4
    assert apart("histogram", pixels, tone_fit) < 0.02 < apart("mkl", pixels, tone_fit)
    drawn, wanted = pixels
    assert np.allclose(COLOUR_TRANSFERS["none"](drawn, wanted)(drawn), drawn)
    assert np.allclose(mean(fit_mean(drawn, wanted)(drawn)), mean(wanted), atol=1e-4)
    assert np.allclose(deviation(fit_mean(drawn, wanted)(drawn)), deviation(drawn), atol=1e-4)


def chroma(colours: np.ndarray) -> float:
    """Deviation of what is left of colours without their grey."""
    return float((colours - colours.mean(axis=1, keepdims=True)).std(axis=0).mean())


def test_in_a_nearly_grey_shot_of_strong_contrast_the_face_becomes_as_grey(pixels) -> None:
    drawn, _ = pixels
    grey = drawn.mean(axis=1, keepdims=True)
    wanted = 0.4 + 2 * (grey - grey.mean()) + 0.1 * (drawn - grey)
    default = COLOUR_TRANSFERS[Colour().kind](drawn, wanted)(drawn)
    assert chroma(default) == pytest.approx(chroma(wanted), rel=0.25)
    assert chroma(COLOUR_TRANSFERS["reinhard"](drawn, wanted)(drawn)) > 3 * chroma(default)


def test_of_all_linear_maps_mkl_changes_colours_least(pixels) -> None:
    drawn, wanted = pixels
    cost = {
        name: float(((COLOUR_TRANSFERS[name](drawn, wanted)(drawn) - drawn) ** 2).mean())
        for name in ("mkl", "linear")
    }
    assert cost["mkl"] <= cost["linear"]


@pytest.mark.parametrize("name", COLOUR_TRANSFERS)
def test_every_transfer_handles_a_face_of_one_colour(name: str) -> None:
    flat = np.full((100, 3), 0.5, np.float32)
    result = COLOUR_TRANSFERS[name](flat, np.full((100, 3), 0.3, np.float32))(flat)
    assert np.isfinite(result).all()
    if name != "none":
        assert np.allclose(result, 0.3, atol=0.01)


def test_curves_rise_and_are_extrapolated(pixels) -> None:
    change = fit_histogram(*pixels)
    ramp = np.repeat(np.linspace(-0.3, 1.3, 200)[:, None], 3, axis=1).astype(np.float32)
    result = change(ramp)
    assert (np.diff(result, axis=0) >= 0).all()
    assert np.allclose(np.diff(result[:20], axis=0), np.diff(ramp[:20], axis=0), atol=1e-5)


def test_colour_spaces_are_invertible_and_unknown_ones_refused(pixels) -> None:
    for space in COLOUR_SPACES:
        assert np.allclose(from_space(space, to_space(space, pixels[0])), pixels[0], atol=2e-3)
    base = np.array([[0.5] * 3, [0.1] * 3], np.float32)
    with pytest.raises(SettingsError, match=r"nonesuch.*rgb"):
        fit_tones([COLOUR_TRANSFERS["mkl"]], "nonesuch", base, base, *pixels)


@pytest.mark.parametrize("space", COLOUR_SPACES)
@pytest.mark.parametrize("name", COLOUR_TRANSFERS)
def test_tones_follow_the_light_of_the_frame(pixels, space: str, name: str) -> None:
    standard = ((pixels[0] - pixels[0].mean(axis=0)) / pixels[0].std(axis=0) * 0.18 + 0.5).astype(np.float32)
    light = np.stack([pixels[1].mean(axis=0), pixels[1].std(axis=0)])
    tone_fit = fit_tones([COLOUR_TRANSFERS[name]], space, light, light, standard, pixels[1])
    now = light * np.float32(0.7)
    result = tone_fit(standard, now)
    assert np.allclose(result.mean(axis=0), now[0], atol=0.02)
    assert np.allclose(result.std(axis=0), now[1], atol=0.03)


def test_contrast_is_deviation_over_mean_and_shared_between_two_people(pixels) -> None:
    flat = (0.8 + 0.1 * (pixels[0] - pixels[0].mean(axis=0))).astype(np.float32)
    strong = (0.4 + (pixels[1] - pixels[1].mean(axis=0)) * 0.15).astype(np.float32)

    def contrast(colours: np.ndarray) -> float:
        return float(colours.mean(axis=1).std() / colours.mean())

    ratio = contrast(flat) / contrast(strong)
    assert 0.5 > ratio, "so different that only the camera explains it"
    for share, expected in ((0.0, 1.0), (1.0, 0.5), (0.5, np.sqrt(0.5))):
        found = with_contrast_of(flat, strong, share)
        assert contrast(found) == pytest.approx(expected * contrast(strong), rel=1e-3)
        assert np.allclose(found.mean(axis=0), strong.mean(axis=0), atol=1e-4), "colours stay"
    assert np.array_equal(with_contrast_of(2 * strong, strong, 1.0), strong), "more light is no contrast"


def test_a_fit_without_transfers_is_its_base_in_any_light() -> None:
    base = np.array([[0.3, 0.4, 0.5], [0.1, 0.1, 0.2]], np.float32)
    picture = np.random.default_rng(0).normal(0.5, 0.18, (40, 40, 3)).astype(np.float32)
    result = ToneFit(base)(picture, base * 2)
    assert np.allclose(result.reshape(-1, 3).mean(axis=0), base[0], atol=0.01)


def test_on_a_real_frame_the_new_face_takes_on_the_colours_of_the_old(scene) -> None:
    frame = scene.frames[5].astype(float)
    inside = scene.composed(mask_type="facehull", erosion=4.0, output_mode="mask")[..., 0] == 255
    old = frame[inside]

    def new(colour_contrast: float | None = 1.0, **settings) -> np.ndarray:
        if colour_contrast is not None:
            settings["colour_contrast"] = colour_contrast
        return scene.composed(detail="none", **settings)[inside].astype(float)

    raw = new(None, colour="none")
    assert np.abs(raw.mean(axis=0) - old.mean(axis=0)).max() > 25
    for name in ("reinhard", "linear", "mkl", "histogram"):
        for space in COLOUR_SPACES:
            matched = new(colour=name, colour_space=space)
            assert np.abs(matched.mean(axis=0) - old.mean(axis=0)).max() < 8, (name, space)
            assert np.abs(matched.std(axis=0) / old.std(axis=0) - 1).max() < 0.25, (name, space)
    spread = [new(contrast).mean(axis=1).std() for contrast in (0.0, 0.5, 1.0)]
    assert spread[0] != pytest.approx(spread[2], rel=0.05)
    assert spread[1] == pytest.approx(np.sqrt(spread[0] * spread[2]), rel=0.05), "half of the way"
    curved = new(colour="none", match_histogram=True)
    deciles = np.linspace(0.1, 0.9, 9)
    gap = np.abs(np.quantile(curved, deciles, axis=0) - np.quantile(old, deciles, axis=0))
    assert gap.mean() < 6
    adjusted = new(None, converter="adjust")
    assert np.abs(adjusted.mean(axis=0) - old.mean(axis=0)).max() < 15
    plain = new(None, converter="adjust", average_colour=False)
    assert np.abs(plain.mean(axis=0) - old.mean(axis=0)).max() > 25
