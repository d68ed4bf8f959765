"""Encoders for the image files of a folder: pixels in, the file's bytes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.video.exr import encode_exr
from facedouble.video.images import encode_png
from facedouble.video.opencv_codec import encode
from facedouble.video.pixels import Pixels, to_eight_bits
from facedouble.video.registry import IMAGE_FORMATS

_JPEG_QUALITY = 97


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """``encode`` turns pixels (H, W, 3) or (H, W, 4), uint8 or uint16, into a file, with a comment where
    it has a place for one. Without ``alpha`` it takes three channels only; without ``deep`` 16 bits
    become 8. ``light``: it holds linear light and values over 1."""

    suffix: str
    encode: Callable[[Pixels, str | None], bytes]
    alpha: bool
    deep: bool
    light: bool = False


def image_format(name: str) -> ImageFormat:
    """The format called ``name``. Raises ``SettingsError`` for one that there is not."""
    format: ImageFormat = IMAGE_FORMATS[name]
    return format


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
    options = [
        *(cv2.IMWRITE_TIFF_COMPRESSION, deflate),
        *(cv2.IMWRITE_TIFF_PREDICTOR, horizontal),
        # Square pixels of no stated size, where image_aspect writes another shape.
        *(cv2.IMWRITE_TIFF_XDPI, 1, cv2.IMWRITE_TIFF_YDPI, 1, cv2.IMWRITE_TIFF_RESUNIT, 1),
    ]
    return _by_opencv(".tif", pixels, options)


def _exr(pixels: Pixels, _comment: str | None) -> bytes:
    return encode_exr(pixels)


def _by_opencv(suffix: str, pixels: Pixels, options: list[int]) -> bytes:
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return encode(suffix, np.asarray(cv2.cvtColor(pixels, order)), options)


PNG = ImageFormat(".png", _png, alpha=True, deep=True)
JPEG = ImageFormat(".jpg", _jpeg, alpha=False, deep=False)
TIFF = ImageFormat(".tif", _tiff, alpha=True, deep=True)
EXR = ImageFormat(".exr", _exr, alpha=True, deep=True, light=True)
