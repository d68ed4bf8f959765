"""OpenEXR files made by test code with OpenEXR's own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

Channel = npt.NDArray[Any]


def timecode(hours: int, minutes: int, seconds: int, frame: int, *, drop: bool = False) -> Any:
    return OpenEXR.TimeCode(hours, minutes, seconds, frame, drop, *[False] * 5, *[0] * 8)


def window(left: int, top: int, width: int, height: int) -> tuple[Channel, Channel]:
    return (
        np.array([left, top], np.int32),
        np.array([left + width - 1, top + height - 1], np.int32),
    )


def write_exr(path: Path, *parts: tuple[str, dict[str, Channel], dict[str, Any]]) -> None:
    """Parts by name, channels and header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}, own, name
        )
        for name, own, header in parts
    ]
    OpenEXR.File(made).write(str(path))


def write_rgb(path: Path, rgb: npt.NDArray[Any], **header: Any) -> None:
    """One part of (H, W, 3) colours, half or float."""
    channels = {name: np.ascontiguousarray(rgb[..., number]) for number, name in enumerate("RGB")}
    write_exr(path, ("", channels, header))


def exr_parts(path: Path) -> list[tuple[str, dict[str, Channel], dict[str, Any]]]:
    """What a file holds, as OpenEXR's library reads it."""
    file = OpenEXR.File(str(path), separate_channels=True)
    return [
        (part.name(), {name: one.pixels for name, one in part.channels.items()}, dict(part.header))
        for part in file.parts
    ]


def exr_rgb(path: Path) -> npt.NDArray[Any]:
    _, channels, _ = exr_parts(path)[0]
    return np.dstack([channels[name] for name in "RGB"])
