"""Comparing a result with its source frame by frame, into arrays that the measures are computed from.

Frames are streamed: only the current frame of both clips and the previous crop are in memory. Faces are
expected where the source's faceset has them, and analysed in the same way in source and result, so that a
clip compared with itself differs nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.evaluation import coherence, octaves, seam, steadiness
from facedouble.evaluation.appearance import face_patches
from facedouble.evaluation.coherence import RealPatches
from facedouble.evaluation.image_quality import fine_detail, psnr, ssim
from facedouble.evaluation.judges import Judge, Judged, Sighting, available_judges
from facedouble.faces.align import align, extract_crop, inverse, map_points, recrop, scale_of
from facedouble.faces.colour import to_float
from facedouble.faces.hull import FOREHEAD, eyes_and_mouth_mask, face_hull
from facedouble.faces.schemes.scheme import LandmarkScheme, common_scheme, scheme_of
from facedouble.faces.views import StillPicture
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import masked_faces, read_visible
from facedouble.run.run import Run
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.settings.reading import Reading
from facedouble.types import Alignment, Face, Grey, Image, Landmarks, Mask
from facedouble.video.images import encode_png
from facedouble.video.opencv_codec import decode
from facedouble.video.source import open_source

_MASK_SIDE = 256  # of masks of what is visible
_SMALL = 192  # side of the crop on which flicker is measured
_MIN_SIDE, _MAX_SIDE = 128, 640  # side of the crop on which the seam and detail are measured
_OUTSIDE = 0.10  # of the face's size: this far beyond its hull, nothing belongs to the face
_INSIDE = 0.06  # of the crop's side: width of the edge, where a mask is still soft
_COVERED = 0.1  # of the face that is covered, from which on it is nobody's
_EXPRESSIONLESS = 0.2  # of eyes and mouth that is covered, from which on nobody can say what they do
_AROUND = (0.03, 0.15)  # of the crop's side: the surroundings of a face, from and to, beyond its outline

Values = npt.NDArray[np.float64]
OnCrops = Callable[[int, Image, Image], None]
"""Called with a frame's number and the crops of source and result that a report may show."""

REPORT_CROP = 224
"""Side in pixels of the crops in a report."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was extracted from the N frames with a face; NaN where it was not computed.

    ``index`` and ``seconds`` (N,). ``judges`` are what each landmark scheme found anew in source and result,
    the one that decides first; ``driver`` is the scheme that the swap follows. ``detected`` is 1 where the
    detector sees a face in the result. ``change`` (N, 3) is what ``steadiness.flicker`` says; ``detail``
    (inside the face) and ``detail_around`` are (N, 2): result, source. ``lab`` (N, 2, 3): mean colours of the
    face, result and source. ``psnr`` and ``ssim`` are of the picture outside the face, ``step`` and ``ring``
    of its seam. ``octaves`` (N, 2, 3): energies of the bands in result and source. ``coherence`` (N, 3): how
    far the result's patches are from B's, region by region. ``width``: frame pixels that the side of the crop
    covers. ``descriptor`` and ``source_descriptor`` (N, 128), of the faces of result and source.
    """

    index: npt.NDArray[np.int64]
    seconds: Values
    detected: Values
    change: Values
    lab: Values
    psnr: Values
    ssim: Values
    step: Values
    ring: Values
    detail: Values
    detail_around: Values
    octaves: Values
    coherence: Values
    width: Values
    descriptor: npt.NDArray[np.float32]
    source_descriptor: npt.NDArray[np.float32]
    judges: tuple[Judged, ...]
    driver: str

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class ObservationPlan:
    """What to analyse: the face of each frame of the source that has one; ``cuts``, the frames after a shot
    boundary; ``detailed``, the frames for which the slow parts (identity, the picture outside the face) are
    computed; and the ``side`` in pixels of the crop on which seam and detail are measured. ``visible`` are
    masks of crops of faces that are partly hidden, 0 hidden to 255 visible, as grey PNGs."""

    faces: dict[int, Face]
    cuts: frozenset[int]
    detailed: frozenset[int]
    side: int
    visible: Mapping[int, bytes] = field(default_factory=dict)


def plan_observation(
    source: Path, faceset: Path, settings: EvaluateSettings, run: Run | None = None
) -> ObservationPlan:
    """What to analyse. ``run`` is told which images are missing.

    Raises ``InputError`` for the faceset of another source or one without faces.
    """
    with Faceset.open(faceset) as store:
        match = store.check_source(source, open_source(source, settings.reading).info.video_stream)
        match.report(run or Run())
        faces: dict[int, Face] = {}
        for face in store.faces(include_blurry=True):
            if (number := match.number(face.frame_index)) is not None:
                faces.setdefault(number, face)
        masked = masked_faces(store)
        visible = {
            number: encode_png(read_visible(store, face, _MASK_SIDE))
            for number, face in faces.items()
            if face.key in masked
        }
        ends = (match.number(frame.index) for frame in store.frames() if frame.ends_shot)
        cuts = frozenset(number + 1 for number in ends if number is not None)
    if not faces:
        raise InputError(f"{faceset}: no face to measure")
    order = sorted(faces)
    wanted = min(settings.detailed_frames or len(order), len(order))
    detailed = frozenset(order[round(i)] for i in np.linspace(0, len(order) - 1, wanted))
    extent = float(np.median([face.crop_size / scale_of(face.alignment) for face in faces.values()]))
    # A little larger than the face usually is in the frame, so that nothing has to be averaged down.
    side = int(np.clip(np.ceil(1.05 * extent / 16) * 16, _MIN_SIDE, _MAX_SIDE))
    return ObservationPlan(faces, cuts, detailed, side, visible)


class Observer:
    """Compares results with one source. Loads the networks once."""

    def __init__(
        self, source: Path, plan: ObservationPlan, real: RealPatches, reading: Reading | None = None
    ) -> None:
        self.source, self.plan, self.real, self.reading = source, plan, real, reading
        self.driver = common_scheme(plan.faces.values()).name
        self.judges = available_judges(self.driver)
        # What is not a matter of landmarks is measured where the swap has its own.
        self._own: Judge = self.judges[-1]

    def observe(self, result: Path, on_crops: OnCrops | None = None, run: Run | None = None) -> Observed:
        """Analyse ``result``. Frames are paired by number, as long as both have one.

        Raises ``InputError`` for a result of another size than the source, or without common frames.
        """
        run = run or Run()
        source = open_source(self.source, self.reading)
        other = open_source(result, None if self.reading is None else self.reading.of_other_clips())
        sizes = [info.shown_size for info in (other.info, source.info)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"{result} is {sizes[0][0]}x{sizes[0][1]}, its source {sizes[1][0]}x{sizes[1][1]}: only a "
                "result of the source's size can be measured"
            )
        stage = run.stage(f"measure {result.name}", source.info.frames, "frames")
        rows: list[dict[str, Any]] = []
        sightings: list[list[Sighting]] = []
        before: _Crops | None = None
        # To the end of both, so that a damaged end is noticed.
        for first, second in run.each(zip_longest(source.frames(), other.frames())):
            if first is None or second is None:
                continue
            face = self.plan.faces.get(first.index)
            if face is None or first.problem or second.problem:
                before = None
                continue
            visible = self.plan.visible.get(first.index)
            crops = _Crops(first.index, face, first.rgb(), second.rgb(), self.plan.side, visible)
            if before is not None and (before.index != crops.index - 1 or crops.index in self.plan.cuts):
                before = None
            images = (crops.result_frame, crops.source_frame)
            seen = [judge.look(images, face) for judge in self.judges]
            if crops.expressionless():
                seen = [replace(sighting, found=False) for sighting in seen]
            sightings.append(seen)
            rows.append({"seconds": first.seconds, **self._frame(crops, before, sightings[-1][-1])})
            if on_crops is not None:
                on_crops(first.index, *crops.for_report())
            before = crops.without_full_size()
            stage.progress(first.index + 1)
        if not rows:
            raise InputError(f"{result}: none of its frames has a face in the source")
        stage.finish(faces=len(rows))
        index = [row["index"] for row in rows]
        return Observed(
            **{
                f.name: np.array([row[f.name] for row in rows])
                for f in fields(Observed)
                if f.name not in ("judges", "driver")
            },
            judges=tuple(
                judge.judged(index, seen)
                for judge, seen in zip(self.judges, zip(*sightings, strict=True), strict=True)
            ),
            driver=self.driver,
        )

    def _frame(self, crops: _Crops, before: _Crops | None, own: Sighting) -> dict[str, Any]:
        _face, images = crops.face, (crops.result_frame, crops.source_frame)
        landmarks, source_landmarks = own.native
        analyser, detailed = self._own.analyser, crops.index in self.plan.detailed
        change = (np.nan, np.nan, np.nan)
        if before is not None:
            change = steadiness.flicker(
                before.small_result,
                crops.small_result,
                before.small_source,
                crops.small_source,
                crops.small_mask,
            )
        grey = np.asarray(cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        outside = crops.outside()
        nothing = np.full(128, np.nan, dtype=np.float32)
        identified = detailed and not crops.unidentified()
        return {
            "index": crops.index,
            "detected": float(analyser.verify(StillPicture(images[0]), landmarks) is not None),
            "change": change,
            "lab": [
                steadiness.mean_lab(small, crops.small_mask)
                for small in (crops.small_result, crops.small_source)
            ],
            "psnr": psnr(*images, outside),
            "ssim": ssim(grey, _grey(images[1]), outside) if detailed else np.nan,
            "step": seam.gradient_step(crops.result, crops.source, crops.distance, crops.seen),
            "ring": seam.ring_step(
                crops.small_result, crops.small_source, crops.small_distance, crops.small_seen
            ),
            "detail": [fine_detail(crop, crops.inner) for crop in (crops.result, crops.source)],
            "detail_around": [fine_detail(crop, crops.around) for crop in (crops.result, crops.source)],
            **self._look(crops, landmarks, source_landmarks),
            "width": crops.extent,
            "descriptor": analyser.describe(images[0], landmarks) if identified else nothing,
            "source_descriptor": analyser.describe(images[1], source_landmarks) if identified else nothing,
        }

    def _look(self, crops: _Crops, landmarks: Landmarks, source_landmarks: Landmarks) -> dict[str, Any]:
        """How detailed the face is, and how far its parts are from B's."""
        face, images, scheme = crops.face, (crops.result_frame, crops.source_frame), self._own.analyser.scheme
        inner = octaves.CROP.alignment(face.alignment, face.crop_size)
        # Like B's crops, the result's is aligned by the landmarks of what it shows.
        whole = coherence.CROP.alignment(align(landmarks, face.crop_size, scheme), face.crop_size)
        of_inner = crops.visible_in(inner, octaves.CROP.resolution)
        of_whole = crops.visible_in(whole, coherence.CROP.resolution)
        seen = None
        if of_whole is not None:
            seen = coherence.seen_places(of_whole, map_points(whole, landmarks), scheme)
        return {
            "octaves": [
                octaves.face_octaves(image, inner, source_landmarks, scheme, of_inner) for image in images
            ],
            "coherence": self.real.distances(face_patches(images[0], whole, landmarks, scheme), seen=seen),
        }


class _Crops:
    """The crops of one face, the same for source and result: ``source`` and ``result`` at the frame's own
    resolution, the ``small_`` ones averaged down."""

    def __init__(
        self, index: int, face: Face, source: Image, result: Image, side: int, visible: bytes | None
    ) -> None:
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
        self.visible: Mask | None = None
        self.seen: npt.NDArray[np.bool_] | None = None
        self.small_seen: npt.NDArray[np.bool_] | None = None
        if visible is not None:  # what is in front of the face is no part of it
            self.visible = to_float(decode(visible, cv2.IMREAD_GRAYSCALE))
            fine = np.asarray(cv2.resize(self.visible, (side, side)), dtype=np.float32)
            small = cv2.resize(self.visible, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
            self.inner, self.around = self.inner * fine, self.around * fine
            self.small_mask *= np.asarray(small, dtype=np.float32)
            self.seen, self.small_seen = fine > 0.5, small > 0.5

    def visible_in(self, alignment: Alignment, side: int) -> Mask | None:
        """What is visible in another crop (side, side), 0..1; ``alignment`` takes the frame's pixels to it.
        ``None`` for a face of which nothing is known to be covered."""
        if self.visible is None:
            return None
        own = recrop(self.face.alignment, self.face.crop_size, 1.0, len(self.visible))
        there = np.vstack([alignment, (0, 0, 1)]) @ np.vstack([inverse(own), (0, 0, 1)])
        moved = cv2.warpAffine(self.visible, there[:2], (side, side), borderValue=(1.0,))
        return np.asarray(np.clip(moved, 0, 1), np.float32)

    def unidentified(self) -> bool:
        """Whether so much is covered that nobody can say whose face it is."""
        return self._covered(face_hull) > _COVERED

    def expressionless(self) -> bool:
        """Whether so much of eyes and mouth is covered that nobody can say what they do."""
        return self._covered(eyes_and_mouth_mask) > _EXPRESSIONLESS

    def _covered(self, area: Callable[[Landmarks, int, LandmarkScheme], Mask]) -> float:
        if self.visible is None:
            return 0.0
        side = len(self.visible)
        own = recrop(self.face.alignment, self.face.crop_size, 1.0, side)
        part = area(map_points(own, self.face.smoothed), side, scheme_of(self.face))
        return float(((1 - self.visible) * part).sum() / max(float(part.sum()), 1.0))

    def outside(self) -> npt.NDArray[np.float32]:
        """Mask of the frame (H, W) without the face and a margin around it."""
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

    def for_report(self) -> tuple[Image, Image]:
        """Source and result as the report shows them."""
        return _reduced(self.source, REPORT_CROP), _reduced(self.result, REPORT_CROP)

    def without_full_size(self) -> _Crops:
        """Itself without the pictures that the next frame does not need."""
        empty = np.zeros((0, 0, 3), dtype=np.uint8)
        self.source_frame = self.result_frame = self.source = self.result = empty
        return self


def _reduced(crop: Image, size: int) -> Image:
    return np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _grey(image: Image) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
