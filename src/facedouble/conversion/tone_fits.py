"""Colour transfers fitted to each track before the first frame is written.

Matching the colours of the new face to the frame's requires knowing what the model draws, and a transfer
fitted frame by frame would flicker. So some faces of each track, evenly spread, are drawn from the faceset's
crops first, and one transfer is fitted to all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.colour_transfer import Samples, ToneFit, fit_tones
from facedouble.conversion.face_pipeline import check, make_fits
from facedouble.conversion.plan import FacesByFrame, PlannedFace
from facedouble.conversion.swapper import Swapper
from facedouble.errors import SettingsError
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.colour import apply_statistics, standardise, to_float
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset import Faceset
from facedouble.types import FloatArray, Image, Landmarks
from facedouble.video.images import read_image

_FACES_PER_TRACK = 12
_MAX_PIXELS = 20_000  # a transfer is fitted to at most
_MIN_PIXELS = 200  # and at least: a face in profile may be too narrow
_MARGIN = 0.03  # of the square, inside the landmarks' hull: pixels are taken from within it


def fit_track_tones(
    faces: FacesByFrame, faceset: Path, swapper: Swapper, settings: ConvertSettings
) -> dict[int, list[PlannedFace]]:
    """``faces`` with the tone fit of their track.

    Raises ``SettingsError`` if the settings need a learned mask that the model does not have.
    """
    check(settings)
    tracks: dict[int, list[PlannedFace]] = {}
    for _, members in sorted(faces.items()):
        for planned in members:
            tracks.setdefault(planned.face.track, []).append(planned)
    result: dict[int, list[PlannedFace]] = {index: [] for index in sorted(faces)}
    with Faceset.open(faceset) as store:
        for _, members in sorted(tracks.items()):
            tone_fit = _fit(members, store, swapper, settings)
            for planned in members:
                result[planned.face.frame_index].append(replace(planned, tone_fit=tone_fit))
    for members in result.values():
        members.sort(key=lambda planned: planned.face.face_index)
    return result


def _fit(
    members: Sequence[PlannedFace], store: Faceset, swapper: Swapper, settings: ConvertSettings
) -> ToneFit:
    chosen = np.linspace(0, len(members) - 1, min(_FACES_PER_TRACK, len(members))).round().astype(int)
    sample = [members[position] for position in chosen]
    crops = [_viewed(planned, store, swapper.view) for planned in sample]
    drawn = swapper.draw(
        [
            network_input(crop, landmarks, scheme_of(planned.face), planned.statistics)
            for planned, (crop, landmarks) in zip(sample, crops, strict=True)
        ]
    )
    if drawn and drawn[0].mask is None and "learned" in (settings.mask_type, settings.occlusion):
        option = "--mask-type" if settings.mask_type == "learned" else "--occlusion"
        raise SettingsError(f"{option} learned: this model has no learned mask; choose another")
    light = np.mean([planned.statistics for planned in members], axis=0).astype(np.float32)
    own = swapper.card.statistics(swapper.side)
    fits = make_fits(settings)
    if not fits:
        return ToneFit(own)
    keeps_contrast = settings.converter == "adjust" or settings.colour == "none"
    base = own if keeps_contrast else light
    new, old = [], []
    for planned, (crop, landmarks), face in zip(sample, crops, drawn, strict=True):
        scheme = scheme_of(planned.face)
        inside = inner_face_mask(landmarks, swapper.view.resolution, scheme, _MARGIN) > 0.5
        new.append(face.picture[inside])
        # All in one light: changes between the samples would otherwise count as contrast of the face.
        old.append(apply_statistics(standardise(to_float(crop)[inside], planned.statistics), light))
    if sum(map(len, new)) < _MIN_PIXELS:
        return ToneFit(light, light=light)
    return fit_tones(fits, settings.colour_space, base, light, _thinned(new), _thinned(old))


def _viewed(planned: PlannedFace, store: Faceset, view: InputCrop) -> tuple[Image, Landmarks]:
    """The model's view of a face, from its crop in the faceset, and its landmarks in the view's pixels."""
    face = planned.face
    inner = view.alignment(np.eye(2, 3), face.crop_size)
    crop = extract_crop(read_image(store.crop_path(face)), inner, view.resolution)
    return crop, map_points(inner, map_points(face.alignment, face.smoothed))


def _thinned(parts: Sequence[FloatArray]) -> Samples:
    """Pixels of all parts, evenly subsampled."""
    pixels = np.concatenate(parts)
    return np.asarray(pixels[:: max(1, len(pixels) // _MAX_PIXELS)], dtype=np.float32)
