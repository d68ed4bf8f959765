"""How clips and images are read."""

from __future__ import annotations

from pathlib import Path

from facedouble.errors import InputError, setting
from facedouble.settings.base import Settings, field

_MEGAPIXEL = 1_000_000


class Reading(Settings):
    """How clips and images are read."""

    max_pixels: float = field(
        200.0,
        "largest picture that is read; a small file can claim a picture that fills the memory",
        unit="megapixels",
        above=0,
    )
    video_stream: int | None = field(
        None,
        "video stream of a clip that is read, counted from 0; the one that players show if not given",
        min=0,
    )

    image_fps: float | None = field(
        None, "frames per second of a folder of images; 25 if not given", unit="1/s", min=0.001, max=1000
    )

    @property
    def pixels(self) -> int:
        """``max_pixels`` as a number of pixels."""
        return round(self.max_pixels * _MEGAPIXEL)

    def check(self, path: Path, width: int, height: int) -> None:
        """Raise ``InputError`` for a picture of more pixels than may be read."""
        if width * height > self.pixels:
            raise InputError(
                f"{path}: {width}x{height} pixels are more than {self.max_pixels:g} megapixels; if the "
                f"file can be trusted, allow more with {setting('reading.max_pixels')}"
            )

    def of_other_clips(self) -> Reading:
        """The same for clips other than the source, whose video streams are their own."""
        return self.replace(video_stream=None)
