"""MediaPipe's full-range face detector.

The network gives every fourth pixel of every fourth row of its input a score, a box and six key points. What
surrounds it, from scores to faces, follows the description of BlazeFace (Bazarevsky et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, log

import cv2
import numpy as np

from facedouble.faces.align import fast_crop
from facedouble.faces.detectors.base import RawDetection, detection_in, without_duplicates
from facedouble.networks.inference import full_range
from facedouble.networks.mediapipe import BOXES, DETECTOR_SIDE, SCORES
from facedouble.types import Alignment, Detection, FloatArray, Grey, Image

_STRIDE = 4  # pixels of the input from one answer to the next
_BATCH = 8  # inputs in one call
_GREY = 128  # what an input shows beyond the image's edge
_ENLARGED = 2.0  # at most, where an image is smaller than the input
_TILED = 0.4  # scale of the image that is searched for the smallest faces, tile by tile
_STEP = 4.5  # at most, from one scale to the next: the network sees faces of 8 to 130 pixels of its input
_OVERLAP = 32  # pixels by which neighbouring tiles overlap
_PROPOSED = 0.2  # score from which a place in the whole image is examined
_PROPOSED_IN_TILES = 0.1  # the same for tiles: of 20 faces of 20 pixels, one has less
_CERTAIN = 0.8  # score from which it is taken for a face at once, if it has one of these sizes in the input
_CERTAIN_SIZES = (14.0, 100.0)
_EXAMINED = 8  # places at most that are examined at one scale
_CLOSE_UPS = (40.0, 60.0)  # pixels of the input that the face has when its place is examined
_WORTH_ANOTHER = 0.35  # score of the first close-up from which there is a second one

# Mean score of the close-ups. Of 700 places without a face that were examined in three clips, none had more
# than 0.57. Of 29 faces, 27 passed at 20 pixels and when dark, 28 turned by 90 degrees, 29 when blurred.
_MIN_CONFIDENCE = 0.6

_PROFILE = 0.7  # what is seen of a scanned head turned by 70 to 97 degrees: 0.74 to 0.92

_SAME_FACE = 0.3  # boxes that overlap more (intersection over union) are of one face

# From the side of its box to HOG's. Median over 29 faces of nine clips and photographs, at sizes of 24 to 140
# pixels of the input; standard deviation 0.08, and no offset.
_SIDE = 1 / 1.06

_CENTRE, _SIZE, _KEYS = 0, 1, slice(2, None)  # rows of points (8, 2)
_POSITIONS = [0, 2, 3, 4, 5, 6, 7]  # all rows but the size
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 2, 3, 5


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A place where the network sees a face.

    ``points`` (8, 2): centre of the box, its width and height, and the key points right eye, left eye, nose,
    mouth, right ear, left ear, in pixels of the image with its edge at 0. ``scale`` is that of the reduced
    image in which it was seen.
    """

    score: float
    points: FloatArray
    scale: float

    @property
    def size(self) -> float:
        return float(self.points[_SIZE].max())

    @property
    def roll(self) -> float:
        """Degrees, clockwise. In a profile the eyes lie on one another, and the mouth shows what is down."""
        right, left, mouth = self.points[[_RIGHT_EYE, _LEFT_EYE, _MOUTH]].astype(np.float64) @ (1, 1j)
        return float(np.degrees(np.angle(left - right - 1j * (mouth - (left + right) / 2))))

    @property
    def is_certain(self) -> bool:
        smallest, largest = _CERTAIN_SIZES
        return self.score >= _CERTAIN and smallest <= self.size * self.scale <= largest

    def is_one_of(self, others: Sequence[_Candidate]) -> bool:
        return any(_overlap(self.points, other.points) > _SAME_FACE for other in others)


class MediaPipeDetector:
    """MediaPipe's dense full-range detector (Google 2021, Apache-2.0), whose network sees 192 × 192 pixels.

    It is reliable for faces of 12 to 100 pixels of its input. So whatever it proposes with less than a high
    score, or at another size, is examined: the place is shown to it again, upright, with the face at two good
    sizes. That finds faces turned by up to 90° and refuses what only looks like one from afar.

    A fast search examines the whole image once, and finds faces of a seventeenth of its long side. A thorough
    one also cuts it into overlapping tiles at two fifths of its size, and finds faces of 20 pixels in images
    of any size.
    """

    colour = True  # on grey images it finds almost as many
    in_threads = True
    profile_confidence = _PROFILE

    def __init__(self, device: str = "cpu") -> None:
        self._network = full_range(device)

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        faces: list[_Candidate] = []
        scales = _scales(max(image.shape[:2]), thorough)
        reduced = _pyramid(image, scales)
        for scale in scales:
            least = _PROPOSED if scale == scales[0] else _PROPOSED_IN_TILES
            doubtful: list[_Candidate] = []
            for candidate in self._candidates(image, reduced[scale], scale):
                if candidate.score < least or candidate.is_one_of(faces):
                    continue
                if candidate.is_certain:
                    faces.append(candidate)
                elif len(doubtful) < _EXAMINED:
                    doubtful.append(candidate)
            for candidate in self._examined(image, doubtful):
                if not candidate.is_one_of(faces):
                    faces.append(candidate)
        return without_duplicates(detection_in(image, _raw(face)) for face in faces)

    def _candidates(self, image: Image, reduced: Image, scale: float) -> list[_Candidate]:
        """Where there may be a face in the image ``reduced`` to ``scale``, the likeliest first."""
        corners = list(product(*map(_tile_starts, reduced.shape[:2])))
        tiles = [_tile(reduced, top, left) for top, left in corners]
        exact = np.array(reduced.shape[1::-1]) / image.shape[1::-1]
        found: list[_Candidate] = []
        for (top, left), (scores, points) in zip(corners, self._run(tiles), strict=True):
            points[:, _POSITIONS] += (left, top)
            found += [
                _Candidate(score, place, scale)
                for score, place in zip(scores.tolist(), (points / exact).astype(np.float32), strict=True)
            ]
        return sorted(found, key=lambda candidate: -candidate.score)

    def _examined(self, image: Image, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """The faces among candidates, as seen upright in close-ups; the likeliest first."""
        first = self._close_ups(image, candidates, _CLOSE_UPS[0])
        likely = [face for face in first if face is not None and face.score >= _WORTH_ANOTHER]
        second = self._close_ups(image, likely, _CLOSE_UPS[1])
        found = [
            replace(face, score=(face.score + other.score) / 2)
            for face, other in zip(likely, second, strict=True)
            if other is not None
        ]
        return sorted((f for f in found if f.score >= _MIN_CONFIDENCE), key=lambda face: -face.score)

    def _close_ups(
        self, image: Image, candidates: Sequence[_Candidate], size: float
    ) -> list[_Candidate | None]:
        """Each candidate as the network sees it upright and ``size`` pixels large, if it sees a face."""
        views = [_close_up(candidate, size) for candidate in candidates]
        seen = self._run([_crop(image, view) for view in views])
        return [_central(view, *answers, size) for view, answers in zip(views, seen, strict=True)]

    def _run(self, inputs: Sequence[Image]) -> Iterator[tuple[FloatArray, FloatArray]]:
        """For each input the scores (N,) of the places where there may be a face, and their points (N, 8, 2),
        the likeliest first."""
        for start in range(0, len(inputs), _BATCH):
            outputs = self._network(np.stack(inputs[start : start + _BATCH]))
            for boxes, logits in zip(outputs[BOXES], outputs[SCORES], strict=True):
                yield _merged(*_decoded(boxes, logits))


def _raw(face: _Candidate) -> RawDetection:
    x, y = face.points[_CENTRE].tolist()
    return RawDetection(x, y, _SIDE * face.size, face.score, face.roll)


def _scales(long_side: int, thorough: bool) -> list[float]:
    """Scales at which an image is searched, the smallest first."""
    whole = min(DETECTOR_SIDE / long_side, _ENLARGED)
    if not thorough or whole >= _TILED:
        return [whole]
    steps = ceil(log(_TILED / whole) / log(_STEP))
    return [whole * (_TILED / whole) ** (step / steps) for step in range(steps + 1)]


def _tile_starts(length: int) -> list[int]:
    """Where the tiles begin that cover ``length`` pixels."""
    if length <= DETECTOR_SIDE:
        return [0]
    count = ceil((length - _OVERLAP) / (DETECTOR_SIDE - _OVERLAP))
    return [round(number * (length - DETECTOR_SIDE) / (count - 1)) for number in range(count)]


def _tile(image: Image, top: int, left: int) -> Image:
    """The input that begins there; grey beyond the edge."""
    part = image[top : top + DETECTOR_SIDE, left : left + DETECTOR_SIDE]
    tile = np.full((DETECTOR_SIDE, DETECTOR_SIDE, 3), _GREY, dtype=np.uint8)
    tile[: part.shape[0], : part.shape[1]] = part
    return tile


def _pyramid(image: Image, scales: Sequence[float]) -> dict[float, Image]:
    """The image at each of the scales, which rise; each is made of the next larger one."""
    found: dict[float, Image] = {}
    larger = image
    for scale in reversed(scales):
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        larger = found[scale] = np.asarray(cv2.resize(larger, size, interpolation=method), dtype=np.uint8)
    return found


def _decoded(boxes: FloatArray, logits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scores (N,) and points (N, 8, 2) in pixels of the input of all answers that propose a face, the
    highest score first."""
    scores = 1 / (1 + np.exp(-logits.ravel().clip(-50, 50)))
    kept = np.nonzero(scores >= _PROPOSED_IN_TILES)[0]
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    points = boxes[kept].reshape(-1, 8, 2)
    row, column = np.divmod(kept, DETECTOR_SIDE // _STRIDE)
    points[:, _POSITIONS] += ((np.stack([column, row], axis=1) + 0.5) * _STRIDE)[:, None].astype(np.float32)
    return scores[kept], points


def _merged(scores: FloatArray, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted non-maximum suppression: those that overlap the best one are averaged by their scores."""
    best: list[float] = []
    means: list[FloatArray] = []
    while len(scores):
        same = np.array([_overlap(points[0], other) > _SAME_FACE for other in points])
        same[0] = True  # also a box without an area
        best.append(scores[0])
        means.append(np.tensordot(scores[same] / scores[same].sum(), points[same], 1))
        scores, points = scores[~same], points[~same]
    return np.array(best, dtype=np.float32), np.array(means, dtype=np.float32).reshape(-1, 8, 2)


def _overlap(a: FloatArray, b: FloatArray) -> float:
    """Intersection over union of the boxes of two sets of points (8, 2)."""
    sides = np.minimum(a[_CENTRE] + a[_SIZE] / 2, b[_CENTRE] + b[_SIZE] / 2) - np.maximum(
        a[_CENTRE] - a[_SIZE] / 2, b[_CENTRE] - b[_SIZE] / 2
    )
    if sides.min() <= 0:
        return 0.0
    inner = float(sides.prod())
    return inner / float(a[_SIZE].prod() + b[_SIZE].prod() - inner)


def _close_up(candidate: _Candidate, size: float) -> Alignment:
    """The matrix (2, 3) that brings a candidate to the middle of an input, upright and ``size`` pixels large;
    edges of both are at 0."""
    scale, angle = size / candidate.size, np.deg2rad(candidate.roll)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([turn, DETECTOR_SIDE / 2 - turn @ candidate.points[_CENTRE]])


def _crop(image: Image, view: Alignment) -> Image:
    centres = view.copy()
    centres[:, 2] += view[:, :2] @ (0.5, 0.5) - 0.5
    return fast_crop(image, centres, DETECTOR_SIDE)


def _central(view: Alignment, scores: FloatArray, points: FloatArray, size: float) -> _Candidate | None:
    """The face in the middle of a close-up, in pixels of the image; ``None`` if there is none."""
    for score, place in zip(scores.tolist(), points, strict=True):
        if np.abs(place[_CENTRE] - DETECTOR_SIDE / 2).max() < size / 2:
            back = np.linalg.inv(view[:, :2])
            scale = float(np.hypot(*view[:, 0]))
            moved = place / scale
            moved[_POSITIONS] = (place[_POSITIONS] - view[:, 2]) @ back.T
            return _Candidate(score, moved.astype(np.float32), scale)
    return None
