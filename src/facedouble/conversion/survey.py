"""What is measured before the first frame is written, so that it is the same for all of a track.

The new face's colours can only be matched to the frame's when it is known what the model draws, and a
matching fitted to each frame by itself would flicker. So some faces of each track, evenly spread, are drawn
from the faceset's crops first, and one matching is fitted to all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.colours import Samples, Tones, fit_tones
from facedouble.conversion.plan import Planned
from facedouble.conversion.steps import check, make_fits
from facedouble.conversion.swapper import Swapper
from facedouble.errors import SettingsError
from facedouble.faces.align import extract_crop, map_points, scale_of
from facedouble.faces.colour import apply_statistics, standardise, to_float
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faceset import Faceset
from facedouble.types import FloatArray, Image, Landmarks
from facedouble.video.images import read_image

Plan = Mapping[int, Sequence[Planned]]

_FACES = 12  # drawn of each track
_PIXELS = 20_000  # that a matching is fitted to at most
_FEWEST = 200  # and at least: faces seen from the side may be too narrow
_MARGIN = 0.03  # of the square, inside the landmarks' hull: where pixels are taken from


def survey(
    plan: Plan, faceset: Path, swapper: Swapper, settings: ConvertSettings
) -> dict[int, list[Planned]]:
    """``plan`` with the tones of each track.

    Raises ``SettingsError`` where the model has not learned the mask that is wanted.
    """
    check(settings)
    tracks: dict[int, list[Planned]] = {}
    for _, items in sorted(plan.items()):
        for item in items:
            tracks.setdefault(item.face.track, []).append(item)
    result: dict[int, list[Planned]] = {index: [] for index in sorted(plan)}
    with Faceset.open(faceset) as store:
        for _, members in sorted(tracks.items()):
            tones = _tones(members, store, swapper, settings)
            for item in members:
                result[item.face.frame_index].append(replace(item, tones=tones))
    for items in result.values():
        items.sort(key=lambda item: item.face.face_index)
    return result


def _tones(members: Sequence[Planned], store: Faceset, swapper: Swapper, settings: ConvertSettings) -> Tones:
    places = np.linspace(0, len(members) - 1, min(_FACES, len(members))).round().astype(int)
    sample = [members[place] for place in places]
    crops = [_seen(item, store, swapper.view) for item in sample]
    drawn = swapper.draw(
        [network_input(crop, points, item.colour) for item, (crop, points) in zip(sample, crops, strict=True)]
    )
    if drawn and drawn[0].mask is None and "learned" in (settings.mask_type, settings.occlusion):
        option = "--mask-type" if settings.mask_type == "learned" else "--occlusion"
        raise SettingsError(f"{option} learned: this model has not learned a mask; choose another")
    light = np.mean([item.colour for item in members], axis=0).astype(np.float32)
    own = swapper.card.statistics(swapper.side)
    fits = make_fits(settings)
    if not fits:
        return Tones(own)
    keeps_contrast = settings.converter == "adjust" or settings.colour == "none"
    base = own if keeps_contrast else light
    new, old = [], []
    for item, (crop, points), face in zip(sample, crops, drawn, strict=True):
        inside = inner_face_mask(points, swapper.view.resolution, _MARGIN) > 0.5
        new.append(face.picture[inside])
        # All in one light, or what changes between the samples would count as contrast of the face.
        old.append(apply_statistics(standardise(to_float(crop)[inside], item.colour), light))
    if sum(map(len, new)) < _FEWEST:
        return Tones(light, light=light)
    return fit_tones(fits, settings.colour_space, base, light, _thinned(new), _thinned(old))


def _seen(item: Planned, store: Faceset, view: InputCrop) -> tuple[Image, Landmarks]:
    """A face's crop as the model sees it, from the faceset, and its landmarks there."""
    face = item.face
    inner = view.of(np.eye(2, 3), face.crop_size)
    crop = extract_crop(read_image(store.crop_path(face)), inner, view.resolution)
    return crop, map_points(inner, map_points(face.alignment, face.smoothed))


def _thinned(parts: Sequence[FloatArray]) -> Samples:
    """Pixels of all parts, evenly thinned out."""
    pixels = np.concatenate(parts)
    return np.asarray(pixels[:: max(1, len(pixels) // _PIXELS)], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Faces that are larger on screen than the model's resolution: how many, of how many, and by how much
    the largest is. ``most`` 2 means that one pixel of the model covers 2 x 2 of the frame."""

    faces: int
    of: int
    most: float


def too_large(plan: Plan, view: InputCrop) -> TooLarge:
    """How many faces of a plan come out softer than the frame because the model draws too few pixels."""
    times = [
        1 / scale_of(view.of(item.face.alignment, item.face.crop_size))
        for items in plan.values()
        for item in items
    ]
    return TooLarge(sum(1 for value in times if value > 1), len(times), max(times, default=0.0))
