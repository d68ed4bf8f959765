"""From what the network drew to the finished frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.blend import blend
from facedouble.conversion.patch import Patch
from facedouble.conversion.plan import Planned
from facedouble.conversion.steps import make_steps
from facedouble.conversion.swapper import Drawn
from facedouble.faces.align import apply, recrop
from facedouble.faces.view import View
from facedouble.types import FloatArray, Image

_PATCH_SIZE = 256


class Compositor:
    """Puts drawn faces into their frames. It keeps nothing from frame to frame, so frames may be
    composed in any order and in any thread."""

    def __init__(self, settings: ConvertSettings, view: View, model_colour: FloatArray) -> None:
        self.view, self.model_colour = view, model_colour
        self.steps = make_steps(settings)

    def compose(self, image: Image, faces: Sequence[tuple[Planned, Drawn]]) -> Image:
        """``image`` (H, W, 3) with the faces in it replaced; ``image`` itself where there is none."""
        if not faces:
            return image
        result = image.copy()
        for item, drawn in faces:
            patch = self._patch(item, drawn)
            for step in self.steps:
                patch = step(patch)
            blend(result, patch)
        return result

    def _patch(self, item: Planned, drawn: Drawn) -> Patch:
        resolution = self.view.resolution
        size = max(_PATCH_SIZE, resolution)
        seen = self.view.of(item.face.alignment, item.face.crop_size)
        alignment = recrop(seen, resolution, 1.0, size)
        picture = drawn.picture
        if size != resolution:
            picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_LANCZOS4))
        return Patch(
            face=item.face,
            picture=picture,
            mask=np.ones((size, size), dtype=np.float32),
            alignment=alignment,
            landmarks=apply(alignment, item.face.steady),
            source_colour=item.colour,
            model_colour=self.model_colour,
        )
