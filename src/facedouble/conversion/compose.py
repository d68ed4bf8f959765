"""From what the network drew to the finished frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.blends import BLENDS
from facedouble.conversion.outputs import OUTPUTS, Layer
from facedouble.conversion.patch import Patch
from facedouble.conversion.plan import Planned
from facedouble.conversion.steps import edge_width, make_steps
from facedouble.conversion.swapper import Drawn
from facedouble.faces.align import inverse, map_points, recrop, scale_of
from facedouble.faces.colour import to_float
from facedouble.faces.network_input import InputCrop
from facedouble.types import Alignment, FloatArray, Grey, Image, Mask

_EDGE_PIXELS = 12.0  # of the mask across its soft edge: finer would not be seen once it is in the frame
_COARSEST = 96


class Compositor:
    """Puts drawn faces into their frames. It keeps nothing from frame to frame, so frames may be
    composed in any order and in any thread."""

    def __init__(self, settings: ConvertSettings, view: InputCrop) -> None:
        self.view = view
        self.steps = make_steps(settings)
        self.blend = BLENDS["seamless" if settings.seamless else settings.blend]
        self.output = OUTPUTS[settings.output_mode]
        width = edge_width(settings)
        self._fineness = _EDGE_PIXELS / width if width else np.inf
        if settings.occlusion != "none":  # hidden parts have edges of their own
            self._fineness = max(self._fineness, 2 * view.resolution)

    def compose(
        self, image: Image, faces: Sequence[tuple[Planned, Drawn]], matte: Grey | None = None
    ) -> Image:
        """``image`` (H, W, 3) with the faces in it replaced, or what else the output mode says; its type is
        kept (uint8, or uint16 of full range). ``matte`` (H, W) of that type is white where faces may be
        painted."""
        layers = []
        for item, drawn in faces:
            patch = Patch(item, image, drawn.picture, drawn.mask, *self._canvas(item))
            for step in self.steps:
                patch = step(patch)
            placed = place(patch, self.view.of(item.face.alignment, item.face.crop_size))
            if placed is None:
                continue
            layer = placed
            mask = layer.alpha
            if matte is not None:
                mask = mask * to_float(matte[layer.place])
            layers.append(
                Layer(layer.left, layer.top, *self.blend(to_float(image[layer.place]), layer.picture, mask))
            )
        return self.output.compose(image, layers)

    def _canvas(self, item: Planned) -> tuple[Mask, Alignment]:
        """An empty mask for a face, and the alignment to it: as fine as the face is in the frame, but no
        finer than its soft edge needs."""
        seen = self.view.of(item.face.alignment, item.face.crop_size)
        on_screen = self.view.resolution / scale_of(seen)
        size = max(16, round(min(on_screen, max(_COARSEST, self._fineness))))
        return np.ones((size, size), dtype=np.float32), recrop(seen, self.view.resolution, 1.0, size)


def place(patch: Patch, seen: Alignment) -> Layer | None:
    """Picture and mask brought to the frame's pixels, over the rectangle in which the mask is more than 0;
    ``None`` where that lies outside the frame. ``seen`` takes frame pixels to the picture's.

    The picture is interpolated once, bicubic; one that is finer than the frame is averaged down before.
    """
    height, width = patch.frame.shape[:2]
    left, top, across, down = cv2.boundingRect((patch.mask > 0).astype(np.uint8))
    if across == 0:
        return None
    edges = np.array([(left, top), (left + across, top), (left + across, top + down), (left, top + down)])
    back = inverse(patch.alignment)
    # Bilinear interpolation reaches one pixel of the mask beyond its last.
    spots = map_points(back, edges.astype(np.float32) - 0.5 + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))
    x, y = np.maximum(np.floor(spots.min(axis=0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(spots.max(axis=0)).astype(int) + 1, (width, height)).tolist()
    if right <= x or bottom <= y:
        return None
    area = (right - x, bottom - y)
    alpha = cv2.warpAffine(patch.mask, _moved(back, x, y), area, flags=cv2.INTER_LINEAR)
    picture, fine = _reduced(patch.picture, seen)
    warped = cv2.warpAffine(
        picture, _moved(inverse(fine), x, y), area, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return Layer(x, y, np.asarray(warped), np.asarray(alpha))


def _moved(back: Alignment, x: int, y: int) -> Alignment:
    result = back.copy()
    result[:, 2] -= (x, y)
    return result


def _reduced(picture: FloatArray, alignment: Alignment) -> tuple[FloatArray, Alignment]:
    """A picture that is finer than the frame at the frame's resolution, and the alignment to it."""
    resolution = picture.shape[0]
    size = max(1, round(resolution / scale_of(alignment)))
    if size >= resolution:
        return picture, alignment
    smaller = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller), recrop(alignment, resolution, 1.0, size)
