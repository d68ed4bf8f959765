"""From what the network drew to the finished frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_pipeline import make_treatments
from facedouble.conversion.face_step import FaceStep
from facedouble.conversion.output_modes import OutputMode
from facedouble.conversion.plan import PlannedFace
from facedouble.conversion.registry import BLENDS, OUTPUT_MODES
from facedouble.conversion.swapper import DrawnFace, Swapper
from facedouble.faces.align import inverse, map_points, recrop, scale_of
from facedouble.faces.colour import to_float
from facedouble.faces.network_input import InputCrop
from facedouble.settings.convert import ConvertSettings
from facedouble.types import Alignment, FloatArray, Grey, Image, Mask
from facedouble.video.overlay import Overlay

_MIN_MASK_SIZE = 96


class Compositor:
    """Puts drawn faces into their frames. It keeps no state between frames, so frames may be composed in
    any order and in any thread."""

    def __init__(self, settings: ConvertSettings, swapper: Swapper) -> None:
        self.view = swapper.view
        self._treatments = make_treatments(settings, swapper)
        self.steps = [step for treatment in self._treatments for step in treatment.steps]
        self.output_mode: OutputMode = OUTPUT_MODES[settings.render.mode]

    def compose(
        self,
        image: Image,
        faces: Sequence[tuple[PlannedFace, DrawnFace]],
        matte: Grey | None = None,
        frame: int = 0,
    ) -> Image:
        """``image`` (H, W, 3) with its faces replaced, or whatever the output mode shows of it, in the same
        type (uint8, or uint16 of full range). ``matte`` (H, W) of that type is white where faces may be
        painted. ``frame``: its place in the source."""
        return self.output_mode.compose(image, self.overlays(image, faces, matte, frame))

    def overlays(
        self,
        image: Image,
        faces: Sequence[tuple[PlannedFace, DrawnFace]],
        matte: Grey | None = None,
        frame: int = 0,
    ) -> list[Overlay]:
        """The faces as they are laid over ``image``, lowest first; parameters as in :meth:`compose`."""
        overlays = []
        for planned, drawn in faces:
            track = planned.face.track
            treatment = next(one for one in reversed(self._treatments) if one.fits(frame, track))
            canvas = self._canvas(planned, treatment.steps)
            layer = FaceLayer(planned, image, drawn.picture, drawn.mask, *canvas)
            whole = None
            for step in treatment.steps:
                whole = layer.mask if step.hides else whole
                layer = step(layer)
            view = InputCrop(layer.picture.shape[0], self.view.coverage)
            alignment = view.alignment(planned.face.alignment, planned.face.crop_size)
            overlay = warp_to_frame(layer, alignment, whole)
            if overlay is None:
                continue
            mask = overlay.alpha
            if matte is not None:
                mask = mask * to_float(matte[overlay.area])
            blend = BLENDS[treatment.settings.blend.kind]
            blended = blend(to_float(image[overlay.area]), overlay.picture, mask)
            overlays.append(Overlay(overlay.left, overlay.top, *blended, overlay.mask))
        return overlays

    def _canvas(self, planned: PlannedFace, steps: Sequence[FaceStep]) -> tuple[Mask, Alignment]:
        """A full mask for a face, and the alignment to it: at the face's resolution in the frame, but no
        finer than the steps need."""
        finest = max([_MIN_MASK_SIZE, *(step.min_mask_size for step in steps)])
        alignment = self.view.alignment(planned.face.alignment, planned.face.crop_size)
        size_in_frame = self.view.resolution / scale_of(alignment)
        size = max(16, round(min(size_in_frame, finest)))
        return np.ones((size, size), dtype=np.float32), recrop(alignment, self.view.resolution, 1.0, size)


def warp_to_frame(layer: FaceLayer, alignment: Alignment, whole: Mask | None = None) -> Overlay | None:
    """Warp picture and mask to frame pixels, over the bounding rectangle of the mask; ``None`` if that lies
    outside the frame. ``alignment`` maps frame pixels to picture pixels. ``whole`` is the mask with what is
    in front of the face, and of at least that extent.

    The picture is interpolated once, bicubically; one that is finer than the frame is area-averaged before.
    """
    height, width = layer.frame.shape[:2]
    left, top, mask_width, mask_height = cv2.boundingRect(
        ((layer.mask if whole is None else whole) > 0).astype(np.uint8)
    )
    if mask_width == 0:
        return None
    right, bottom = left + mask_width, top + mask_height
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    to_frame = inverse(layer.alignment)
    # Bilinear interpolation reaches one pixel beyond the mask's last.
    reach = corners.astype(np.float32) - 0.5 + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    in_frame = map_points(to_frame, reach)
    x, y = np.maximum(np.floor(in_frame.min(axis=0)).astype(int), 0).tolist()
    x_end, y_end = np.minimum(np.ceil(in_frame.max(axis=0)).astype(int) + 1, (width, height)).tolist()
    if x_end <= x or y_end <= y:
        return None
    size = (x_end - x, y_end - y)
    masks = [
        None if mask is None else cv2.warpAffine(mask, _shifted(to_frame, x, y), size, flags=cv2.INTER_LINEAR)
        for mask in (layer.mask, whole)
    ]
    picture, to_picture = _reduced(layer.picture, alignment)
    warped = cv2.warpAffine(
        picture,
        _shifted(inverse(to_picture), x, y),
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    alpha, everything = (None if mask is None else np.asarray(mask, dtype=np.float32) for mask in masks)
    assert alpha is not None
    return Overlay(x, y, np.asarray(warped), alpha, everything)


def _shifted(to_frame: Alignment, x: int, y: int) -> Alignment:
    result = to_frame.copy()
    result[:, 2] -= (x, y)
    return result


def _reduced(picture: FloatArray, alignment: Alignment) -> tuple[FloatArray, Alignment]:
    """A picture that is finer than the frame, at the frame's resolution, and the alignment to it."""
    resolution = picture.shape[0]
    size = max(1, round(resolution / scale_of(alignment)))
    if size >= resolution:
        return picture, alignment
    smaller = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller), recrop(alignment, resolution, 1.0, size)
