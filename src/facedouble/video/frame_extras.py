"""What comes with a decoded frame besides its pixels: how HDR was graded, how it is shown, its fields."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import av

_MASTERING = struct.Struct("=16i 4i 2i")  # AVMasteringDisplayMetadata: rationals, then two flags
_LIGHT = struct.Struct("=2I")  # AVContentLightMetadata

# Kinds of side data that change what a viewer sees, and that no encoder here writes.
_LOST = {
    "SPHERICAL": "the mapping of a 360 degree picture",
    "STEREO3D": "the arrangement of a stereo picture",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
}
_FIELD_ORDERS = {2: "top", 3: "bottom", 4: "top", 5: "bottom"}  # AVFieldOrder: TT, BB, TB and BT


def mastering_display(side_data: Mapping[str, bytes]) -> str:
    """The display that HDR was graded on (SMPTE ST 2086), as x264 and x265 write it: chromaticities in units
    of 0.00002, luminances in 0.0001 cd/m²; empty where it is not said."""
    data = side_data.get("MASTERING_DISPLAY_METADATA", b"")
    if len(data) < _MASTERING.size:
        return ""
    values = _MASTERING.unpack_from(data)
    if not values[20] or not values[21] or not all(values[1:20:2]):
        return ""
    ratios = [values[place] / values[place + 1] for place in range(0, 20, 2)]
    points = [round(50_000 * ratio) for ratio in ratios[:8]]
    low, high = (round(10_000 * ratio) for ratio in ratios[8:])
    if not all(0 <= value < 1 << 31 for value in (*points, low, high)):
        return ""
    red, green, blue, white = (f"({points[place]},{points[place + 1]})" for place in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({high},{low})"


def light_level(side_data: Mapping[str, bytes]) -> str:
    """The largest light level of a pixel and of a frame's average (CTA-861.3), in cd/m²: "1000,400"; empty
    where it is not said."""
    data = side_data.get("CONTENT_LIGHT_LEVEL", b"")
    if len(data) < _LIGHT.size:
        return ""
    level, average = _LIGHT.unpack_from(data)
    return f"{level},{average}" if level < 1 << 16 and average < 1 << 16 else ""


def lost_extras(side_data: Mapping[str, bytes]) -> str:
    """What of the side data no result has, in words."""
    return ", ".join(dict.fromkeys(_LOST[kind] for kind in side_data if kind in _LOST))


def field_order(frame: av.VideoFrame, context: av.VideoCodecContext) -> str:
    """Which field of an interlaced frame comes first, "top" or "bottom"; empty for a progressive one."""
    if not frame.interlaced_frame:
        return ""
    return _FIELD_ORDERS.get(context.field_order, "top")


def is_light(pixel_format: str) -> bool:
    """Whether pixels of a format are floats: plates, in linear light."""
    return pixel_format.endswith(("f16le", "f32le"))


def has_alpha(pixel_format: str) -> bool:
    """Whether a pixel format of FFmpeg's has an alpha channel."""
    return any(component.is_alpha for component in av.VideoFormat(pixel_format).components)


def without_alpha(pixel_format: str) -> str:
    """The format of the same pixels without their alpha channel."""
    if not has_alpha(pixel_format):
        return pixel_format
    if pixel_format.startswith("yuva"):
        return "yuv" + pixel_format.removeprefix("yuva")
    deep = any(component.bits > 8 for component in av.VideoFormat(pixel_format).components)
    return "rgb48le" if deep else "rgb24"
