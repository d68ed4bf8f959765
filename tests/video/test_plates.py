"""OpenEXR plates: what is kept to the bit, what is shown, what is painted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.run.events import Event
from facedouble.run.run import Run
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding
from facedouble.types import Box
from facedouble.video.clip_source import ClipSource
from facedouble.video.display_coding import LinearCoding, from_display, from_srgb, to_display
from facedouble.video.exr_plates import read_plate
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.overlay import Overlay
from facedouble.video.plates import Plate
from facedouble.video.primaries import REC2020, to_rec709
from facedouble.video.source import open_source

from .plates import exr_parts, exr_rgb, timecode, window, write_exr, write_rgb

pytestmark = pytest.mark.subprocess

AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)


def light(dtype: type = np.float16, *, seed: int = 0, size: tuple[int, int] = (40, 56)) -> np.ndarray:
    """Light with highlights far over 1, values below 0, and numbers that are none."""
    rng = np.random.default_rng(seed)
    values: np.ndarray = (rng.random((*size, 3)) ** 4 * 60).astype(dtype)
    values[0, 0], values[1, 1], values[2, 2] = np.nan, np.inf, -0.25
    return values


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_plate_goes_through_unchanged_to_the_bit(tmp_path: Path, dtype: type) -> None:
    for number in (1001, 1002):
        write_rgb(tmp_path / "in" / f"p.{number}.exr", light(dtype, seed=number))
    clip_to_images(tmp_path / "in" / "p.####.exr", tmp_path / "out", image_format="exr")
    for number in (1001, 1002):
        assert same_bits(exr_rgb(tmp_path / "out" / f"p.{number}.exr"), light(dtype, seed=number))


def test_parts_names_windows_and_metadata_are_carried_over(tmp_path: Path) -> None:
    header = {
        "dataWindow": window(-8, 4, 56, 40),
        "displayWindow": window(0, 0, 64, 48),
        "timeCode": timecode(10, 20, 30, 12, drop=True),
        "framesPerSecond": Fraction(30000, 1001),
        "owner": "A. Person",
        "a_name_that_is_longer_than_thirty_one_characters": 7,
        "worldToCamera": np.eye(4, dtype=np.float32),
        "screenWindowWidth": 1.5,
    }
    colours = light()
    alpha = np.ones((40, 56), np.float32)
    shared = {name: header[name] for name in ("dataWindow", "displayWindow", "timeCode", "framesPerSecond")}
    depth = np.random.default_rng(1).random((40, 56)).astype(np.float32)
    numbers = np.arange(40 * 56, dtype=np.uint32).reshape(40, 56)
    write_exr(
        tmp_path / "in" / "p.0001.exr",
        ("depth", {"Z": depth, "id": numbers}, shared),
        ("beauty", {**{c: colours[..., n].copy() for n, c in enumerate("RGB")}, "A": alpha}, header),
    )
    source = open_source(tmp_path / "in")
    assert source.info.rate == Fraction(30000, 1001)
    assert (source.info.width, source.info.height) == (64, 48)
    clip_to_images(tmp_path / "in", tmp_path / "out", image_format="exr")
    (one, channels, _), (two, picture, after) = exr_parts(tmp_path / "out" / "p.0001.exr")
    assert (one, two) == ("depth", "beauty")
    assert same_bits(channels["Z"], depth)
    assert same_bits(channels["id"], numbers)
    assert same_bits(picture["A"], alpha)
    assert same_bits(np.dstack([picture[name] for name in "RGB"]), colours)
    assert str(after["timeCode"]) == str(header["timeCode"])
    for name in (
        "owner",
        "framesPerSecond",
        "a_name_that_is_longer_than_thirty_one_characters",
        "screenWindowWidth",
    ):
        assert after[name] == header[name]
    assert np.array_equal(after["worldToCamera"], np.eye(4))
    for name in ("dataWindow", "displayWindow"):
        assert np.array_equal(after[name], header[name])


def test_what_is_shown_is_the_display_window(tmp_path: Path) -> None:
    colours = np.full((20, 30, 3), 0.18, np.float16)
    write_rgb(
        tmp_path / "p.exr", colours, dataWindow=window(-10, 4, 30, 20), displayWindow=window(0, 0, 40, 32)
    )
    (frame,) = open_source(tmp_path / "p.exr").frames()
    shown = frame.rgb()
    assert shown.shape == (32, 40, 3)
    assert (shown[4:24, :20] == 118).all()  # 0.18 in sRGB
    assert (shown[:4] == 0).all()
    assert (shown[:, 20:] == 0).all()
    assert np.array_equal(frame.rgb(Box(3, 2, 25, 30)), shown[2:30, 3:25])
    assert np.array_equal(frame.grey(), frame.grey(Box(0, 0, 40, 32)))


def test_only_what_is_painted_changes_and_in_the_type_of_its_channel(tmp_path: Path) -> None:
    colours = light()
    write_rgb(
        tmp_path / "p.exr", colours, dataWindow=window(-8, -4, 56, 40), displayWindow=window(0, 0, 44, 30)
    )
    (frame,) = open_source(tmp_path / "p.exr").frames()
    part = Box(0, 0, 44, 30)
    picture = np.full((10, 12, 3), float(to_display(np.full(3, 0.5, np.float32))[0]), np.float32)
    alpha = np.ones((10, 12), np.float32)
    alpha[:, :2] = 0
    alpha[:, 2] = 0.5
    painted = frame.blended(part, [Overlay(4, 6, picture, alpha)]).content
    assert isinstance(painted, Plate)
    after = np.dstack([painted.part.channels[name] for name in "RGB"])
    inside = np.zeros(colours.shape[:2], bool)
    inside[10:20, 14:24] = True  # the display window starts at (8, 4) of the data window
    assert same_bits(after[~inside], colours[~inside])
    assert np.abs(after[10:20, 15:24].astype(float) - 0.5).max() < 1e-3
    mixed = (colours[10:20, 14].astype(float) + 0.5) / 2
    assert np.abs(after[10:20, 14].astype(float) / mixed - 1).max() < 2e-3
    assert after.dtype == np.float16


def test_numbers_that_are_none_stay_outside_and_vanish_inside(tmp_path: Path) -> None:
    write_rgb(tmp_path / "p.exr", np.full((16, 16, 3), np.nan, np.float16))
    (frame,) = open_source(tmp_path / "p.exr").frames()
    assert (frame.rgb() == 0).all()
    alpha = np.zeros((16, 16), np.float32)
    alpha[4:8, 4:8] = 0.3
    plate = frame.blended(Box(0, 0, 16, 16), [Overlay(0, 0, np.full((16, 16, 3), 0.5, np.float32), alpha)])
    assert isinstance(plate.content, Plate)
    red = plate.content.part.channels["R"]
    assert np.isfinite(red[4:8, 4:8]).all()
    assert np.isnan(red[alpha == 0]).all()


def test_every_light_has_a_display_value_and_the_way_back_is_its_inverse() -> None:
    values = np.concatenate([np.linspace(0, 1, 2001), np.geomspace(1.001, 16, 1000)]).astype(np.float32)
    colours = values[:, None] * np.array([1, 0.6, 0.3], np.float32)
    shown = to_display(colours)[:, 0]
    assert (np.diff(shown) > 0).all()
    assert shown[0] == 0
    assert shown[-1] == pytest.approx(1, abs=1e-6)
    assert np.abs(from_display(to_display(colours)) - colours).max() < 2e-3
    assert shown[360] == pytest.approx(0.4614, abs=1e-4)  # 0.18 as in sRGB
    steps = np.diff(
        to_display(np.linspace(0.59, 0.62, 61, dtype=np.float32)[:, None].repeat(3, axis=1))[:, 0]
    )
    assert (steps[:-1] / steps[1:]).max() < 1.02  # no kink at the knee
    bright = from_srgb(to_display(np.array([[8.0, 4.0, 2.0]], np.float32)))
    assert np.abs(bright / bright.max() - (1, 0.5, 0.25)).max() < 1e-3  # its hue stays


@pytest.mark.parametrize(("primaries", "name"), [(AP1, "AP1"), (REC2020, "BT.2020")])
def test_chromaticities_in_a_header_are_followed(
    tmp_path: Path, primaries: tuple[float, ...], name: str
) -> None:
    matrix = np.array(to_rec709(primaries))
    assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-6, name  # white stays white
    wanted = np.array([0.5, 0.2, 0.1])
    own = np.linalg.solve(matrix, wanted).astype(np.float32)
    write_rgb(
        tmp_path / "p.exr",
        np.broadcast_to(own, (8, 8, 3)).copy(),
        chromaticities=tuple(primaries),
    )
    (frame,) = open_source(tmp_path / "p.exr").frames()
    expected = np.rint(to_display(wanted.astype(np.float32)) * 255)
    assert np.abs(frame.rgb()[4, 4] - expected).max() <= 1
    assert isinstance(frame.coding, LinearCoding)


def test_a_layer_is_found_where_there_is_no_plain_picture(tmp_path: Path) -> None:
    grey = np.full((8, 8), 0.18, np.float16)
    write_exr(tmp_path / "p.exr", ("", {"Z": grey, **{f"beauty.{c}": grey for c in "RGBA"}}, {}))
    plate = read_plate(tmp_path / "p.exr")
    assert plate.colour == ("beauty.R", "beauty.G", "beauty.B")
    assert plate.alpha == "beauty.A"
    write_exr(tmp_path / "z.exr", ("", {"Z": grey}, {}))
    with pytest.raises(InputError, match="not an EXR image of red, green and blue"):
        read_plate(tmp_path / "z.exr")


def test_plates_become_a_clip_in_srgb_and_it_is_said(tmp_path: Path) -> None:
    for number in range(3):
        write_rgb(tmp_path / "in" / f"p.{number}.exr", np.full((32, 32, 3), 0.18 + number, np.float16))
    clip = tmp_path / "out.mkv"
    events: list[Event] = []
    images_to_clip(
        tmp_path / "in", clip, fps=24, settings=ClipEncoding(codec="ffv1"), run=Run([events.append])
    )
    assert any("highlights are clipped at white" in event.text for event in events if hasattr(event, "text"))
    frames = list(ClipSource(clip).frames())
    assert [int(frame.rgb()[16, 16, 1]) for frame in frames] == [118, 255, 255]


def test_a_plate_larger_than_allowed(tmp_path: Path) -> None:
    write_rgb(tmp_path / "p.exr", np.zeros((100, 100, 3), np.float16))
    with pytest.raises(InputError, match=r"more than 0\.005 megapixels"):
        read_plate(tmp_path / "p.exr", Reading(max_pixels=0.005))
