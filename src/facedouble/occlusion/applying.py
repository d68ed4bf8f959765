"""Masks written into a faceset, and looked through: those first that fit their neighbours least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.faces.colour import to_float
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.layers import Maker
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import MASK, masked_faces, read_visible
from facedouble.occlusion.learning import tracks_of
from facedouble.occlusion.masks import hull_of
from facedouble.occlusion.network import SIDE
from facedouble.occlusion.steady import disagreement
from facedouble.occlusion.track_masks import OcclusionFinder, read_track_crop
from facedouble.occlusion.weight_files import weights_digest
from facedouble.occlusion.weights import NAME
from facedouble.run.run import Run, operation
from facedouble.settings.occlusion import OcclusionUse
from facedouble.types import Face, Grey, Image, Mask

_HIDDEN = 0.005  # of the face, from which on something is in front of it
_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class AppliedResult:
    """``faces`` looked at, ``hidden`` those with something in front of them, ``kept`` those whose mask or
    outlines a person or an import made."""

    faces: int
    hidden: int
    kept: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A face, how much of it is hidden, 0..1, and how far its mask is from its neighbours', moved to it, as
    a share of the face; with its crop (256, 256, 3) and mask (256, 256)."""

    face: Face
    hidden: float
    apart: float
    crop: Image
    mask: Grey


def apply_occlusion(
    path: Path, settings: OcclusionUse, *, device: str = "auto", run: Run | None = None
) -> AppliedResult:
    """Write a mask of what is visible for each face in use of the faceset ``path``, but for those that a
    person or an import has described. Raises ``InputError``, ``OutputError``."""
    with operation("occlusion apply", run) as run, Faceset.open(path) as store:
        finder = OcclusionFinder(settings.network, device, hands=settings.hands)
        maker = Maker("network", NAME, weights_digest(settings.network))
        described = masked_faces(store, ("hand", "import"))
        faces = store.faces(include_blurry=True)
        if not faces:
            raise InputError(f"{path}: no face is in use")
        hidden = 0
        for track in tracks_of(faces):
            masks = finder.find(track, store, run)
            for face in track:
                if face.key in described:
                    continue
                hull = hull_of(read_track_crop(store, face), scheme_of(face))
                hidden += _share(masks[face.key], hull) > _HIDDEN
                store.put_layer(face, MASK, masks[face.key], maker)
        kept = sum(face.key in described for face in faces)
        return run.finish(AppliedResult(len(faces), hidden, kept))


def doubtful(path: Path, limit: int, run: Run | None = None) -> list[Doubt]:
    """At most ``limit`` faces of a faceset whose masks fit those of their neighbours least, the worst
    first. Faces that a person described are not among them. Raises ``InputError`` where there is no mask."""
    run = run or Run()
    found: list[Doubt] = []
    with Faceset.open(path) as store:
        masked, by_hand = masked_faces(store), masked_faces(store, ("hand",))
        faces = [face for face in store.faces(include_blurry=True) if face.key in masked]
        if not faces:
            raise InputError(f"{path}: no face has a mask; `facedouble occlusion apply` makes them")
        for track in tracks_of(faces):
            for start in range(0, len(track), _AT_A_TIME):
                run.check()
                part = track[max(0, start - 1) : start + _AT_A_TIME + 1]
                found += [doubt for doubt in _doubts(store, part) if doubt.face.key not in by_hand]
                found = sorted(found, key=lambda doubt: (-doubt.apart, doubt.face.key))[:limit]
    return found


def _doubts(store: Faceset, part: Sequence[Face]) -> list[Doubt]:
    crops = [read_track_crop(store, face) for face in part]
    masks = [read_visible(store, face, SIDE) for face in part]
    hulls = [hull_of(crop, scheme_of(face)) for crop, face in zip(crops, part, strict=True)]
    small = [np.asarray(cv2.resize(crop.crop, (SIDE, SIDE)), np.uint8) for crop in crops]
    adjacent = [after.frame_index - before.frame_index == 1 for before, after in pairwise(part)]
    apart = disagreement([to_float(mask) for mask in masks], small, hulls, adjacent)
    return [
        Doubt(face, _share(mask, hull), value, crop, mask)
        for face, mask, hull, value, crop in zip(part, masks, hulls, apart, small, strict=True)
    ]


def _share(mask: Grey, hull: Mask) -> float:
    """How much of a face its mask hides, 0..1."""
    return float(((1 - to_float(mask)) * hull).sum() / max(float(hull.sum()), 1.0))
