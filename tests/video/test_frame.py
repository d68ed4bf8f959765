"""A frame gives the same pixels whole, in parts, upright, and in another process."""

import base64
import pickle
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.types import Box
from facedouble.video.frame import Frame
from facedouble.video.images import write_png
from facedouble.video.orientation import Orientation
from facedouble.video.pixels import to_eight_bits
from facedouble.video.planes import YuvPlanes
from facedouble.video.shot_boundaries import THUMBNAIL, is_cut
from facedouble.video.source import open_source

PARTS = [Box(0, 0, 1, 1), Box(401, 101, 734, 500), Box(1279, 719, 1280, 720), Box(7, 333, 1273, 399)]
TURNS = [Orientation(*(bool(n & bit) for bit in (1, 2, 4))) for n in range(8)]


def test_a_part_is_the_part_of_the_whole_to_the_bit(clips: dict[str, Path]) -> None:
    source = open_source(clips["sample_02"])
    for frame in islice(source.frames(), 3):
        whole = frame.rgb()
        for box in PARTS:
            assert np.array_equal(frame.rgb(box), whole[box.top : box.bottom, box.left : box.right])


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_parts_of_turned_frames_are_upright(clips: dict[str, Path], turn: Orientation) -> None:
    raw = next(iter(open_source(clips["sample_01"]).frames()))
    assert isinstance(raw.content, YuvPlanes)
    turned = Frame(0, 0, raw.time_base, replace(raw.content, turn=turn))
    whole = turned.rgb()
    assert np.array_equal(whole, turn.apply(raw.rgb()))
    assert turned.size == (whole.shape[1], whole.shape[0])
    assert np.array_equal(turned.grey(), turn.apply(raw.grey()))
    box = Box(101, 203, 340, 477)
    assert np.array_equal(turned.rgb(box), whole[box.top : box.bottom, box.left : box.right])


def test_grey_is_the_luma_of_the_picture(clips: dict[str, Path]) -> None:
    raw = next(iter(open_source(clips["sample_03"]).frames()))
    luma = raw.rgb().astype(np.float64) @ (0.2126, 0.7152, 0.0722)
    assert np.abs(raw.grey() - luma).mean() < 1.0


def test_a_raw_frame_travels(clips: dict[str, Path]) -> None:
    raw = next(iter(open_source(clips["sample_03"]).frames()))
    packed = pickle.dumps(raw)
    assert len(packed) < 1280 * 720 * 1.5 + 2000
    assert np.array_equal(pickle.loads(packed).rgb(), raw.rgb())


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p", "yuv444p"])
def test_other_pixel_formats_give_the_same_as_whole_frames(tmp_path: Path, pixel_format: str) -> None:
    clip = tmp_path / "clip.mkv"
    picture = np.zeros((64, 96, 3), dtype=np.uint8)
    picture[:, :, 0] = np.arange(96)[None] * 2
    picture[:, :, 1] = np.arange(64)[:, None] * 3
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=96, height=64)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = pixel_format
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(picture)), *stream.encode()]:
            container.mux(packet)
    source = open_source(clip)
    frame = next(iter(source.frames()))
    whole = frame.rgb()
    assert np.array_equal(frame.rgb(Box(3, 5, 40, 41)), whole[5:41, 3:40])
    assert frame.grey().shape == (64, 96)
    luma = whole @ np.array((0.299, 0.587, 0.114))
    assert np.abs(frame.grey() - luma).mean() < 1
    assert np.abs(whole.astype(int) - picture).mean() < 6
    deep = frame.pixels()
    assert deep.dtype == (np.uint16 if "10" in pixel_format else np.uint8)
    assert np.abs(to_eight_bits(deep).astype(int) - whole).max() <= 1


def test_an_image_of_a_folder_is_read_when_it_is_looked_at(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", picture)
    (tmp_path / "b.png").write_bytes(b"")
    good, bad = open_source(tmp_path).frames()
    assert np.array_equal(good.rgb(Box(1, 2, 30, 31)), picture[2:31, 1:30])
    assert (good.size, good.name) == ((60, 40), "a.png")
    with pytest.raises(InputError, match=r"b\.png"):
        bad.grey()


@pytest.mark.parametrize(
    ("names", "film"),
    [
        (["s_0001.png", "s_0002.png", "s_0003.png"], True),
        (["8.png", "9.png", "10.png"], True),
        (["1.png", "3.png", "4.png"], False),
        (["a1.png", "b2.png"], False),
        (["IMG_1.png"], False),
        (["kitchen.png", "garden.png"], False),
    ],
)
def test_numbered_images_are_a_film(tmp_path: Path, names: list[str], film: bool) -> None:
    for name in names:
        write_png(tmp_path / name, np.zeros((4, 4, 3), dtype=np.uint8))
    assert open_source(tmp_path).info.is_film is film


@pytest.mark.parametrize("turn", TURNS)
def test_luma_of_a_part_and_averaged_luma(clips: dict[str, Path], turn: Orientation) -> None:
    stored = next(open_source(clips["sample_02"]).frames())
    assert isinstance(stored.content, YuvPlanes)
    frame = replace(stored, content=replace(stored.content, turn=turn))
    whole, (width, height) = frame.grey(), frame.size
    part = Box(101, 33, width - 200, height - 57)
    cut = whole[part.top : part.bottom, part.left : part.right]
    assert np.array_equal(frame.grey(part), cut)
    for size in ((37, 23), (part.width // 2, part.height // 3)):
        exact = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
        assert np.abs(frame.grey(part, size).astype(int) - exact).mean() < 1.5


def test_cuts(clips: dict[str, Path]) -> None:
    one = [raw.grey(size=THUMBNAIL) for raw in open_source(clips["sample_02"]).frames()]
    assert not any(is_cut(a, b) for a, b in pairwise(one)), "she moves, there is no cut"
    flash = np.clip(one[0] * 1.6 + 20, 0, 255).astype(np.uint8)
    assert not is_cut(one[0], flash)
    assert is_cut(one[0], np.zeros_like(one[0]))
    frame = next(open_source(clips["sample_02"]).frames())
    assert isinstance(frame.content, YuvPlanes)
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280)).astype(np.uint8)
    small, other = (
        replace(frame.content, planes=(grain, *frame.content.planes[1:])).grey(size=THUMBNAIL)
        for grain in (noise, noise[::-1])
    )
    assert not is_cut(small, other), "fine grain is no pattern"


def test_real_cuts_of_a_phone_clip_are_found(phone_clips: dict[str, Path]) -> None:
    thumbs = [raw.grey(size=THUMBNAIL) for raw in open_source(phone_clips["face_noface"]).frames()]
    cuts = [i for i in range(1, len(thumbs)) if is_cut(thumbs[i - 1], thumbs[i])]
    assert 72 in cuts, "the face ends there"
    assert len(cuts) <= 3


# 32 x 32 pixels of ink: red on the left, blue on the right, as a JPEG in CMYK.
CMYK = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAFAwQEBAMFBAQEBQUFBgcMCAcHBwcPCwsJDBEPEhIRDxERExYcFxMUGhURERghGBodHR8f"
    "HxMXIiQiHiQcHh8e/8AAFAgAIAAgBEMRAE0RAFkRAEsRAP/EABcAAQEBAQAAAAAAAAAAAAAAAAAJBgj/xAAUEAEAAAAAAAAAAAAA"
    "AAAAAAAA/9oADgRDAE0AWQBLAAA/AOo3OTnJ2WAJntApAACmDPpvgAme0CkAAKYM+m+ACZ7QKQAApgz6b4AJntApAAD/2Q=="
)


def test_an_image_in_cmyk_comes_out_in_its_colours(tmp_path: Path) -> None:
    (tmp_path / "ink.jpg").write_bytes(base64.b64decode(CMYK))
    (frame,) = open_source(tmp_path).frames()
    assert np.abs(frame.rgb()[5, 5].astype(int) - (230, 40, 40)).max() < 4
    assert np.abs(frame.rgb()[5, 25].astype(int) - (40, 60, 220)).max() < 4


def test_a_part_can_be_averaged_down(clips: dict[str, Path]) -> None:
    raw = next(iter(open_source(clips["sample_02"]).frames()))
    for box in (Box(400, 100, 800, 500), Box(401, 101, 799, 501)):
        small = raw.rgb(box, (160, 160))
        after = cv2.resize(raw.rgb(box), (160, 160), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - after).mean() < 0.5


@pytest.mark.parametrize(
    ("aspect", "shown"),
    [
        (Fraction(1), (64, 48)),
        (Fraction(64, 45), (91, 48)),
        (Fraction(2), (128, 48)),
        (Fraction(8, 9), (64, 54)),
        (Fraction(200, 201), (64, 48)),  # containers round the ratio
        (Fraction(1, 10_000), (64, 48)),  # no picture is like this
        (Fraction(9), (64, 48)),
    ],
)
def test_a_frame_is_looked_at_in_square_pixels_and_keeps_its_own(
    aspect: Fraction, shown: tuple[int, int]
) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[:, None], (48, 64, 3))
    frame = Frame(0, 0, Fraction(1, 25), np.ascontiguousarray(ramp), pixel_aspect=aspect)
    assert frame.shown_size == shown
    assert frame.rgb().shape == (shown[1], shown[0], 3)
    assert frame.grey().shape == (shown[1], shown[0])
    assert np.abs(frame.rgb()[0, :, 0].astype(int) - np.linspace(0, 255, shown[0])).max() < 5
    part = Box(3, 5, 40, 41)
    assert np.array_equal(frame.rgb(part), frame.rgb()[5:41, 3:40])
    assert frame.size == (64, 48)
    assert np.array_equal(frame.pixels(), ramp)
