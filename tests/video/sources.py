"""What the tests of sources share: small clips in plain colours, and how reading one fails."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.types import Image
from facedouble.video.source import open_source

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


def quarters(colours: tuple[tuple[int, int, int], ...], height: int = 48, width: int = 64) -> Image:
    """A picture of four plain quarters: top left, top right, bottom left, bottom right."""
    image = np.empty((height, width, 3), np.uint8)
    h, w = height // 2, width // 2
    image[:h, :w], image[:h, w:], image[h:, :w], image[h:, w:] = colours
    return image


def colours_of(image: Image) -> list[tuple[int, int, int]]:
    """The nearest plain colour in the middle of each quarter."""
    height, width = image.shape[:2]
    found = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            pixel = image[y, x].astype(int)
            found.append(min((RED, GREEN, BLUE, GREY), key=lambda c: np.abs(pixel - c).sum()))
    return found


def make_clip(
    path: Path,
    pictures: list[av.VideoFrame],
    *,
    codec: str = "libx264",
    times: list[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    turn: tuple[float, bool, bool] | None = None,
    tags: dict[str, int | Fraction] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip written with PyAV alone, without loss."""
    first = pictures[0]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, time_base=time_base)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        stream.codec_context.options = {"crf": "0", "preset": "veryfast"} if options is None else options
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if turn:
            stream.set_display_rotation(turn[0], hflip=turn[1], vflip=turn[2])
        for picture, pts in zip(pictures, times or range(len(pictures)), strict=True):
            picture.pts, picture.time_base = pts, time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def yuv444(image: Image) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv444p")


def remux(source: Path, target: Path, *, late: int = 0) -> Path:
    """The packets of a clip in another container, by some seconds later."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        both = [old.streams.video[0], old.streams.audio[0]]
        streams = [new.add_stream_from_template(stream, opaque=True) for stream in both]
        for packet in old.demux(both):
            if packet.pts is not None and packet.dts is not None:
                shift = round(late / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[both.index(packet.stream)]
                new.mux(packet)
    return target


def reading(path: Path) -> str:
    """The error of reading all of ``path``, which must be one line that names it."""
    with pytest.raises(InputError) as caught:
        for frame in open_source(path).frames():
            frame.rgb()
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text
