"""Which faces of a source are replaced, frame by frame, with everything about them that is steady in time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.errors import SettingsError
from facedouble.faces.align import alignment_in_region, inverse, map_points, scale_of
from facedouble.faces.colour import smooth_statistics
from facedouble.faces.network_input import InputCrop
from facedouble.faces.references import References
from facedouble.faces.smoothing import smooth_points
from facedouble.faceset.source_match import SourceMatch
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import masks_digest
from facedouble.run.run import Run
from facedouble.types import Box, Face, FloatArray, Landmarks

_MAX_TRACKS_LISTED = 8  # in a message
_VISIBLY_UPSCALED = 1.2
_OUTLINE_SIGMA = 1.5  # frames; Gaussian that smooths the outline of masks within the crop


@dataclass(frozen=True, slots=True)
class FitRecord:
    """A fit as data: ``values`` of JSON's types and arrays by name."""

    values: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]


class TrackFit(Protocol):
    """What a step of the face pipeline fitted to a track."""

    def to_record(self) -> FitRecord:
        """The fit as data; the step's ``load_fit`` restores it."""
        ...


@dataclass(frozen=True, slots=True)
class FitKeys:
    """What fits are valid for: the model, and the settings of each fitted step by its name."""

    model: str = ""
    steps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedFace:
    """A face to replace, with everything about it that is steady in time.

    ``statistics`` (2, 3): mean and deviation of its colours, smoothed along the track. ``outline`` (P, 2):
    the landmarks that masks are drawn from. ``geometry`` (K,): what it does, for models that are told.
    ``light`` (6,): the light on it, see :mod:`.light`, which the colours are without.
    Whatever has a place is in the frame as it is shown, with square pixels, until it is put into a frame's
    own pixels. ``fits``: what the steps of the face pipeline fitted to its track, by the step's name.
    """

    face: Face
    statistics: FloatArray
    outline: Landmarks
    geometry: FloatArray | None = None
    fits: Mapping[str, TrackFit] = field(default_factory=dict)
    light: FloatArray = field(default_factory=lambda: np.zeros(6, np.float32))

    def in_stored_pixels(self, shown: tuple[int, int], stored: tuple[int, int]) -> PlannedFace:
        """The same face in the stored pixels of a frame, whose width and height are ``shown`` with square
        pixels and ``stored`` in its own. Its alignment is then no similarity; the crop stays the same."""
        if shown == stored:
            return self
        face = self.face
        ratio = np.array(stored) / np.array(shown)

        def mapped(points: Landmarks) -> Landmarks:
            return np.asarray((points + 0.5) * ratio - 0.5, dtype=np.float32)

        left, top, right, bottom = (round(edge * ratio[i % 2]) for i, edge in enumerate(face.box))
        moved = face.with_(
            box=Box(left, top, right, bottom),
            landmarks=mapped(face.landmarks),
            smoothed=mapped(face.smoothed),
            alignment=alignment_in_region(face.alignment, Box(0, 0, *shown), stored),
        )
        return replace(self, face=moved, outline=mapped(self.outline))

    def relative_to(self, left: int, top: int) -> PlannedFace:
        """The same face in the pixels of a region of the frame with its upper left corner at (``left``,
        ``top``)."""
        face, offset = self.face, np.array((left, top), dtype=np.float32)
        alignment = face.alignment.copy()
        alignment[:, 2] += alignment[:, :2] @ (left, top)
        box = Box(face.box.left - left, face.box.top - top, face.box.right - left, face.box.bottom - top)
        shifted = face.with_(
            box=box, landmarks=face.landmarks - offset, smoothed=face.smoothed - offset, alignment=alignment
        )
        return replace(self, face=shifted, outline=self.outline - offset)


Adaptation = Mapping[str, npt.NDArray[Any]]
"""Tensors of a network by name, as they are for one clip."""

Describe = Callable[[Sequence[Face]], Sequence[FloatArray | None]]
"""What the faces of a clip do, as a model is told it; ``None`` for models that are not."""

FacesByFrame = Mapping[int, Sequence[PlannedFace]]
"""Faces to replace by frame number."""


@dataclass(frozen=True, slots=True)
class FaceSelection:
    """Which faces of a faceset are replaced: those in the frames of ``ranges``, of the people in
    ``references``, on one of ``tracks``; ``None`` or empty for all."""

    ranges: FrameRanges
    references: References | None = None
    tracks: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """Everything about a conversion that is known before the first frame, so that frames can be made in any
    order, anywhere.

    ``source_sha256`` names the source. ``faces``: the faces to replace by the number of their frame in the
    source, which is not that in the faceset where images were taken out of a folder since; ``deleted`` counts
    those that were deleted from the faceset, ``not_selected`` those of other people or tracks than selected.
    ``adaptation``: what the network has in place of its own tensors, by name, for this clip
    (``conversion/adaptation.py``). ``fit_keys``: what the fits of the faces are valid for. ``tracks``: all of
    the faceset, known until the plan is saved. ``masks`` is a digest of the masks and outlines that the
    faceset has, which change while faces stay.
    """

    source_sha256: str
    faces: Mapping[int, Sequence[PlannedFace]]
    deleted: int
    not_selected: int
    adaptation: Adaptation = field(default_factory=dict)
    fit_keys: FitKeys = field(default_factory=FitKeys)
    tracks: frozenset[int] = frozenset()
    masks: str = ""

    def of_tracks(self, numbers: Collection[int]) -> ConversionPlan:
        """The same for the faces of some tracks alone."""
        own = {
            index: [planned for planned in faces if planned.face.track in numbers]
            for index, faces in self.faces.items()
        }
        return replace(self, faces={index: faces for index, faces in own.items() if faces})


def untold(faces: Sequence[Face]) -> Sequence[FloatArray | None]:
    """For models that are not told what faces do."""
    return [None] * len(faces)


def make_plan(
    source: Path,
    faceset: Path,
    selection: FaceSelection,
    *,
    describe: Describe = untold,
    video_stream: int | None = None,
    run: Run | None = None,
) -> ConversionPlan:
    """Plan the faces to replace, from a faceset extracted from ``source``, of its video stream number
    ``video_stream`` (``None`` for a source with one), for a model that is told what ``describe`` says.
    ``run`` is told which images are missing.

    Raises ``InputError`` for a faceset that is incomplete or of another source, ``SettingsError`` for a
    selected track that does not exist.
    """
    with Faceset.open(faceset) as store:
        match = store.check_source(source, video_stream)
        source_sha256 = store.source.sha256
        known = store.all_faces()
        numbers = _numbers(known, match)
        every = [face for face in known if face.cropped and face.key in numbers]
        kept = {face.key for face in store.in_use(known, include_blurry=True)}
        masks = masks_digest(store)
    match.report(run or Run())
    in_range = [face for face in every if numbers[face.key] in selection.ranges]
    selected = _selected(every, selection)
    faces: dict[int, list[PlannedFace]] = {}
    for planned in plan_faces(every, describe):
        face = planned.face
        number = numbers[face.key]
        if face.key in kept and face.key in selected and number in selection.ranges:
            faces.setdefault(number, []).append(planned)
    return ConversionPlan(
        source_sha256,
        faces,
        deleted=sum(face.key not in kept for face in in_range),
        not_selected=sum(face.key in kept and face.key not in selected for face in in_range),
        tracks=frozenset(face.track for face in every),
        masks=masks,
    )


def _numbers(faces: Sequence[Face], match: SourceMatch) -> dict[tuple[int, int], int]:
    """The present numbers of the frames of faces, by the keys of those whose frame is still there."""
    found = {face.key: match.number(face.frame_index) for face in faces}
    return {key: number for key, number in found.items() if number is not None}


def _selected(faces: Sequence[Face], selection: FaceSelection) -> set[tuple[int, int]]:
    """Keys of the faces whose person and track are selected."""
    tracks: dict[int, list[Face]] = {}
    for face in faces:
        tracks.setdefault(face.track, []).append(face)
    check_tracks("faces.track", selection.tracks, tracks)
    found: set[tuple[int, int]] = set()
    for number, members in tracks.items():
        if selection.tracks and number not in selection.tracks:
            continue
        judged = members if selection.references is None else selection.references.classify(members)
        found.update(face.key for face in judged if face.status not in ("stranger", "unwanted"))
    return found


def check_tracks(setting: str, wanted: Collection[int], known: Collection[int]) -> None:
    """Raise ``SettingsError`` where ``setting`` names a track that is not among those ``known``."""
    missing = sorted(set(wanted) - set(known))
    if missing:
        text = f"there is no such track in the faceset; it has {_listed(sorted(known))}"
        raise SettingsError(setting, missing[0], text)


def _listed(tracks: Sequence[int]) -> str:
    if not tracks:
        return "none"
    listed = ", ".join(map(str, tracks[:_MAX_TRACKS_LISTED]))
    rest = len(tracks) - _MAX_TRACKS_LISTED
    return listed if rest <= 0 else f"{listed} and {rest} more"


def plan_faces(faces: Sequence[Face], describe: Describe = untold) -> list[PlannedFace]:
    """Faces in frame order with what follows from their stored data; nothing is fitted to their tracks
    yet (:func:`~facedouble.conversion.track_fits.fit_plan`)."""
    return [
        PlannedFace(face, statistics, outline, geometry)
        for face, statistics, outline, geometry in zip(
            faces, smooth_statistics(faces), smooth_outlines(faces), describe(faces), strict=True
        )
    ]


def smooth_outlines(faces: Sequence[Face]) -> list[Landmarks]:
    """The steady landmarks of faces, with their shape within the crop smoothed along each track.

    Noise in single landmarks must not make the edge of a mask tremble. The position of the face stays as
    it is.
    """
    result: list[Landmarks] = [face.smoothed for face in faces]
    tracks: dict[int, list[int]] = {}
    for position, face in enumerate(faces):
        tracks.setdefault(face.track, []).append(position)
    for positions in tracks.values():
        members = [faces[position] for position in positions]
        shapes = np.stack([map_points(face.alignment, face.smoothed) / face.crop_size for face in members])
        smooth = smooth_points(shapes, _OUTLINE_SIGMA)
        for position, face, shape in zip(positions, members, smooth, strict=True):
            result[position] = map_points(inverse(face.alignment), shape * face.crop_size)
    return result


@dataclass(frozen=True, slots=True)
class Upscaled:
    """Faces that are visibly larger in the frame than the ``side`` in pixels of what is drawn: how many, of
    how many, and the largest scale. At ``largest`` 2, one pixel drawn covers 2 x 2 pixels of the frame."""

    side: int
    faces: int
    total: int
    largest: float

    def __add__(self, other: Upscaled) -> Upscaled:
        """Those of both. ``side`` is the larger one."""
        return Upscaled(
            max(self.side, other.side),
            self.faces + other.faces,
            self.total + other.total,
            max(self.largest, other.largest),
        )


def count_upscaled(faces: FacesByFrame, view: InputCrop) -> Upscaled:
    """Count the faces that come out softer than the frame because the model draws too few pixels."""
    scales = [
        1 / scale_of(view.alignment(planned.face.alignment, planned.face.crop_size))
        for members in faces.values()
        for planned in members
    ]
    upscaled = sum(scale > _VISIBLY_UPSCALED for scale in scales)
    return Upscaled(view.resolution, upscaled, len(scales), max(scales, default=0.0))
