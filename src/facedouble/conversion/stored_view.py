"""The model's view of a face, from its stored crop."""

from __future__ import annotations

import numpy as np

from facedouble.conversion.light import without_light
from facedouble.conversion.plan import PlannedFace
from facedouble.conversion.visibility import visible_in_view
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import FloatArray, Image, Landmarks


def stored_view(planned: PlannedFace, store: Faceset, view: InputCrop) -> tuple[Image, Landmarks]:
    """The model's view of a face in the usual light, from its stored crop, and its landmarks there."""
    face = planned.face
    inner = view.alignment(np.eye(2, 3), face.crop_size)
    crop = extract_crop(store.read_crop(face), inner, view.resolution)
    crop = without_light(crop, planned.light)
    return crop, map_points(inner, map_points(face.alignment, face.smoothed))


def stored_input(planned: PlannedFace, crop: Image, landmarks: Landmarks, view: InputCrop) -> FloatArray:
    """The network's input for such a view: (R, R, 3) float32 0..1 in the standard colouring, hidden parts
    filled."""
    visible = visible_in_view(planned, view)
    return network_input(crop, landmarks, scheme_of(planned.face), planned.statistics, visible)
