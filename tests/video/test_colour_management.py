"""Colour spaces of a show: what is shown, what comes back, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError, SettingsError
from facedouble.settings.reading import Reading
from facedouble.types import Box
from facedouble.video.colour_management import colour_fingerprint, managed_coding
from facedouble.video.display_coding import to_display
from facedouble.video.image_sequences import clip_to_images
from facedouble.video.images import write_png
from facedouble.video.overlay import Overlay
from facedouble.video.plates import Plate
from facedouble.video.source import open_source

from .plates import exr_rgb, write_rgb

ACESCG = Reading(input_colourspace="ACEScg")
CONFIG = """ocio_profile_version: 2
roles: {scene_linear: linear, aces_interchange: ap0}
file_rules: [!<Rule> {name: Default, colorspace: linear}]
displays: {d: [!<View> {name: v, colorspace: linear}]}
colorspaces:
  - !<ColorSpace> {name: ap0}
  - !<ColorSpace>
    name: linear
    to_scene_reference: !<BuiltinTransform> {style: ACEScg_to_ACES2065-1}
  - !<ColorSpace>
    name: twice
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: crushed
    to_scene_reference: !<MatrixTransform> {matrix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]}
  - !<ColorSpace> {name: mask, isdata: true}
"""


@pytest.mark.subprocess
def test_acescg_in_and_out(tmp_path: Path) -> None:
    colours = (np.random.default_rng(0).random((32, 32, 3)) ** 3 * 20).astype(np.float16)
    colours[:16] = 0.18
    write_rgb(tmp_path / "in" / "p.0001.exr", colours)
    (frame,) = open_source(tmp_path / "in", ACESCG).frames()
    assert (frame.rgb()[:16] == 118).all()
    # A pure red of Rec. 709, laid into the plate, is what ACES says it is in AP1.
    red = np.zeros((4, 4, 3), np.float32)
    red[..., 0] = to_display(np.array([0.5, 0, 0], np.float32))[0]
    painted = frame.blended(Box(0, 0, 32, 32), [Overlay(8, 8, red, np.ones((4, 4), np.float32))]).content
    assert isinstance(painted, Plate)
    assert np.abs(painted.colours()[10, 10] / 0.5 - (0.6131, 0.0702, 0.0206)).max() < 2e-3
    untouched = np.ones((32, 32), bool)
    untouched[8:12, 8:12] = False
    after = np.dstack([painted.part.channels[name] for name in "RGB"])
    assert after[untouched].tobytes() == colours[untouched].tobytes()
    clip_to_images(tmp_path / "in", tmp_path / "out", image_format="exr", reading=ACESCG)
    assert exr_rgb(tmp_path / "out" / "p.0001.exr").tobytes() == colours.tobytes()


def test_pictures_in_a_log_space(tmp_path: Path) -> None:
    grey = round(0.4135884 * 65535)  # 0.18 in ACEScct
    write_png(tmp_path / "p.png", np.full((16, 16, 3), grey, np.uint16))
    (frame,) = open_source(tmp_path / "p.png", Reading(input_colourspace="ACEScct")).frames()
    assert (frame.rgb() == 118).all()
    picture = np.full((4, 4, 3), 118 / 255, np.float32)
    painted = frame.blended(Box(0, 0, 16, 16), [Overlay(4, 4, picture, np.ones((4, 4), np.float32))])
    values = painted.channels()
    assert np.abs(values.astype(int) - grey).max() < 150  # a quarter of a level of 8 bits
    assert (values[:4] == grey).all()


@pytest.mark.subprocess
def test_a_configuration_of_a_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "show.ocio"
    config.write_text(CONFIG)
    write_rgb(tmp_path / "p.exr", np.full((8, 8, 3), 0.09, np.float16))
    reading = Reading(input_colourspace="twice", ocio_config=str(config))
    (frame,) = open_source(tmp_path / "p.exr", reading).frames()
    assert np.abs(frame.rgb().astype(int) - 118).max() <= 1
    monkeypatch.setenv("OCIO", str(config))  # as every other program of the show finds it
    (frame,) = open_source(tmp_path / "p.exr", Reading(input_colourspace="twice")).frames()
    assert np.abs(frame.rgb().astype(int) - 118).max() <= 1
    monkeypatch.chdir(tmp_path)
    assert Reading(input_colourspace="twice", ocio_config="show.ocio") == reading  # from every folder
    before = colour_fingerprint(reading)
    other = tmp_path / "other.ocio"
    other.write_text(CONFIG.replace("[2,", "[3,"))
    assert colour_fingerprint(Reading(input_colourspace="twice", ocio_config=str(other))) != before


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("ACEScgi", "is no colour space of .*it has ap0, linear, twice, crushed$"),
        ("mask", "is no colour space of"),
        ("crushed", "cannot be brought back|cannot be related"),
    ],
)
def test_a_space_that_cannot_be_used(tmp_path: Path, space: str, expected: str) -> None:
    config = tmp_path / "show.ocio"
    config.write_text(CONFIG)
    with pytest.raises((SettingsError, InputError), match=expected) as caught:
        managed_coding(Reading(input_colourspace=space, ocio_config=str(config)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"no configuration", b"\xff\xfe\0", CONFIG[:200].encode(), b"ocio_profile_version: 99\n"]
)
def test_a_configuration_that_is_none(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "show.ocio"
    config.write_bytes(content)
    with pytest.raises(InputError, match="not a usable OpenColorIO configuration") as caught:
        managed_coding(Reading(input_colourspace="linear", ocio_config=str(config)))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        managed_coding(Reading(input_colourspace="linear", ocio_config=str(tmp_path / "none.ocio")))
    with pytest.raises(SettingsError, match="has no effect without"):
        Reading(ocio_config=str(config))
