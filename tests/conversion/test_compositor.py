"""What holds for every mask, colour transfer, sharpener, blend and output mode, on real frames."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facedouble.conversion.compositor import Compositor
from facedouble.conversion.registry import (
    BLENDS,
    COLOUR_SPACES,
    COLOUR_TRANSFERS,
    MASKS,
    OUTPUT_MODES,
    SHARPENERS,
)
from facedouble.conversion.swapper import DrawnFace
from facedouble.errors import SettingsError
from facedouble.faces.align import inverse
from facedouble.faces.network_input import InputCrop
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options

REGISTRIES = {
    "converter": ("masked", "adjust"),
    "mask_type": MASKS,
    "colour": COLOUR_TRANSFERS,
    "colour_space": COLOUR_SPACES,
    "detail": ("real", "sharpen", "none"),
    "sharpener": SHARPENERS,
    "blend": BLENDS,
    "occlusion": ("none", "learned", "auto"),
    "output_mode": OUTPUT_MODES,
}
ENTRIES = [(option, name) for option, registry in REGISTRIES.items() for name in registry]


def chosen(option: str, name: str) -> dict[str, str]:
    """The options that choose an entry."""
    return {option: name, **({"detail": "sharpen"} if option == "sharpener" else {})}


def view_area(scene, index: int = 5) -> np.ndarray:
    """The pixels of a frame that the model's square covers."""
    face = scene.plan[index][0].face
    alignment = InputCrop(96, 0.7).alignment(face.alignment, face.crop_size)
    height, width = scene.frames[index].shape[:2]
    ones = np.ones((96, 96), np.uint8)
    return cv2.warpAffine(ones, inverse(alignment), (width, height), flags=cv2.INTER_NEAREST) > 0


@pytest.mark.parametrize(("option", "name"), ENTRIES)
@pytest.mark.parametrize("bits", [8, 16])
def test_every_entry_paints_the_face_and_nothing_else(scene, option: str, name: str, bits: int) -> None:
    settings = chosen(option, name)
    result = scene.composed(learns_mask=True, bits=bits, **settings)
    mask = scene.composed(learns_mask=True, bits=bits, **{**settings, "output_mode": "mask"})[..., 0]
    frame = scene.frames[5] if bits == 8 else scene.frames[5].astype(np.uint16) * np.uint16(257)
    output = OUTPUT_MODES[settings.get("output_mode", "composite")]
    height, width = frame.shape[:2]
    assert result.shape == (height, width * output.width_factor, output.channels)
    assert result.dtype == frame.dtype
    assert 0.01 < (mask > 0).mean() < 0.5
    assert not mask[~view_area(scene)].any()
    if output is OUTPUT_MODES["composite"]:
        assert np.array_equal(result[mask == 0], frame[mask == 0])
        changed = np.abs(result[mask > 0].astype(float) - frame[mask > 0]).mean()
        assert changed > (2 if bits == 8 else 2 * 257)


@pytest.mark.parametrize(("option", "name"), ENTRIES)
def test_sixteen_bits_show_what_eight_bits_show_only_finer(scene, option: str, name: str) -> None:
    eight = scene.composed(learns_mask=True, **chosen(option, name)).astype(float)
    sixteen = scene.composed(learns_mask=True, bits=16, **chosen(option, name))
    assert len(np.unique(sixteen[::5])) > len(np.unique(eight))
    sixteen = sixteen / 257
    if eight.shape[2] == 4:  # colours of what is hardly there are not well determined
        eight, sixteen = eight * (eight[..., 3:] > 99), sixteen * (eight[..., 3:] > 99)
    assert np.abs(sixteen - eight).max() <= 3
    assert np.abs(sixteen - eight).mean() < 0.3


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    for option, registry in REGISTRIES.items():
        with pytest.raises(SettingsError, match="nonesuch.*" + next(iter(registry))):
            from_options(ConvertSettings, **chosen(option, "nonesuch"))
    with pytest.raises(SettingsError, match="exclude"):
        from_options(ConvertSettings, seamless=True, blend="multiband")


def test_frames_may_come_in_any_order(scene) -> None:
    how, swapper = ConvertSettings(), scene.swapper()
    plan = scene.fit(swapper, how).faces
    compositor = Compositor(how, swapper)

    def composed(index: int) -> np.ndarray:
        drawn = scene.drawn(swapper, scene.frames[index], plan[index])
        return compositor.compose(scene.frames[index], list(zip(plan[index], drawn, strict=True)))

    forwards = [composed(index) for index in (3, 4, 5)]
    backwards = [composed(index) for index in (5, 4, 3)]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(one, other)


def test_a_frame_without_faces_is_what_each_mode_shows_of_none(scene) -> None:
    frame, swapper = scene.frames[0], scene.swapper()
    shown = {
        name: Compositor(from_options(ConvertSettings, output_mode=name), swapper).compose(frame, [])
        for name in OUTPUT_MODES
    }
    assert np.array_equal(shown["composite"], frame)
    assert np.array_equal(shown["side-by-side"], np.hstack([frame, frame]))
    assert shown["rgba"].shape == (*frame.shape[:2], 4)
    for name in ("face", "mask", "rgba"):
        assert not shown[name].any()


@pytest.mark.parametrize("blend", BLENDS)
def test_face_and_alpha_laid_over_the_frame_give_the_composite(scene, blend: str) -> None:
    rgba = scene.composed(output_mode="rgba", blend=blend, bits=16)
    composite = scene.composed(blend=blend, bits=16)
    alpha = rgba[..., 3:] / 65535
    over = rgba[..., :3] * alpha + scene.frames[5] * 257.0 * (1 - alpha)
    assert np.abs(over - composite).max() < 3
    face = scene.composed(output_mode="face", blend=blend, bits=16)
    assert np.abs(rgba[..., :3] * alpha - face).max() < 3
    side = scene.composed(output_mode="side-by-side", blend=blend, bits=16)
    assert np.array_equal(side[:, composite.shape[1] :], composite)


def test_seamless_is_short_for_a_blend(scene) -> None:
    assert np.array_equal(scene.composed(seamless=True), scene.composed(blend="seamless"))


def test_a_matte_keeps_what_is_black_in_it(scene) -> None:
    frame = scene.frames[5]
    matte = np.zeros(frame.shape[:2], np.uint8)
    x, y = np.round(scene.plan[5][0].face.box.centre).astype(int)
    matte[y:, :x], matte[:y, :x] = 255, 128
    result, whole = scene.composed(matte=matte), scene.composed()
    assert np.array_equal(result[:, x:], frame[:, x:])
    assert np.array_equal(result[y:, :x], whole[y:, :x])
    half = (whole[:y, :x].astype(float) + frame[:y, :x]) / 2
    assert np.abs(result[:y, :x] - half).max() < 2


@pytest.mark.parametrize("shift", [(-300, 0), (950, 0), (0, -150), (0, 150), (3000, 3000), (-3000, 10)])
def test_a_face_may_cross_the_frames_edge_or_lie_outside(scene, shift: tuple[int, int]) -> None:
    swapper, frame = scene.swapper(), scene.frames[5]
    moved = scene.plan[5][0].relative_to(-shift[0], -shift[1])
    drawn = scene.drawn(swapper, frame, [moved])[0]
    for mode, blend in itertools.product(OUTPUT_MODES, BLENDS):
        compositor = Compositor(from_options(ConvertSettings, output_mode=mode, blend=blend), swapper)
        result, empty = compositor.compose(frame, [(moved, drawn)]), compositor.compose(frame, [])
        assert np.array_equal(result, empty) == (3000 in np.abs(shift)), (mode, blend)


@pytest.mark.parametrize("resolution", [32, 96, 384])
def test_the_picture_is_as_fine_as_model_and_frame_allow(scene, resolution: int) -> None:
    swapper, frame, item = scene.swapper(resolution), scene.frames[5], scene.plan[5][0]
    y, x = np.mgrid[:resolution, :resolution] / resolution
    waves = 0.5 + 0.4 * np.sin(2 * np.pi * 6 * x) * np.sin(2 * np.pi * 6 * y)
    picture = np.repeat(waves[..., None], 3, axis=2).astype(np.float32)
    compositor = Compositor(from_options(ConvertSettings, detail="none", output_mode="rgba"), swapper)
    rgba = compositor.compose(frame, [(item, DrawnFace(picture, None))])
    seen = rgba[..., 1][rgba[..., 3] == 255].astype(float)
    contrast = item.statistics[1, 1] / 0.18 * 255
    assert seen.std() == pytest.approx(waves.std() * contrast, rel=0.15)


@pytest.mark.parametrize("turn", [90, 180, 37])
def test_a_turned_face_comes_back_turned(scene, turn: int) -> None:
    frame, item = scene.frames[5], scene.plan[5][0]
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D(item.face.box.centre, turn, 1.0)

    def turned(image: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC)

    def along(points: np.ndarray) -> np.ndarray:
        return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)

    back = np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))
    alignment = (np.vstack([item.face.alignment, (0, 0, 1)]) @ back)[:2]
    face = item.face.with_(smoothed=along(item.face.smoothed), alignment=alignment, rotation=turn)
    there = replace(item, face=face, outline=along(item.outline))
    swapper = scene.swapper()
    compositor = Compositor(ConvertSettings(), swapper)
    upright = compositor.compose(frame, [(item, scene.drawn(swapper, frame, [item])[0])])
    drawn = scene.drawn(swapper, turned(frame), [there])[0]
    result = compositor.compose(turned(frame), [(there, drawn)]).astype(float)
    x, y = np.round(item.face.box.centre).astype(int)
    near = np.s_[y - 60 : y + 60, x - 60 : x + 60]
    apart = np.abs(result[near] - turned(upright)[near]).mean()
    assert apart < 3
    assert np.abs(turned(frame)[near] - turned(upright)[near].astype(float)).mean() > 2 * apart
