"""What is known of a source before its frames are read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from facedouble.video.pixel_aspect import shown_size
from facedouble.video.yuv import UNSPECIFIED


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Size, timing and colours of a clip or a folder of images.

    ``kind`` is "clip" or "folder". ``width`` and ``height`` are those of the upright frames, in stored
    pixels. ``frames`` is what the container claims, 0 if nothing; :class:`.index.SourceIndex` knows the exact
    number. ``rate`` is frames per second, the average if it varies. The four colour fields are FFmpeg's
    numbers: range 1 is limited, 2 full, 0 unspecified; matrix, primaries and transfer are those of ITU-T
    H.273, 2 unspecified. ``sample_aspect`` is the width of a pixel divided by its height
    (:mod:`.pixel_aspect`). ``is_film`` is false for images that do not follow one another in time;
    ``first_number`` is the number in the name of the first image of those that do, and a frame's ``pts`` is
    its number minus this.
    ``video_stream`` is the number of the stream among a clip's video streams, from 0. The last four are what
    comes with its first frame (:mod:`.frame_extras`), empty where there is none.
    """

    path: Path
    kind: str
    width: int
    height: int
    frames: int
    rate: Fraction
    time_base: Fraction
    pixel_format: str = "rgb24"
    colour_range: int = 0
    colour_matrix: int = UNSPECIFIED
    colour_primaries: int = UNSPECIFIED
    colour_transfer: int = UNSPECIFIED
    has_audio: bool = False
    sample_aspect: Fraction = Fraction(1)
    is_film: bool = True
    first_number: int | None = None
    video_stream: int = 0
    mastering_display: str = ""
    light_level: str = ""
    field_order: str = ""
    lost_extras: str = ""

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the frames as they are shown, with square pixels."""
        return shown_size(self.width, self.height, self.sample_aspect)
