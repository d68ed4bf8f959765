"""One decoded frame, from any source and for every stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.types import Box, FloatArray, Grey, Image
from facedouble.video.display_coding import (
    Coding,
    LinearCoding,
    blended,
    coded_pixels,
    display_pixels,
    from_display,
    to_srgb,
)
from facedouble.video.exr import linear
from facedouble.video.exr_plates import PlateFile, read_plate
from facedouble.video.images import ImageFile, read_image, read_pixels
from facedouble.video.overlay import Overlay
from facedouble.video.pixel_aspect import as_shown, shown_size
from facedouble.video.pixels import Pixels, to_eight_bits
from facedouble.video.planes import YuvPlanes
from facedouble.video.plates import Plate, plate_of


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame of a clip or a folder.

    ``index`` counts from 0 in presentation order. ``pts`` is the presentation time in units of ``time_base``
    seconds. ``duration`` is for how long it is shown, in the same units, where the container says so; with
    the times of the others known, only that of the last frame counts. ``name`` is the file's name if the
    frame comes from a folder; ``number`` is the one in that name if the folder is a film.

    ``content`` is what the frame was decoded to: planes of luma and chroma, upright pixels (RGB, or RGBA), a
    plate, or an image file that is read when it is needed. So a frame is cheap to keep and to send to another
    process: 1.5 bytes a pixel, or a name.

    ``coding`` says how the content's values stand to light where they are not those of a display: plates,
    HDR, camera footage (:mod:`.display_coding`). What looks at the frame sees display values all the same.

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
    content: YuvPlanes | Pixels | ImageFile | Plate | PlateFile
    name: str | None = None
    pixel_aspect: Fraction = Fraction(1)
    duration: int | None = None
    problem: str | None = None
    number: int | None = None
    coding: Coding | None = None

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
        if isinstance(self.content, YuvPlanes | Plate):
            return self.content.size
        if isinstance(self.content, PlateFile):
            return _read_plate(self.content).size
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
        if isinstance(self.content, YuvPlanes) and self.coding is None:
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
        elif self.coding is not None:
            coded = self._coded(part, exact=False)
            if size is not None:
                coded = np.asarray(cv2.resize(coded, size, interpolation=cv2.INTER_AREA))
            return to_eight_bits(display_pixels(coded, self.coding))
        elif isinstance(self.content, YuvPlanes):
            return self.content.rgb(part, size)
        else:
            assert not isinstance(self.content, Plate | PlateFile)
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
        if self.coding is not None:
            return display_pixels(self._coded(part), self.coding)
        return self._stored(part)

    def values(self, part: Box | None = None) -> Pixels:
        """The stored values of a picture that is data, such as a matte, (H, W, 3), uint8 or uint16, those of
        plates within 0..1; ``part`` as in :meth:`pixels`."""
        self._check()
        if isinstance(self.content, Plate | PlateFile):
            return np.rint(np.clip(np.nan_to_num(self._coded(part)), 0, 1) * 65535).astype(np.uint16)
        return self._stored(part)

    def channels(self) -> Pixels:
        """The upright frame with all that it has, for files that do not hold light: (H, W, 3) RGB or
        (H, W, 4) RGBA, uint8 or uint16. Plates become sRGB, other frames keep their values."""
        content = self.loaded().content
        if isinstance(content, Plate):
            colours = content.colours()
            return content.shown(colours if self.coding is None else self.coding.to_light(colours))
        if isinstance(content, YuvPlanes):
            opacity = content.opacity()
            return content.pixels() if opacity is None else np.dstack([content.pixels(), opacity])
        assert not isinstance(content, ImageFile | PlateFile)
        return content

    def painted(self, part: Box, before: Pixels, after: Pixels) -> Frame:
        """The frame with ``after`` in place of ``before``, which :meth:`pixels` gave for ``part``.

        Samples of pixels that do not differ stay as they are.
        """
        if self.coding is not None:
            return self._painted(part, coded_pixels(after, self.coding), (before != after).any(axis=2))
        if isinstance(self.content, YuvPlanes):
            content: YuvPlanes | Pixels = self.content.painted(part, before, after)
            return self if content is self.content else replace(self, content=content)
        content = self.channels().copy()
        content[part.top : part.bottom, part.left : part.right, :3] = after
        return replace(self, content=content)

    def blended(self, part: Box, overlays: Sequence[Overlay]) -> Frame:
        """The frame, which has a ``coding``, with faces laid over it in linear light; their places are in the
        pixels of ``part``. Where their alpha is 0 nothing changes."""
        assert self.coding is not None
        laid = blended(self._coded(part), overlays, self.coding)
        return self._painted(part, laid.colours, laid.alpha > 0)

    def layered(self, part: Box, overlays: Sequence[Overlay], *, occlusion: bool) -> Frame:
        """Like :meth:`blended` for a plate, with the faces as layers beside the picture: ``face`` (colours
        premultiplied, and alpha), ``mask``, and with ``occlusion`` what is in front of them. The face over
        the source is the composite."""
        content = self.loaded().content
        assert self.coding is not None
        assert isinstance(content, Plate)
        laid = blended(self._coded(part), overlays, self.coding)
        plate = content.painted(part, laid.colours, laid.alpha > 0)
        channels = {f"face.{name}": laid.faces[..., place] for place, name in enumerate("RGB")}
        masks = {"face.A": laid.alpha, "mask.A": np.zeros_like(laid.alpha)}
        if occlusion:
            masks["occlusion.A"] = np.zeros_like(laid.alpha)
        for overlay in overlays:
            whole = overlay.alpha if overlay.mask is None else overlay.mask
            area = overlay.area
            masks["mask.A"][area] = np.maximum(masks["mask.A"][area], whole)
            if occlusion and overlay.mask is not None:
                hidden = np.clip(overlay.mask - overlay.alpha, 0, 1)
                masks["occlusion.A"][area] = np.maximum(masks["occlusion.A"][area], hidden)
        for name, values in {**channels, **masks}.items():
            plate = plate.with_layer(name, part, values)
        return replace(self, content=plate)

    def in_light(self) -> Frame:
        """The frame as a plate."""
        if isinstance(self.content, Plate | PlateFile):
            return self.loaded()
        return replace(self, content=self.as_plate(), coding=LinearCoding())

    def with_pixels(self, pixels: Pixels) -> Frame:
        """The frame with other display values: (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16."""
        if self.coding is None:
            return replace(self, content=pixels)
        if isinstance(self.content, Plate | PlateFile):
            light = from_display(_as_float(pixels[..., :3]))
            shown = np.rint(to_srgb(light) * 65535).astype(np.uint16)
        else:
            coded = np.clip(coded_pixels(pixels[..., :3], self.coding), 0, 1)
            shown = np.rint(coded * 65535).astype(np.uint16)
        if pixels.shape[2] == 4:
            opacity = pixels[..., 3:].astype(np.uint16) * np.uint16(257 if pixels.dtype == np.uint8 else 1)
            shown = np.concatenate([shown, opacity], axis=2)
        return replace(self, content=shown, coding=None)

    def as_plate(self) -> Plate:
        """The frame in linear light, for an OpenEXR file: a plate as it is, other frames in the primaries of
        Rec. 709, premultiplied with their alpha."""
        content = self.loaded().content
        if isinstance(content, Plate):
            return content
        channels = self.channels()
        alpha: FloatArray | None = None
        if channels.shape[2] == 4:
            alpha = _as_float(channels[..., 3])
        if self.coding is not None:
            light = self.coding.to_light(self._coded(None))
        else:
            light = linear(channels[..., :3])
        if alpha is not None:
            light = light * alpha[..., None]
        return plate_of(light, alpha, self.pixel_aspect)

    def loaded(self) -> Frame:
        """The frame with its image file read, with all its bits and channels."""
        if isinstance(self.content, PlateFile):
            return replace(self, content=_read_plate(self.content))
        if not isinstance(self.content, ImageFile):
            return self
        return replace(self, content=read_pixels(self.content.path, self.content.reading, alpha=True))

    def _stored(self, part: Box | None) -> Pixels:
        """Stored pixels of content that is no plate, (H, W, 3)."""
        if isinstance(self.content, YuvPlanes):
            return self.content.pixels(part)
        if isinstance(self.content, ImageFile):
            return _part(read_pixels(self.content.path, self.content.reading), part)
        assert not isinstance(self.content, Plate | PlateFile)
        return _part(self.content, part)[..., :3]

    def _coded(self, part: Box | None, *, exact: bool = True) -> FloatArray:
        """Stored values (H, W, 3) float32: of plates as they are, of others 0..1. ``exact``: ``part`` was
        made for painting; else it may be any."""
        content = self.content
        if isinstance(content, Plate | PlateFile):
            return (_read_plate(content) if isinstance(content, PlateFile) else content).colours(part)
        if isinstance(content, YuvPlanes) and not exact:
            pixels = content.deep_rgb(part)
        else:
            pixels = self._stored(part)
        return _as_float(pixels)

    def _painted(self, part: Box, coded: FloatArray, where: npt.NDArray[np.bool_]) -> Frame:
        """The frame with stored values (h, w, 3) in ``part``, ``where`` (h, w) says so."""
        content = self.loaded().content
        if isinstance(content, Plate):
            return replace(self, content=content.painted(part, coded, where))
        before = self._stored(part)
        peak = np.iinfo(before.dtype).max
        after = np.where(where[..., None], np.rint(np.clip(coded, 0, 1) * peak).astype(before.dtype), before)
        if isinstance(content, YuvPlanes):
            return replace(self, content=content.painted(part, before, after))
        copy = self.channels().copy()
        copy[part.top : part.bottom, part.left : part.right, :3] = after
        return replace(self, content=copy)

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


@lru_cache(maxsize=2)
def _read_plate(file: PlateFile) -> Plate:
    """The plate in a file; the last ones are kept, as a frame is looked at more than once."""
    return read_plate(file.path, file.reading)


def _as_float(pixels: Pixels) -> FloatArray:
    """Pixels as float32 of 0..1."""
    return np.asarray(pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))


def _part(pixels: Pixels, part: Box | None) -> Pixels:
    return pixels if part is None else pixels[part.top : part.bottom, part.left : part.right]
