"""The kinds of image files that folders are written in: pixels in, the file's bytes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext

from facedouble.errors import SettingsError
from facedouble.video.images import encode_png
from facedouble.video.picture import Pixels

_JPEG_QUALITY = 97


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """``encode`` turns pixels (H, W, 3) or (H, W, 4), uint8 or uint16, into a file, with a comment where
    it has a place for one. Without ``alpha`` it takes three channels only; without ``deep`` 16 bits
    become 8."""

    suffix: str
    encode: Callable[[Pixels, str | None], bytes]
    alpha: bool
    deep: bool


def image_format(name: str) -> ImageFormat:
    """The format called ``name``. Raises ``SettingsError`` for one that there is not."""
    if name not in IMAGE_FORMATS:
        raise SettingsError(f"no image format {name!r}; there are: {', '.join(IMAGE_FORMATS)}")
    return IMAGE_FORMATS[name]


def to_eight_bits(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """16 bits rounded to 8; 8 as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def linear(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Display values as light, 0..1: the transfer function of sRGB (IEC 61966-2-1) undone. Alpha, which
    is no light, is only scaled."""
    values = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    colour = values[..., :3]
    light = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return np.concatenate([light, values[..., 3:]], axis=2).astype(np.float32)


def from_linear(light: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The inverse of :func:`linear` for (H, W, 3): light to 16-bit display values; what is brighter than
    white is white."""
    values = np.clip(light, 0, 1)
    shown = np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(shown * 65535), dtype=np.uint16)


def _png(pixels: Pixels, comment: str | None) -> bytes:
    return encode_png(pixels, comment)


def _jpeg(pixels: Pixels, _comment: str | None) -> bytes:
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ]
    return _by_opencv(".jpg", to_eight_bits(pixels), options)


def _tiff(pixels: Pixels, _comment: str | None) -> bytes:
    deflate, horizontal = 8, 2  # of the TIFF specification: Adobe Deflate, and differences along a line
    options = [*(cv2.IMWRITE_TIFF_COMPRESSION, deflate), *(cv2.IMWRITE_TIFF_PREDICTOR, horizontal)]
    return _by_opencv(".tif", pixels, options)


def _exr(pixels: Pixels, _comment: str | None) -> bytes:
    """Half floats of linear light. Colours are multiplied by alpha, as OpenEXR has it."""
    light = linear(pixels)
    if light.shape[2] == 4:
        light[..., :3] *= light[..., 3:]
    height, width, channels = light.shape
    frame = av.VideoFrame(width, height, "gbrpf32le" if channels == 3 else "gbrapf32le")
    for plane, channel in zip(frame.planes, (1, 2, 0, 3), strict=False):  # green, blue, red, alpha
        lines = np.frombuffer(plane, dtype=np.float32).reshape(height, -1)  # type: ignore[call-overload]
        lines[:, :width] = light[..., channel]
    context = CodecContext.create("exr", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, frame.format.name
    context.options = {"compression": "zip1", "format": "half"}
    context.thread_count = 1
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def _by_opencv(suffix: str, pixels: Pixels, options: list[int]) -> bytes:
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, encoded = cv2.imencode(suffix, cv2.cvtColor(pixels, order), options)
    if not done:  # it raises an error of its own where it knows why
        raise ValueError(f"the image cannot be encoded as {suffix}")
    return np.asarray(encoded).tobytes()


IMAGE_FORMATS = {
    "png": ImageFormat(".png", _png, alpha=True, deep=True),
    "jpg": ImageFormat(".jpg", _jpeg, alpha=False, deep=False),
    "tiff": ImageFormat(".tif", _tiff, alpha=True, deep=True),
    "exr": ImageFormat(".exr", _exr, alpha=True, deep=True),
}
"""By the name that ``--image-format`` has for it."""
