"""HDR clips: networks see a display's values, and what is painted takes the clip's own coding."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.types import Box
from facedouble.video.clip_source import ClipSource
from facedouble.video.display_coding import Coding, from_display, to_display
from facedouble.video.hdr import HlgCoding, PqCoding
from facedouble.video.overlay import Overlay
from facedouble.video.planes import YuvPlanes
from facedouble.video.primaries import REC2020, to_rec709

CODINGS: dict[int, Coding] = {16: PqCoding(to_rec709(REC2020)), 18: HlgCoding(to_rec709(REC2020))}


def hdr_clip(path: Path, transfer: int, light: np.ndarray) -> None:
    """A lossless clip of BT.2020 with 10 bits whose picture is ``light`` (H, W, 3) in Rec. 709."""
    coded = CODINGS[transfer].from_light(light.astype(np.float32))
    pixels = np.rint(np.clip(coded, 0, 1) * 65535).astype(np.uint16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = light.shape[1], light.shape[0], "yuv444p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = (
            9,
            9,
            transfer,
            1,
        )
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le").reformat(
            format="yuv444p10le", dst_colorspace=9, src_color_range=2, dst_color_range=1
        )
        frame.pts, frame.time_base = 0, Fraction(1, 24)
        frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, transfer, 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def scene() -> np.ndarray:
    """A face-like ramp of brown light, from shadow to highlights above white."""
    ramp = np.geomspace(0.02, 3.0, 96)[None, :, None]
    return np.asarray(ramp * np.array([1.0, 0.75, 0.6]) * np.ones((64, 1, 1)))


@pytest.mark.parametrize("transfer", CODINGS)
def test_a_clip_is_shown_as_its_light(tmp_path: Path, transfer: int) -> None:
    hdr_clip(tmp_path / "hdr.mkv", transfer, scene())
    (frame,) = ClipSource(tmp_path / "hdr.mkv").frames()
    expected = np.rint(to_display(scene().astype(np.float32)) * 255)
    assert np.abs(frame.rgb().astype(float) - expected).max() <= 3
    part = Box(10, 6, 50, 40)
    assert np.array_equal(frame.rgb(part), frame.rgb()[6:40, 10:50])
    assert frame.rgb(size=(48, 32)).shape == (32, 48, 3)
    assert (
        np.abs(frame.grey().astype(float).mean() - expected @ (0.299, 0.587, 0.114) @ np.ones(96) / 96).max()
        < 3
    )


@pytest.mark.parametrize("transfer", CODINGS)
def test_a_face_matches_its_surroundings(tmp_path: Path, transfer: int) -> None:
    """A face of exactly the light around it cannot be seen: nowhere, the seam included, is it more than a
    level of 10 bits off. One twice as bright is twice as bright."""
    hdr_clip(tmp_path / "hdr.mkv", transfer, scene())
    (frame,) = ClipSource(tmp_path / "hdr.mkv").frames()
    before = frame.content
    assert isinstance(before, YuvPlanes)
    whole = Box(0, 0, 96, 64)
    alpha = np.zeros((64, 96), np.float32)
    alpha[16:48, 24:72] = 1
    alpha[:, :24] = np.linspace(0, 1, 24) * (alpha.max(axis=1) > 0)[:, None]
    same = np.asarray(frame.pixels(whole) / 65535, dtype=np.float32)
    after = frame.blended(whole, [Overlay(0, 0, same, alpha)]).content
    assert isinstance(after, YuvPlanes)
    for old, new in zip(before.planes, after.planes, strict=True):
        assert np.abs(old.astype(int) - new).max() <= 1
        assert np.array_equal(old[alpha == 0], new[alpha == 0])
    light = scene()[:, :60]
    brighter = to_display(2 * from_display(same))
    twice = frame.blended(whole, [Overlay(0, 0, brighter, alpha)])
    shown = from_display(np.asarray(twice.pixels(whole) / 65535, dtype=np.float32))[30, 30:60]
    assert np.abs(shown / (2 * light[30, 30:60]) - 1).max() < 0.05


@pytest.mark.parametrize("transfer", CODINGS)
def test_light_and_code_are_each_others_inverse(transfer: int) -> None:
    coding = CODINGS[transfer]
    codes = np.random.default_rng(0).random((500, 3)).astype(np.float32)
    assert np.abs(coding.from_light(coding.to_light(codes)) - codes).max() < 2e-3
    white = {16: 0.5807, 18: 0.75}[transfer]  # 203 cd/m², and 75%
    assert coding.to_light(np.full((1, 3), white, np.float32)) == pytest.approx(1, abs=2e-3)
