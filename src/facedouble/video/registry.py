"""File formats."""

from __future__ import annotations

from typing import Any

from facedouble.registry import Entry, Registry

IMAGE_FORMATS: Registry[Any] = Registry(
    "image format",
    {
        "png": Entry("facedouble.video.image_formats:PNG", "lossless"),
        "jpg": Entry("facedouble.video.image_formats:JPEG", "small, 8 bits, not lossless"),
        "tiff": Entry("facedouble.video.image_formats:TIFF", "lossless"),
        "exr": Entry("facedouble.video.image_formats:EXR", "half floats of linear light"),
    },
)

CLIP_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's container formats by the suffixes of clips that can be written."""
