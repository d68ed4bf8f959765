"""The step that leaves to the source what is in front of the face."""

from __future__ import annotations

import json

import cv2
import numpy as np

from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.plan import FitRecord
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Track
from facedouble.conversion.visibility import OCCLUSION, VisibleParts
from facedouble.faces.align import alignment_in_region, crop_bounds, inverse, recrop
from facedouble.faces.colour import to_float
from facedouble.occlusion.edges import sharpen_edges
from facedouble.settings.convert import ConvertSettings, FoundOcclusion
from facedouble.types import Box, Grey, Mask

_FINER = 1.2  # of the mask's resolution: a frame that is so much finer draws the edges anew


class FindOcclusion(FittedStep):
    """Masks of the faceset (a person's, imported, a network's); of a face that has none, what the network
    finds.

    All masks are made before the first frame and kept with the plan. Their edges are laid on those of the
    frame where it is finer than they are.
    """

    name = OCCLUSION
    hides = True

    def __init__(self, settings: FoundOcclusion, device: str, resolution: int) -> None:
        from facedouble.occlusion.track_masks import OcclusionFinder  # PyTorch, which others do without

        self._finder = OcclusionFinder(settings.network, device, hands=settings.hands)
        self.min_mask_size = 2 * resolution  # what is in front of the face has sharp edges of its own

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> FindOcclusion | None:
        how = settings.occlusion
        if not isinstance(how, FoundOcclusion):
            return None
        return cls(how, settings.compute.device, swapper.view.resolution)

    def fit_key(self) -> str:
        return json.dumps(["visible", 1, *self._finder.version])

    def fit(self, track: Track) -> VisibleParts:
        faces = [planned.face for planned in track.faces]
        return VisibleParts.of(self._finder.known_or_found(faces, track.store, track.run))

    @classmethod
    def load_fit(cls, record: FitRecord) -> VisibleParts:
        return VisibleParts.from_record(record)

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        fit = layer.planned.fits.get(self.name)
        mask = fit.mask(layer.planned.face.key) if isinstance(fit, VisibleParts) else None
        if mask is None:
            return layer
        return layer.with_(mask=layer.mask * on_frame(mask, layer))


def on_frame(mask: Grey, layer: FaceLayer) -> Mask:
    """A mask (S, S) of a whole crop where the layer's mask is, 0..1, with the edges of the frame."""
    face, size = layer.planned.face, layer.mask_size
    own = recrop(face.alignment, face.crop_size, 1.0, mask.shape[0])
    there = np.vstack([own, (0, 0, 1)]) @ np.vstack([inverse(layer.alignment), (0, 0, 1)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        to_float(mask),
        there[:2],
        (size, size),
        flags=flags,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(1.0,),
    )
    visible = np.asarray(np.clip(moved, 0, 1), np.float32)
    finer = np.sqrt(abs(np.linalg.det(there[:2, :2])))  # pixels of the mask for one of the layer
    if finer * _FINER > 1 or (visible > 0.99).all():
        return visible
    height, width = layer.frame.shape[:2]
    left, top, right, bottom = crop_bounds(layer.alignment, size, width, height, margin=2)
    part = layer.frame[top:bottom, left:right]
    inside = alignment_in_region(layer.alignment, Box(left, top, right, bottom), (right - left, bottom - top))
    shown = cv2.warpAffine(
        part, inside, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return sharpen_edges(visible, np.asarray(shown))
