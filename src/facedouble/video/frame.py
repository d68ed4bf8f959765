"""One decoded frame, from any source and for every stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.types import Box, Grey, Image
from facedouble.video.images import ImageFile, read_image, read_pixels
from facedouble.video.pixel_aspect import as_shown, shown_size
from facedouble.video.pixels import Pixels, to_eight_bits
from facedouble.video.planes import YuvPlanes


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame of a clip or a folder.

    ``index`` counts from 0 in presentation order. ``pts`` is the presentation time in units of ``time_base``
    seconds. ``duration`` is for how long it is shown, in the same units, where the container says so; with
    the times of the others known, only that of the last frame counts. ``name`` is the file's name if the
    frame comes from a folder; ``number`` is the one in that name if the folder is a film.

    ``content`` is what the frame was decoded to: planes of luma and chroma, upright pixels (RGB, or RGBA), or
    an image file that is read when it is needed. So a frame is cheap to keep and to send to another process:
    1.5 bytes a pixel, or a name.

    ``pixel_aspect`` is the width of a pixel divided by its height. :meth:`grey` and :meth:`rgb` give the
    frame as it is shown, with square pixels: what finds and measures faces works on those. :meth:`pixels`
    and :meth:`painted` work on the stored pixels.

    Methods that need the pixels of an image file raise ``InputError`` when it
    cannot be read.

    ``problem`` says what is wrong with a damaged frame. Nothing is to be worked out from its pixels, so the
    methods that show them raise ``InputError``; it can be copied (:meth:`as_it_is`).
    """

    index: int
    pts: int
    time_base: Fraction
    content: YuvPlanes | Pixels | ImageFile
    name: str | None = None
    pixel_aspect: Fraction = Fraction(1)
    duration: int | None = None
    problem: str | None = None
    number: int | None = None

    @property
    def shown_number(self) -> int:
        """The number that people know a frame by: that of its file in a sequence, else ``index``."""
        return self.index if self.number is None else self.number

    @property
    def seconds(self) -> float:
        return float(self.pts * self.time_base)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright frame in stored pixels."""
        if isinstance(self.content, YuvPlanes):
            return self.content.size
        pixels = _read(self.content) if isinstance(self.content, ImageFile) else self.content
        return int(pixels.shape[1]), int(pixels.shape[0])

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the upright frame as it is shown, with square pixels."""
        return shown_size(*self.size, self.pixel_aspect)

    def grey(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Grey:
        """Luma of the frame as it is shown, or the part inside a box that lies within it, (H, W) uint8, full
        range.

        A part equals that part of the whole frame, to the bit. With ``size`` (width, height), at most that of
        the part, it is averaged down; of a much larger picture not every line counts.
        """
        self._check()
        if isinstance(self.content, YuvPlanes):
            if self.shown_size == self.size:
                return self.content.grey(part, size)
            image = _part(as_shown(self.content.grey(), self.pixel_aspect), part)
        else:  # images are squared by rgb()
            image = np.asarray(cv2.cvtColor(self.rgb(part), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        if size is not None:
            return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return np.ascontiguousarray(image)

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        """The frame as it is shown, or the part inside a box that lies within it, (H, W, 3) uint8.

        A part equals that part of the whole frame, to the bit. With ``size`` (width, height), at most that of
        the part, it is averaged down, which is faster than doing it afterwards.
        """
        self._check()
        if self.shown_size != self.size:
            image = _part(as_shown(replace(self, pixel_aspect=Fraction(1)).rgb(), self.pixel_aspect), part)
        elif isinstance(self.content, YuvPlanes):
            return self.content.rgb(part, size)
        else:
            pixels = _read(self.content) if isinstance(self.content, ImageFile) else self.content
            image = to_eight_bits(_part(pixels, part)[..., :3])
        if size is not None:
            return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return np.ascontiguousarray(image)

    def pixels(self, part: Box | None = None) -> Pixels:
        """The upright frame in its stored pixels, with all its bits, (H, W, 3) RGB, uint8 or uint16.

        ``part`` is a box that :func:`.regions.padded_regions` made; it equals that part of the whole frame
        but for its outermost pixels.
        """
        self._check()
        if isinstance(self.content, YuvPlanes):
            return self.content.pixels(part)
        if isinstance(self.content, ImageFile):
            return _part(read_pixels(self.content.path, self.content.reading), part)
        return _part(self.content, part)[..., :3]

    def channels(self) -> Pixels:
        """The upright frame with all that it has: (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16."""
        content = self.loaded().content
        if isinstance(content, YuvPlanes):
            opacity = content.opacity()
            return content.pixels() if opacity is None else np.dstack([content.pixels(), opacity])
        assert not isinstance(content, ImageFile)
        return content

    def painted(self, part: Box, before: Pixels, after: Pixels) -> Frame:
        """The frame with ``after`` in place of ``before``, which :meth:`pixels` gave for ``part``.

        Samples of pixels that do not differ stay as they are.
        """
        if isinstance(self.content, YuvPlanes):
            content: YuvPlanes | Pixels = self.content.painted(part, before, after)
            return self if content is self.content else replace(self, content=content)
        content = self.channels().copy()
        content[part.top : part.bottom, part.left : part.right, :3] = after
        return replace(self, content=content)

    def with_pixels(self, pixels: Pixels) -> Frame:
        """The frame with other pixels: (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16."""
        return replace(self, content=pixels)

    def loaded(self) -> Frame:
        """The frame with its image file read, with all its bits and channels."""
        if not isinstance(self.content, ImageFile):
            return self
        return replace(self, content=read_pixels(self.content.path, self.content.reading, alpha=True))

    def _check(self) -> None:
        if self.problem is not None:
            raise InputError(f"frame {self.shown_number}: {self.problem}")

    def as_it_is(self) -> Frame:
        """The frame for copying: what is wrong with it no longer matters."""
        return self if self.problem is None else replace(self, problem=None)


@lru_cache(maxsize=2)
def _read(file: ImageFile) -> Image:
    """The image in a file; the last ones are kept, as a frame is looked at more than once."""
    image = read_image(file.path, file.reading)
    image.flags.writeable = False
    return image


def _part(pixels: Pixels, part: Box | None) -> Pixels:
    return pixels if part is None else pixels[part.top : part.bottom, part.left : part.right]
