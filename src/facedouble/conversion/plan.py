"""Which faces of a source are replaced, frame by frame, and all that has to be known of each beforehand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from facedouble.conversion.colours import Tones
from facedouble.conversion.ranges import Ranges
from facedouble.errors import SettingsError
from facedouble.faces.align import inverse, map_points
from facedouble.faces.colour import smooth_statistics
from facedouble.faces.references import References
from facedouble.faceset import Faceset
from facedouble.types import Box, Face, FloatArray, Landmarks

_MOST_NAMED = 8  # tracks in a message
_OUTLINE_FRAMES = 1.5  # deviation of the Gaussian that smooths the outline of masks within the crop


@dataclass(frozen=True, slots=True)
class Planned:
    """A face to replace, with all of it that is steady in time.

    ``colour`` (2, 3): the colour statistics of its surroundings in time. ``outline`` (68, 2): the landmarks
    that masks are drawn from, frame pixels. ``tones``: how the drawn face takes on the frame's colours, one
    for a track.
    """

    face: Face
    colour: FloatArray
    outline: Landmarks
    tones: Tones

    def moved(self, left: int, top: int) -> Planned:
        """The same face in the pixels of a part of the frame whose upper left corner is at (``left``,
        ``top``)."""
        face, by = self.face, np.array((left, top), dtype=np.float32)
        alignment = face.alignment.copy()
        alignment[:, 2] += alignment[:, :2] @ (left, top)
        box = Box(face.box.left - left, face.box.top - top, face.box.right - left, face.box.bottom - top)
        there = face.with_(
            box=box, landmarks=face.landmarks - by, smoothed=face.smoothed - by, alignment=alignment
        )
        return replace(self, face=there, outline=self.outline - by)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the faces of a faceset are replaced: those in ``frames``, of the people in ``references``,
    on one of ``tracks``; ``None`` or nothing for all."""

    frames: Ranges
    references: References | None = None
    tracks: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class FacePlan:
    """The faces to replace, by frame; how many were deleted from the faceset (``left_out``) and how many are
    not of those chosen (``not_chosen``)."""

    faces: dict[int, list[Planned]]
    left_out: int
    not_chosen: int


def make_plan(source: Path, faceset: Path, choice: Choice) -> FacePlan:
    """The faces to replace of a faceset that was made of ``source``.

    Raises ``InputError`` for a faceset that is not finished or of another source, ``SettingsError`` when
    there is no track of a number that was chosen.
    """
    with Faceset.open(faceset) as store:
        store.check_source(source)
        every = [face for face in store.all_faces() if face.cropped]
        kept = {face.key for face in store.faces(include_blurry=True)}
    here = [face for face in every if choice.frames.hold(face.frame_index)]
    chosen = _chosen(every, choice)
    plan: dict[int, list[Planned]] = {}
    for item in planned(every):
        face = item.face
        if face.key in kept and face.key in chosen and choice.frames.hold(face.frame_index):
            plan.setdefault(face.frame_index, []).append(item)
    return FacePlan(
        plan,
        left_out=sum(face.key not in kept for face in here),
        not_chosen=sum(face.key in kept and face.key not in chosen for face in here),
    )


def _chosen(faces: Sequence[Face], choice: Choice) -> set[tuple[int, int]]:
    """The keys of the faces whose person and track are wanted."""
    tracks: dict[int, list[Face]] = {}
    for face in faces:
        tracks.setdefault(face.track, []).append(face)
    missing = sorted(set(choice.tracks) - tracks.keys())
    if missing:
        raise SettingsError(
            f"--track: there is no track {missing[0]} in the faceset; it has {_numbers(sorted(tracks))}"
        )
    found: set[tuple[int, int]] = set()
    for number, members in tracks.items():
        if choice.tracks and number not in choice.tracks:
            continue
        judged = members if choice.references is None else choice.references.judge(members)
        found.update(face.key for face in judged if face.status not in ("stranger", "unwanted"))
    return found


def _numbers(tracks: Sequence[int]) -> str:
    if not tracks:
        return "none"
    shown = ", ".join(map(str, tracks[:_MOST_NAMED]))
    return shown if len(tracks) <= _MOST_NAMED else f"{shown} and {len(tracks) - _MOST_NAMED} more"


def planned(faces: Sequence[Face]) -> list[Planned]:
    """What can be said of faces, in order of frames, from what is stored of them. Their tones are those of
    their surroundings as they are; :func:`~facedouble.conversion.survey.survey` matches them better."""
    return [
        Planned(face, colour, outline, Tones(colour))
        for face, colour, outline in zip(faces, smooth_statistics(faces), outlines(faces), strict=True)
    ]


def outlines(faces: Sequence[Face]) -> list[Landmarks]:
    """The steady landmarks of faces, their shape within the crop smoothed along each track.

    The edge of a mask may not tremble with single landmarks; where the face is stays untouched.
    """
    result: list[Landmarks] = [face.smoothed for face in faces]
    tracks: dict[int, list[int]] = {}
    for position, face in enumerate(faces):
        tracks.setdefault(face.track, []).append(position)
    for positions in tracks.values():
        members = [faces[position] for position in positions]
        shapes = np.stack([map_points(face.alignment, face.smoothed) / face.crop_size for face in members])
        smooth = gaussian_filter1d(shapes, _OUTLINE_FRAMES, axis=0, mode="nearest")
        for position, face, shape in zip(positions, members, smooth, strict=True):
            result[position] = map_points(inverse(face.alignment), shape * face.crop_size)
    return result
