"""OpenEXR files: half floats of linear light, for compositors.

Display values become light by the transfer function of sRGB (IEC 61966-2-1), which most programs assume for
such files, and back by its inverse. Colours are premultiplied with alpha, as OpenEXR wants it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext
from av.packet import Packet

from facedouble.types import FloatArray
from facedouble.video.libav import LIBAV_ERRORS, reason

_ORDER = (1, 2, 0, 3)  # FFmpeg's planes: green, blue, red, alpha
_FLOATS = {"f16": np.float16, "f32": np.float32}


def linear(pixels: npt.NDArray[Any]) -> FloatArray:
    """Display values (H, W, 3) or with alpha (H, W, 4), uint8 or uint16, as light: float32 0..1. Alpha is
    only rescaled."""
    values = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    colour = values[..., :3]
    light = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return np.concatenate([light, values[..., 3:]], axis=2).astype(np.float32)


def from_linear(light: FloatArray) -> npt.NDArray[np.uint16]:
    """The inverse of :func:`linear`, to 16 bits; values above white are clipped."""
    values = np.clip(light, 0, 1)
    shown = np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(shown * 65535), dtype=np.uint16)


def encode_exr(pixels: npt.NDArray[Any]) -> bytes:
    """An EXR file of display values (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16."""
    light = linear(pixels)
    if light.shape[2] == 4:
        light[..., :3] *= light[..., 3:]
    height, width, channels = light.shape
    frame = av.VideoFrame(width, height, "gbrpf32le" if channels == 3 else "gbrapf32le")
    for plane, channel in zip(frame.planes, _ORDER, strict=False):
        lines = np.frombuffer(plane, dtype=np.float32).reshape(height, -1)  # type: ignore[call-overload]
        lines[:, :width] = light[..., channel]
    context = CodecContext.create("exr", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, frame.format.name
    context.time_base, context.thread_count = Fraction(1, 25), 1
    # Otherwise the encoder leaves out an attribute that every file must have; image_aspect writes its value.
    context.sample_aspect_ratio = Fraction(1)
    context.options = {"compression": "zip1", "format": "half"}
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def decode_exr(data: bytes, *, alpha: bool = False) -> npt.NDArray[np.uint16]:
    """Display values (H, W, 3) of an EXR file, or with its ``alpha`` (H, W, 4), not premultiplied.

    Raises ``ValueError`` for other files, and for channels other than R, G and B.
    """
    context = CodecContext.create("exr", "r")
    assert isinstance(context, av.VideoCodecContext)
    try:
        frames = [*context.decode(Packet(data)), *context.decode(None)]
    except LIBAV_ERRORS as error:
        raise ValueError(f"not an EXR image that can be read ({reason(error)})") from error
    if not frames or not frames[0].format.name.startswith(("gbrpf", "gbrapf")):
        raise ValueError("not an EXR image of red, green and blue")
    frame = frames[0]
    kind = _FLOATS["f16" if "f16" in frame.format.name else "f32"]
    channels = 4 if alpha and len(frame.planes) == 4 else 3
    light = np.empty((frame.height, frame.width, channels), dtype=np.float32)
    for plane, channel in zip(frame.planes[:channels], _ORDER, strict=False):
        lines = np.frombuffer(plane, dtype=kind).reshape(frame.height, -1)  # type: ignore[call-overload]
        light[..., channel] = lines[:, : frame.width]
    if channels == 3:
        return from_linear(light)
    opacity = np.clip(light[..., 3:], 0, 1)
    colours = from_linear((light[..., :3] / np.maximum(opacity, 1e-6)).astype(np.float32))
    return np.concatenate([colours, np.rint(opacity * 65535).astype(np.uint16)], axis=2)
