"""Looking at a result and its source together, frame by frame; what was seen goes into arrays.

Frames are streamed: of the two clips only this frame and the crop of the one before are in memory.
Faces are looked for where the faceset of the source has them, in the source and in the result in the
same way, so that a clip held against itself differs nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.config import EvaluateSettings
from facedouble.errors import InputError
from facedouble.evaluation import fidelity, people, seam, steadiness
from facedouble.evaluation.expression import gaze
from facedouble.evaluation.metrics import fine_detail
from facedouble.events import Listener, Progressed, StageFinished, StageStarted, ignore
from facedouble.faces.align import extract_crop, map_points, recrop, scale_of
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.schemes.scheme import LandmarkScheme, common_scheme, scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import Face, Grey, Image
from facedouble.video.source import open_source

_SMALL = 192  # side of the crop on which flicker is measured
_LEAST, _MOST = 128, 640  # side of the crop on which the seam and detail are measured
_OUTSIDE = 0.10  # of the face's size: how far beyond its hull the face ends for certain
_INSIDE = 0.06  # the face without its edge, where a mask is still soft: share of the crop's side
_AROUND = (0.03, 0.15)  # the surroundings of a face: shares of the crop's side beyond its outline

Values = npt.NDArray[np.float64]
Pictured = Callable[[int, Image, Image], None]
"""Is given a frame's number and the crops of source and result that a report may show."""

TILE = 224


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the N frames that have a face, NaN where it was not looked for.

    ``index`` and ``seconds`` (N,); ``source_points`` and ``points`` (N, P, 2) landmarks found anew in
    source and result, frame pixels; ``scheme`` says what they are. ``found`` is 1 where the detector sees a
    face in the result. ``gaze``, ``change`` (see ``steadiness.flicker``), ``detail`` (inside the face) and
    ``detail_around`` are (N, 2): result, source. ``lab`` (N, 2, 3) mean colours of the face. ``psnr`` and
    ``ssim`` are of what lies outside the face, ``step`` and ``ring`` of its seam. ``detail_small`` is of
    the result through ``people.DETAIL_VIEW``. ``width`` is how many frame pixels the crop's side covers.
    ``descriptor`` (N, 128).
    """

    index: npt.NDArray[np.int64]
    seconds: Values
    source_points: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    found: Values
    gaze: Values
    change: Values
    lab: Values
    psnr: Values
    ssim: Values
    step: Values
    ring: Values
    detail: Values
    detail_around: Values
    detail_small: Values
    width: Values
    descriptor: npt.NDArray[np.float32]
    scheme: LandmarkScheme

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the faces of the source are: the face of each frame that has one, the frames after a cut,
    and of which frames identity and the outside are looked at, as these take long."""

    faces: dict[int, Face]
    cuts: frozenset[int]
    closely: frozenset[int]
    side: int


def plan(source: Path, faceset: Path, settings: EvaluateSettings) -> Plan:
    """What to look at. Raises ``InputError`` for the faceset of another source or one without faces."""
    with Faceset.open(faceset) as store:
        store.check_source(source)
        faces: dict[int, Face] = {}
        for face in store.faces(include_blurry=True):
            faces.setdefault(face.frame_index, face)
        cuts = frozenset(frame.index + 1 for frame in store.frames() if frame.ends_shot)
    if not faces:
        raise InputError(f"{faceset}: no face to measure")
    order = sorted(faces)
    wanted = min(settings.closely or len(order), len(order))
    closely = frozenset(order[round(i)] for i in np.linspace(0, len(order) - 1, wanted))
    extent = float(np.median([face.crop_size / scale_of(face.alignment) for face in faces.values()]))
    # A little larger than the face mostly is in the frame, so that nothing has to be averaged down.
    side = int(np.clip(np.ceil(1.05 * extent / 16) * 16, _LEAST, _MOST))
    return Plan(faces, cuts, closely, side)


class Observer:
    """Holds results against one source. Loads the networks once."""

    def __init__(self, source: Path, looked_for: Plan) -> None:
        self.source, self.plan = source, looked_for
        schemes = common_scheme(self.plan.faces.values())
        self.analyser = FaceAnalyser(landmarks=schemes.name)

    def observe(self, result: Path, pictured: Pictured | None = None, listener: Listener = ignore) -> Seen:
        """What there is to see of ``result``. Frames are paired by their number, as far as both have any.

        Raises ``InputError`` for a result of another size than the source, or without frames in common.
        """
        start = time.perf_counter()
        source, other = open_source(self.source), open_source(result)
        sizes = [(info.width, info.height) for info in (other.info, source.info)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"{result} is {sizes[0][0]}x{sizes[0][1]}, its source {sizes[1][0]}x{sizes[1][1]}: only a "
                "result of the source's size can be measured"
            )
        stage = f"measure {result.name}"
        listener(StageStarted(stage, source.info.frames or None, "frames"))
        rows: list[dict[str, Any]] = []
        before: _Crops | None = None
        # To the end of both, so that a damaged end is not missed.
        for first, second in zip_longest(source.frames(), other.frames()):
            if first is None or second is None:
                continue
            face = self.plan.faces.get(first.index)
            if face is None:
                before = None
                continue
            crops = _Crops(first.index, face, first.rgb(), second.rgb(), self.plan.side)
            if before is not None and (before.index != crops.index - 1 or crops.index in self.plan.cuts):
                before = None
            rows.append({"seconds": first.seconds, **self._frame(crops, before)})
            if pictured is not None:
                pictured(first.index, *crops.tiles())
            before = crops.kept()
            listener(Progressed(stage, first.index + 1))
        if not rows:
            raise InputError(f"{result}: none of its frames has a face in the source")
        listener(StageFinished(stage, time.perf_counter() - start, f"{len(rows)} faces"))
        return Seen(
            **{f.name: np.array([row[f.name] for row in rows]) for f in fields(Seen) if f.name != "scheme"},
            scheme=self.analyser.scheme,
        )

    def _frame(self, crops: _Crops, before: _Crops | None) -> dict[str, Any]:
        face, images = crops.face, (crops.result_frame, crops.source_frame)
        points, source_points = (self.analyser.refine(image, face.landmarks) for image in images)
        scheme, closely = self.analyser.scheme, crops.index in self.plan.closely
        change = (np.nan, np.nan)
        if before is not None:
            change = steadiness.flicker(
                before.small_result,
                crops.small_result,
                before.small_source,
                crops.small_source,
                crops.small_mask,
            )
        grey = np.asarray(cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        view = people.DETAIL_VIEW.alignment(face.alignment, face.crop_size)
        outside = crops.outside()
        nothing = np.full(128, np.nan, dtype=np.float32)
        return {
            "index": crops.index,
            "source_points": source_points,
            "points": points,
            "found": float(self.analyser.verify(grey, points) is not None),
            "gaze": (gaze(images[0], points, scheme), gaze(images[1], source_points, scheme)),
            "change": change,
            "lab": [
                steadiness.mean_lab(small, crops.small_mask)
                for small in (crops.small_result, crops.small_source)
            ],
            "psnr": fidelity.psnr(*images, outside),
            "ssim": fidelity.ssim(grey, _grey(images[1]), outside) if closely else np.nan,
            "step": seam.gradient_step(crops.result, crops.source, crops.distance),
            "ring": seam.ring_step(crops.small_result, crops.small_source, crops.small_distance),
            "detail": [fine_detail(crop, crops.inner) for crop in (crops.result, crops.source)],
            "detail_around": [fine_detail(crop, crops.around) for crop in (crops.result, crops.source)],
            "detail_small": people.detail_of(images[0], view, map_points(view, source_points), scheme),
            "width": crops.extent,
            "descriptor": self.analyser.describe(images[0], points) if closely else nothing,
        }


class _Crops:
    """The crops of one face that measures look at, source and result cut alike: ``source`` and ``result`` at
    the frame's own resolution, the ``small_`` ones averaged down."""

    def __init__(self, index: int, face: Face, source: Image, result: Image, side: int) -> None:
        self.index, self.face = index, face
        self.source_frame, self.result_frame = source, result
        self.extent = face.crop_size / scale_of(face.alignment)
        alignment = recrop(face.alignment, face.crop_size, 1.0, side)
        self.source, self.result = (extract_crop(image, alignment, side) for image in (source, result))
        self.distance = seam.outline_distance(map_points(alignment, face.smoothed), side, scheme_of(face))
        self.inner = (self.distance < -_INSIDE).astype(np.float32)
        self.around = ((self.distance > _AROUND[0]) & (self.distance < _AROUND[1])).astype(np.float32)
        self.small_source, self.small_result = (_reduced(crop, _SMALL) for crop in (self.source, self.result))
        self.small_distance = np.asarray(cv2.resize(self.distance, (_SMALL, _SMALL)), dtype=np.float32)
        self.small_mask = (self.small_distance < 0).astype(np.float32)

    def outside(self) -> npt.NDArray[np.float32]:
        """Mask of the frame (H, W) without the face and some room around it."""
        height, width = self.source_frame.shape[:2]
        scheme = scheme_of(self.face)
        hull = face_hull(self.face.smoothed, (height, width), scheme, forehead=FOREHEAD) > 0
        face = hull.astype(np.uint8)
        room = _OUTSIDE * self.extent
        x, y, w, h = cv2.boundingRect(face)
        left, top = max(0, x - int(room) - 1), max(0, y - int(room) - 1)
        part = np.s_[top : y + h + int(room) + 1, left : x + w + int(room) + 1]
        mask = np.ones((height, width), dtype=np.float32)
        mask[part] = cv2.distanceTransform(1 - face[part], cv2.DIST_L2, 5) > room
        return mask

    def tiles(self) -> tuple[Image, Image]:
        """Source and result as a report shows them."""
        return _reduced(self.source, TILE), _reduced(self.result, TILE)

    def kept(self) -> _Crops:
        """Itself without what the next frame does not need."""
        empty = np.zeros((0, 0, 3), dtype=np.uint8)
        self.source_frame = self.result_frame = self.source = self.result = empty
        return self


def _reduced(crop: Image, size: int) -> Image:
    return np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _grey(image: Image) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
