"""Plates: pictures in floating point, with all that an OpenEXR file holds beside them.

A plate keeps every channel of every part as it is stored. Only pixels that change are written anew, in the
type of their channel (half or float); everything else, colours outside the display window included, stays
what it was to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from facedouble.types import Box, FloatArray, Mask
from facedouble.video.display_coding import to_srgb
from facedouble.video.exr_header import Attribute, ExrPart, Window

Channel = npt.NDArray[Any]

_HALF = 65504.0  # the largest half
_RGB = ("R", "G", "B")


@dataclass(frozen=True, slots=True, eq=False)
class PlatePart:
    """A part of a plate: its header, and its channels by name, (h, w) of its data window each."""

    header: ExrPart
    channels: Mapping[str, Channel]


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A picture of several parts, of which number ``place`` holds the picture itself, in the channels
    ``colour`` (red, green, blue), premultiplied with the channel ``alpha`` if there is one.

    The picture is what the display window shows. The data window may be smaller, where all is black around
    it, or larger. All boxes are in pixels of the display window, its upper left corner at (0, 0).
    """

    parts: Sequence[PlatePart]
    place: int
    colour: tuple[str, str, str]
    alpha: str | None
    added: Mapping[str, Channel] = field(default_factory=dict)
    """Channels that the picture's part gets beside its own, of its data window."""

    @property
    def part(self) -> PlatePart:
        """The part with the picture."""
        return self.parts[self.place]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the display window."""
        return self.part.header.display_window.size

    @property
    def kind(self) -> np.dtype[Any]:
        """The widest type among the colours."""
        return np.dtype(np.result_type(*(self.part.channels[name].dtype for name in self.colour)))

    @property
    def data_window(self) -> Box:
        """Where the picture's pixels lie; it may reach beyond the display window."""
        return _relative(self.part.header.data_window, self.part.header.display_window)

    def colours(self, box: Box | None = None) -> FloatArray:
        """Colours of a box (all of the display window if not given), (h, w, 3) float32; 0 where the file has
        no pixels."""
        return np.dstack([self._values(name, box) for name in self.colour])

    def opacity(self) -> Mask | None:
        """The alpha of the picture, (H, W) float32; ``None`` if it has none."""
        return None if self.alpha is None else self._values(self.alpha, None)

    def painted(self, box: Box, colours: FloatArray, where: npt.NDArray[np.bool_]) -> Plate:
        """The plate with ``colours`` (h, w, 3) in a box ``where`` (h, w) says so. Pixels outside the data
        window do not exist and are not made."""
        target, source = self._overlap(box)
        channels = dict(self.part.channels)
        inside = where[source]
        for number, name in enumerate(self.colour):
            copy = channels[name].copy()
            np.copyto(copy[target], _stored(colours[..., number][source], copy.dtype), where=inside)
            channels[name] = copy
        return self._with_part(replace(self.part, channels=channels))

    def with_layer(self, name: str, box: Box, values: FloatArray) -> Plate:
        """The plate with values (h, w) of a box added to the channel ``name``, which is 0 elsewhere."""
        window = self.data_window
        channel = self.added.get(name)
        channel = np.zeros((window.height, window.width), np.float16) if channel is None else channel.copy()
        if self.kind == np.float32 and channel.dtype != np.float32:
            channel = channel.astype(np.float32)
        target, source = self._overlap(box)
        channel[target] = _stored(values[source], channel.dtype)
        return replace(self, added={**self.added, name: channel})

    def with_attributes(self, added: Sequence[Attribute]) -> Plate:
        """The plate with these attributes in the header of its picture, in place of those of the same
        names."""
        names = {one.name for one in added}
        kept = [one for one in self.part.header.attributes if one.name not in names]
        header = replace(self.part.header, attributes=[*kept, *added])
        return self._with_part(replace(self.part, header=header))

    def shown(self, light: FloatArray) -> npt.NDArray[np.uint16]:
        """``light`` (H, W, 3), that of :meth:`colours`, in sRGB with 16 bits, and with alpha (H, W, 4) where
        the plate has one; colours are not premultiplied then. Highlights above white are clipped."""
        opacity = self.opacity()
        if opacity is None:
            return np.rint(to_srgb(light) * 65535).astype(np.uint16)
        share = np.clip(np.nan_to_num(opacity, nan=0.0), 0, 1)[..., None]
        colours = to_srgb(np.asarray(light / np.maximum(share, np.float32(1e-6)), dtype=np.float32))
        return np.asarray(np.rint(np.concatenate([colours, share], axis=2) * 65535), dtype=np.uint16)

    def _with_part(self, part: PlatePart) -> Plate:
        parts = list(self.parts)
        parts[self.place] = part
        return replace(self, parts=parts)

    def _values(self, name: str, box: Box | None) -> FloatArray:
        box = box or Box(0, 0, *self.size)
        result = np.zeros((box.height, box.width), dtype=np.float32)
        source, target = self._overlap(box)
        result[target] = self.part.channels[name][source]
        return result

    def _overlap(self, box: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The pixels that a box shares with the data window: in the channels, and in the box."""
        window = self.data_window
        left, top = max(box.left, window.left), max(box.top, window.top)
        right = max(left, min(box.right, window.right))
        bottom = max(top, min(box.bottom, window.bottom))
        return (
            (slice(top - window.top, bottom - window.top), slice(left - window.left, right - window.left)),
            (slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left)),
        )


def find_picture(parts: Sequence[ExrPart]) -> tuple[int, tuple[str, str, str], str | None]:
    """The part with the picture, its colours and its alpha: the first one with channels R, G and B, else with
    those of a layer (``beauty.R``). Raises ``ValueError`` where there is none."""
    for prefixes in ([""], None):
        for place, part in enumerate(parts):
            layers = dict.fromkeys(name[:-1] for name in part.channels if name.endswith("R"))
            for prefix in prefixes or layers:
                red, green, blue = (prefix + name for name in _RGB)
                if all(
                    name in part.channels and part.channels[name].kind == "f" for name in (red, green, blue)
                ):
                    alpha = prefix + "A"
                    known = alpha in part.channels and part.channels[alpha].kind == "f"
                    return place, (red, green, blue), alpha if known else None
    raise ValueError("not an EXR image of red, green and blue")


def plate_of(pixels: FloatArray, alpha: Mask | None = None, aspect: Fraction = Fraction(1)) -> Plate:
    """A plate of half floats made of linear light (H, W, 3), premultiplied with ``alpha``."""
    height, width = pixels.shape[:2]
    channels = {name: _stored(pixels[..., number], np.dtype(np.float16)) for number, name in enumerate(_RGB)}
    if alpha is not None:
        channels["A"] = _stored(alpha, np.dtype(np.float16))
    window = Window(0, 0, width - 1, height - 1)
    kinds = {name: channel.dtype for name, channel in channels.items()}
    shape = Attribute("pixelAspectRatio", "float", np.float32(aspect).tobytes())
    header = ExrPart("", [shape], kinds, window, window, 3)
    return Plate([PlatePart(header, channels)], 0, _RGB, None if alpha is None else "A")


def _stored(values: FloatArray, kind: np.dtype[Any]) -> Channel:
    if kind == np.float16:
        values = np.clip(values, -_HALF, _HALF)
    return values.astype(kind)


def _relative(window: Window, display: Window) -> Box:
    left, top = window.left - display.left, window.top - display.top
    width, height = window.size
    return Box(left, top, left + width, top + height)
