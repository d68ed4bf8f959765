"""How clips and images are read."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from facedouble.errors import InputError, setting
from facedouble.settings.base import Settings, field, problem

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
        None,
        "frames per second of a folder of images; what OpenEXR files say, else 25, if not given",
        unit="1/s",
        min=0.001,
        max=1000,
    )

    input_colourspace: str | None = field(
        None,
        "colour space of the footage by its name in the OCIO configuration, such as ACEScg; by what the "
        "files say if not given",
    )
    ocio_config: str | None = field(
        None,
        "OCIO configuration: a file, or a built-in one such as ocio://studio-config-latest; that of the "
        "variable OCIO, else OpenColorIO's own, if not given",
    )

    @field_validator("ocio_config")
    @classmethod
    def _from_every_folder(cls, text: str | None) -> str | None:
        """A file by its whole path: facesets and plans remember it."""
        return text if text is None or text.startswith("ocio://") else str(Path(text).absolute())

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.ocio_config is not None and self.input_colourspace is None:
            raise problem("ocio_config", f"has no effect without {setting('reading.input_colourspace')}")
        return self

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
