"""Clips that are read: what they say of themselves, their colours, turns and times."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.video.clip_source import ClipSource
from facedouble.video.source import open_source
from tests.video.sources import (
    BLUE,
    GREEN,
    GREY,
    RED,
    colours_of,
    make_clip,
    quarters,
    reading,
    remux,
    yuv444,
)

BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)


@pytest.fixture(scope="module")
def sample(clips: dict[str, Path]) -> ClipSource:
    return ClipSource(clips["sample_01"])


def test_a_real_clip_says_what_it_is(sample: ClipSource) -> None:
    info = sample.info
    assert (info.kind, info.width, info.height) == ("clip", 1280, 720)
    assert (info.rate, info.time_base) == (Fraction(30000, 1001), Fraction(1, 30000))
    assert (info.pixel_format, info.colour_range) == ("yuv420p", 1)
    assert (info.colour_matrix, info.colour_primaries, info.colour_transfer) == (1, 1, 1)
    assert info.has_audio
    assert info.sample_aspect == 1


def test_frames_come_in_order_with_the_clips_own_times(sample: ClipSource) -> None:
    frames = [(f.index, f.pts, f.rgb().shape, f.rgb().dtype.name) for f in sample.frames()]
    # The file holds 100 frames; its edit list hides the last.
    assert sample.info.frames == 99
    assert frames == [(i, 1001 * i, (720, 1280, 3), "uint8") for i in range(99)]
    assert sample.times() == [pts for _, pts, _, _ in frames]


def test_frames_can_be_read_again(clips: dict[str, Path]) -> None:
    source = ClipSource(clips["sample_03"])
    first = next(source.frames())
    again = next(source.frames())
    assert (first.index, first.pts) == (again.index, again.pts) == (0, 0)
    assert np.array_equal(first.rgb(), again.rgb())


def test_colours_are_those_of_the_clips_matrix_to_a_fraction_of_a_level(
    sample: ClipSource, clips: dict[str, Path]
) -> None:
    with av.open(str(clips["sample_01"])) as container:
        planes = next(container.decode(video=0)).to_ndarray().astype(np.float64)
    luma = (planes[:720] - 16) / 219
    # Chroma has half the size; its samples lie on every second column, between two rows.
    blue, red = (
        cv2.warpAffine(
            (plane.reshape(360, 640) - 128) / 224,
            np.array([[0.5, 0, 0], [0, 0.5, -0.25]]),
            (1280, 720),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for plane in (planes[720:900], planes[900:])
    )
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    expected = np.clip(np.stack([r, g, b], axis=-1), 0, 1) * 255
    difference = next(sample.frames()).rgb() - expected
    assert np.abs(difference).mean() < 0.4
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.05  # swscale's fast way is 0.3 too dark


@pytest.mark.parametrize(
    ("colorspace", "color_range", "lines", "weights", "full"),
    [
        (1, 1, 480, BT709, False),
        (5, 1, 720, BT601, False),
        (6, 1, 720, BT601, False),
        (9, 1, 480, BT2020, False),
        (1, 2, 480, BT709, True),
        (6, 2, 720, BT601, True),
        (2, 0, 480, BT601, False),  # says nothing: by its lines, limited
        (2, 0, 720, BT709, False),
    ],
)
def test_every_matrix_and_range(
    tmp_path: Path, colorspace: int, color_range: int, lines: int, weights: tuple[float, float], full: bool
) -> None:
    y, u, v = 110, 100, 160
    planes = np.empty((lines * 3 // 2, 64), np.uint8)
    planes[:lines], planes[lines : lines * 5 // 4], planes[lines * 5 // 4 :] = y, u, v
    tags: dict[str, int | Fraction] = {"colorspace": colorspace, "color_range": color_range}
    clip = make_clip(tmp_path / "flat.mp4", [av.VideoFrame.from_ndarray(planes, format="yuv420p")], tags=tags)

    luma, blue, red = (
        (y, u - 128, v - 128) if full else ((y - 16) * 255 / 219, *((np.array([u, v]) - 128) * 255 / 224))
    )
    kr, kb = weights
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    source = ClipSource(clip)
    assert (source.info.colour_matrix, source.info.colour_range) == (colorspace, color_range)
    image = next(source.frames()).rgb()
    assert np.abs(image - np.array([r, g, b])).max() <= 1


def test_a_matrix_that_cannot_be_applied_is_refused(tmp_path: Path) -> None:
    picture = av.VideoFrame.from_ndarray(np.full((96, 64), 90, np.uint8), format="yuv420p")
    clip = make_clip(tmp_path / "ycgco.mp4", [picture], tags={"colorspace": 8})
    assert "matrix" in reading(clip)


def test_ten_bits_become_eight(tmp_path: Path, sample: ClipSource) -> None:
    image = next(sample.frames()).rgb()[::4, ::4].copy()
    picture = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv444p10le")
    source = ClipSource(make_clip(tmp_path / "ten.mkv", [picture], options={"qp": "0"}))
    assert source.info.pixel_format == "yuv444p10le"
    assert np.abs(next(source.frames()).rgb().astype(int) - image).mean() < 1


def test_pixels_that_are_not_square_are_said(tmp_path: Path) -> None:
    picture = yuv444(quarters((RED, GREEN, BLUE, GREY)))
    tags: dict[str, int | Fraction] = {"sample_aspect_ratio": Fraction(4, 3)}
    clip = make_clip(tmp_path / "wide.mp4", [picture], tags=tags)
    turned = make_clip(tmp_path / "tall.mp4", [picture], tags=tags, turn=(90, False, False))
    assert ClipSource(clip).info.sample_aspect == Fraction(4, 3)
    assert ClipSource(turned).info.sample_aspect == Fraction(3, 4)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        # Degrees are counter-clockwise: by 90, what was top right comes to the top left.
        ((0, False, False), (RED, GREEN, BLUE, GREY)),
        ((90, False, False), (GREEN, GREY, RED, BLUE)),
        ((180, False, False), (GREY, BLUE, GREEN, RED)),
        ((270, False, False), (BLUE, RED, GREY, GREEN)),
        # Mirrored after the turn, as front cameras of phones do.
        ((0, True, False), (GREEN, RED, GREY, BLUE)),
        ((0, False, True), (BLUE, GREY, RED, GREEN)),
        ((90, True, False), (GREY, GREEN, BLUE, RED)),
        ((90, False, True), (RED, BLUE, GREEN, GREY)),
    ],
)
def test_a_turned_clip_comes_upright(
    tmp_path: Path,
    turn: tuple[float, bool, bool],
    expected: tuple[tuple[int, int, int], ...],
) -> None:
    picture = yuv444(quarters((RED, GREEN, BLUE, GREY)))
    source = ClipSource(make_clip(tmp_path / "turned.mp4", [picture], turn=turn))
    image = next(source.frames()).rgb()
    assert colours_of(image) == list(expected)
    assert image.flags.c_contiguous
    assert image.shape == ((64, 48, 3) if turn[0] in (90, 270) else (48, 64, 3))
    assert (source.info.height, source.info.width) == image.shape[:2]


def test_the_matrix_of_a_phone_held_upright_means_a_quarter_turn_clockwise(tmp_path: Path) -> None:
    """As iPhones write it: a, b, c, d = 0, 1, -1, 0 takes a stored (x, y) to (-y, x)."""
    path = tmp_path / "phone.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.set_display_matrix([0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30])
        container.mux(stream.encode(yuv444(quarters((RED, GREEN, BLUE, GREY)))))
        container.mux(stream.encode(None))
    # Clockwise: the bottom left comes to the top left.
    assert colours_of(next(ClipSource(path).frames()).rgb()) == [BLUE, RED, GREY, GREEN]


def test_an_angle_that_is_no_quarter_turn_is_refused(tmp_path: Path) -> None:
    picture = yuv444(quarters((RED, GREEN, BLUE, GREY)))
    assert "quarter turn" in reading(make_clip(tmp_path / "askew.mp4", [picture], turn=(30, False, False)))


@pytest.mark.parametrize("name", ["varied.mp4", "varied.mkv"])
def test_a_variable_rate_and_a_late_start_are_kept(tmp_path: Path, name: str) -> None:
    pictures = [yuv444(quarters((RED, GREEN, BLUE, GREY))) for _ in range(6)]
    times = [70, 100, 140, 141, 300, 333]
    source = ClipSource(make_clip(tmp_path / name, pictures, times=times, time_base=Fraction(1, 1000)))
    found = [frame.seconds for frame in source.frames()]
    assert found == pytest.approx([t / 1000 for t in times], abs=1e-6)


def test_times_rise_even_where_the_clips_do_not(tmp_path: Path) -> None:
    """Milliseconds are too coarse for these times, so that frames fall together in the file."""
    pictures = [yuv444(np.full((48, 64, 3), 30 * i, np.uint8)) for i in range(6)]
    times = [0, 1, 2, 3, 25, 400]
    clip = make_clip(
        tmp_path / "fast.mkv", pictures, codec="ffv1", times=times, time_base=Fraction(1, 10_000), options={}
    )
    with av.open(str(clip)) as container:
        assert [frame.pts for frame in container.decode(video=0)][:4] == [0, 0, 0, 0]
    frames = list(ClipSource(clip).frames())
    assert [frame.pts for frame in frames] == [0, 1, 2, 3, 4, 40]
    assert [round(float(frame.rgb().mean()) / 30) for frame in frames] == list(range(6))


def test_frames_without_times_follow_at_the_nominal_rate(tmp_path: Path) -> None:
    pictures = [yuv444(np.full((48, 64, 3), 10 * i, np.uint8)) for i in range(12)]
    clip = make_clip(tmp_path / "untimed.h264", pictures, options={"crf": "0", "bf": "2"})
    source = ClipSource(clip)
    frames = list(source.frames())
    assert [round(frame.seconds * 25, 3) for frame in frames] == list(range(12))
    assert [round(float(frame.rgb().mean()) / 10) for frame in frames] == list(range(12))


def test_an_mpeg_streams_clock_is_counted_from_its_start(clips: dict[str, Path], tmp_path: Path) -> None:
    stream = remux(clips["sample_03"], tmp_path / "capture.ts", late=5000)
    with av.open(str(stream)) as container:
        assert container.start_time == 5_000_000_000
    assert ClipSource(stream).times() == [3003 * i for i in range(101)]


@pytest.mark.parametrize("name", ["two words.mp4", "人脸 片段.mp4", "take:1 %03d.mp4", "-y.mp4"])
def test_names_of_any_kind(clips: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.symlink_to(clips["sample_03"])
    assert next(open_source(path).frames()).rgb().shape == (720, 1280, 3)
