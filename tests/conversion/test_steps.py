import numpy as np
import pytest

from facedouble.config import ConvertSettings
from facedouble.conversion.blend import blend
from facedouble.conversion.patch import Patch
from facedouble.conversion.steps import COLOURS, colour_step, make_steps, mask_step, sharpen_step
from facedouble.errors import SettingsError
from facedouble.faces.align import MEAN_SHAPE, align, apply, inverse
from facedouble.faces.colour import STANDARD_DEVIATION, STANDARD_MEAN
from facedouble.types import Box, Face

SIZE = 256


def patch(frame_shift: tuple[float, float] = (100, 40), scale: float = 1.0) -> Patch:
    random = np.random.default_rng(0)
    picture = (STANDARD_MEAN + STANDARD_DEVIATION * random.normal(size=(SIZE, SIZE, 3))).astype(np.float32)
    in_frame = (MEAN_SHAPE * SIZE * scale + frame_shift).astype(np.float32)
    alignment = align(in_frame, SIZE)
    face = Face(0, 0, Box(0, 0, 9, 9), 1.0, in_frame, in_frame, alignment, SIZE)
    return Patch(
        face=face,
        picture=picture,
        mask=np.ones((SIZE, SIZE), dtype=np.float32),
        alignment=alignment,
        landmarks=apply(alignment, in_frame),
        source_colour=np.array([[0.6, 0.4, 0.3], [0.10, 0.12, 0.14]], dtype=np.float32),
        model_colour=np.array([[0.3, 0.3, 0.3], [0.05, 0.05, 0.05]], dtype=np.float32),
    )


def statistics(picture: np.ndarray) -> np.ndarray:
    pixels = picture.reshape(-1, 3)
    return np.stack([pixels.mean(axis=0), pixels.std(axis=0)])


@pytest.mark.parametrize(
    ("name", "mean_of", "deviation_of"),
    [("reinhard", "source_colour", "source_colour"), ("mean", "source_colour", "model_colour"),
     ("none", "model_colour", "model_colour")],
)  # fmt: skip
def test_colour_matching_gives_the_statistics_it_promises(name: str, mean_of: str, deviation_of: str) -> None:
    before = patch()
    after = statistics(colour_step(name)(before).picture)
    assert np.allclose(after[0], getattr(before, mean_of)[0], atol=2e-3)
    assert np.allclose(after[1], getattr(before, deviation_of)[1], atol=2e-3)


def test_every_colour_matching_is_tested() -> None:
    assert set(COLOURS) == {"reinhard", "mean", "none"}


def test_sharpening_raises_fine_detail_and_keeps_the_mean() -> None:
    before = patch()
    after = sharpen_step(0.5)(before)
    assert after.picture.std() > before.picture.std() * 1.2
    assert after.picture.mean() == pytest.approx(before.picture.mean(), abs=1e-3)
    assert sharpen_step(0)(before) is before


def test_mask_covers_the_features_and_ends_before_the_border() -> None:
    mask = mask_step(0.02, 0.08)(patch()).mask
    for point in (30, 33, 37, 44, 48, 54, 57):
        x, y = (MEAN_SHAPE[point] * SIZE).round().astype(int)
        assert mask[y, x] > 0.9, point
    assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == mask[:, -1].max() == 0
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_erosion_shrinks_negative_erosion_grows_and_feather_softens() -> None:
    def area(erosion: float, feather: float = 0.0) -> float:
        return float(mask_step(erosion, feather)(patch()).mask.sum())

    assert area(0.05) < area(0) < area(-0.05)
    hard, soft = mask_step(0, 0)(patch()).mask, mask_step(0, 0.2)(patch()).mask
    between = lambda mask: ((mask > 0.02) & (mask < 0.98)).mean()  # noqa: E731
    assert between(soft) > 4 * between(hard)


def test_blending_puts_the_picture_where_the_face_is_and_touches_nothing_else() -> None:
    item = mask_step(0.02, 0.05)(patch(frame_shift=(150, 60), scale=0.7))
    item = item.with_(picture=np.full((SIZE, SIZE, 3), (1.0, 0.0, 0.5), dtype=np.float32))
    frame = np.random.default_rng(1).integers(0, 255, (300, 480, 3), dtype=np.uint8)
    before = frame.copy()
    blend(frame, item)
    x, y = item.face.landmarks[30].round().astype(int)
    assert np.abs(frame[y, x].astype(int) - (255, 0, 128)).max() <= 1
    covered = apply(inverse(item.alignment), np.argwhere(item.mask > 0)[:, ::-1].astype(np.float32))
    left, top = np.floor(covered.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(covered.max(axis=0)).astype(int) + 2
    outside = np.ones(frame.shape[:2], dtype=bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(frame[outside], before[outside])


@pytest.mark.parametrize("shift", [(-150, 0), (400, 0), (0, -120), (0, 250), (2000, 2000)])
def test_a_face_over_the_frames_edge_or_outside_is_no_trouble(shift: tuple[float, float]) -> None:
    frame = np.full((300, 480, 3), 7, dtype=np.uint8)
    blend(frame, mask_step(0.02, 0.05)(patch(frame_shift=shift)))
    assert frame.shape == (300, 480, 3)
    if shift == (2000, 2000):
        assert (frame == 7).all()


def test_an_unknown_colour_matching_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="reinhard"):
        make_steps(ConvertSettings(colour="nonesuch"))
