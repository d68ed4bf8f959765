"""What a person sets of a face, and keeping it when a new run finds the faces of a frame anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any

import numpy as np

from facedouble.faces.align import align
from facedouble.faces.landmarks import box_around
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faces.smoothing import crop_enlargements
from facedouble.types import Alignment, Face, Landmarks

_SAME_FACE = 0.4  # overlap of the boxes of one face, as one run and another see it


_SAME_CROP = 1e-6  # of an alignment's values


def with_landmarks(
    face: Face, landmarks: Landmarks, settings: Mapping[str, Any], alignment: Alignment | None = None
) -> Face:
    """``face`` with landmarks (P, 2) that a person set, in frame pixels. Its crop is aligned to them as an
    extraction with ``settings`` does it, unless ``alignment`` places it by hand."""
    if alignment is None:
        alignment = alignment_of(face, landmarks, settings)
    return face.with_(
        landmarks=landmarks,
        smoothed=landmarks,
        box=box_around(landmarks, scheme_of(face)),
        alignment=alignment,
        expression=None,
        edited=True,
        cropped=False,
    )


def alignment_of(face: Face, landmarks: Landmarks, settings: Mapping[str, Any]) -> Alignment:
    """The alignment that extraction gives ``face`` alone, without its neighbours in time, for other
    ``landmarks``."""
    shaped = face.with_(landmarks=landmarks, smoothed=landmarks)
    enlarge = crop_enlargements([shaped])[0] if settings.get("align_turned", False) else 1.0
    level = bool(settings.get("align_eyes", False))
    return align(landmarks, face.crop_size, scheme_of(face), level_eyes=level, enlarge=float(enlarge))


def is_crop_by_hand(face: Face, settings: Mapping[str, Any]) -> bool:
    """Whether a person placed the crop of ``face``, and not only its landmarks."""
    own = alignment_of(face, face.landmarks, settings)
    return face.edited and not np.allclose(face.alignment, own, rtol=_SAME_CROP, atol=_SAME_CROP)


def keep_edits(edited: Sequence[Face], found: Sequence[Face]) -> list[Face]:
    """The faces ``found``, with numbers that leave each of the ``edited`` ones its own.

    Of the faces found on a frame, the one that overlaps an edited face most is that face and gets its number;
    the others get the numbers that are free, in their order. An edited face that was not found again is not
    in the result: the store keeps it as it is.
    """
    by_frame = {index: list(faces) for index, faces in groupby(edited, key=lambda face: face.frame_index)}
    if not by_frame:
        return list(found)
    result: list[Face] = []
    for face_frame, faces in _frames(found):
        known = by_frame.get(face_frame)
        result += faces if known is None else _renumbered(known, faces)
    return result


def same_face(known: Face, found: Sequence[Face]) -> Face | None:
    """The face among those ``found`` on a frame that is the one ``known`` there; ``None`` if none is."""
    nearest = max(found, key=lambda face: known.box.overlap(face.box), default=None)
    return nearest if nearest is not None and known.box.overlap(nearest.box) >= _SAME_FACE else None


def _frames(faces: Sequence[Face]) -> Iterator[tuple[int, list[Face]]]:
    frames: dict[int, list[Face]] = {}
    for face in faces:
        frames.setdefault(face.frame_index, []).append(face)
    return iter(frames.items())


def _renumbered(known: Sequence[Face], found: Sequence[Face]) -> list[Face]:
    pairs = sorted(
        (
            (old.box.overlap(new.box), -place, old.face_index)
            for old in known
            for place, new in enumerate(found)
            if old.box.overlap(new.box) >= _SAME_FACE
        ),
        reverse=True,
    )
    number_of: dict[int, int] = {}
    for _, place, number in pairs:
        if -place not in number_of and number not in number_of.values():
            number_of[-place] = number
    taken = {face.face_index for face in known}
    free = (number for number in count() if number not in taken)
    return [
        face.with_(face_index=number_of[place] if place in number_of else next(free))
        for place, face in enumerate(found)
    ]
