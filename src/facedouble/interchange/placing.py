"""Faces of other programs brought to the frames of a source: which frame, where on it, and their layers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import align, fit_similarity, inverse, recrop
from facedouble.faces.landmarks import box_around
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.layer_kinds import Polygon
from facedouble.interchange.foreign import ForeignFace, ForeignMask, Point
from facedouble.types import Face, Grey, Landmarks
from facedouble.video.image_header import read_header
from facedouble.video.opencv_codec import decode

Square = npt.NDArray[np.float64]
"""A matrix (3, 3)."""
SAME_FACE = 0.4
"""Overlap of the boxes of one face on neighbouring frames."""
_LONGEST_GAP = 8  # frames without a face inside a track
_MAX_MASK_SIDE = 4096
_VISIBLE = 255
_SMALLEST = 8  # pixels: the side of a face's box below which its landmarks describe no face
_MASKS = re.compile(r"custom|xseg|unet|obstructed|bisenet|clear", re.IGNORECASE)
_PREFERRED = ("custom", "xseg", "unet", "obstructed", "bisenet", "clear")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a face of another program lies on a frame of the source, in pixels of the frame as it is shown.

    ``frame`` (3, 3) takes points of the frame as the other program had it, ``crop`` (3, 3) points of the
    picture of the face; ``None`` where that is not known.
    """

    frame: Square | None
    crop: Square | None

    @classmethod
    def on_clip(cls, face: ForeignFace, across: float, down: float) -> Placement:
        """On a frame whose stored pixels are shown ``across`` and ``down`` times as large."""
        shown = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
        if face.crop_matrix is None:
            return cls(shown, None)
        return cls(shown, shown @ np.linalg.inv(_square(np.array(face.crop_matrix))))

    @classmethod
    def on_picture(cls, face: ForeignFace) -> Placement:
        """On the picture of the face, which takes the place of a frame."""
        frame = None if face.crop_matrix is None else _square(np.array(face.crop_matrix))
        return cls(frame, np.eye(3))

    @classmethod
    def by_landmarks(cls, face: ForeignFace, found: Landmarks) -> Placement:
        """On a picture on which its landmarks were ``found`` (P, 2) anew."""
        if face.landmarks is None:
            raise ValueError("it has no landmarks")
        fit = fit_similarity(point_array(face.landmarks), found.astype(np.float64), np.ones(len(found)))
        return cls(_square(fit), None)

    def landmarks(self, face: ForeignFace) -> npt.NDArray[np.float64]:
        """Its landmarks (P, 2). Raises ``ValueError`` if it has none that can be placed."""
        if self.frame is not None and face.landmarks is not None:
            return mapped(self.frame, point_array(face.landmarks))
        if self.crop is not None and face.crop_landmarks is not None:
            return mapped(self.crop, point_array(face.crop_landmarks))
        raise ValueError("it has no landmarks")

    def polygons(self, face: ForeignFace) -> list[Polygon]:
        """Its polygons. Raises ``ValueError`` if it does not say where its picture lies."""
        if self.crop is None:
            raise ValueError("it does not say where its picture lies in the frame")
        return [
            Polygon(mapped(self.crop, point_array(polygon.points)), polygon.include)
            for polygon in face.polygons
        ]

    def occlusion(self, mask: ForeignMask, placed: Face, picture_side: int | None) -> Grey:
        """A mask as the occlusion layer (S, S) of the crop of ``placed``: 255 visible, also where the mask
        says nothing. ``picture_side`` is the side of the face's picture, for a mask that lies on it. Raises
        ``ValueError``.
        """
        values = _decoded(mask)
        if mask.matrix is not None and self.frame is not None:
            to_mask = _square(np.array(mask.matrix)) @ np.linalg.inv(self.frame)
        elif mask.matrix is None and self.crop is not None and picture_side:
            to_picture = np.asarray(np.linalg.inv(self.crop)[:2], dtype=np.float64)
            to_mask = _square(recrop(to_picture, picture_side, 1.0, values.shape[0]))
        else:
            raise ValueError(f"it does not say where its mask {mask.name} lies")
        to_mask = (to_mask @ _square(inverse(placed.alignment)))[:2]
        warped = _warped(values, to_mask, placed.crop_size, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
        inside = _warped(
            np.ones_like(values), to_mask, placed.crop_size, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT
        )
        return np.where(inside > 0, warped, np.uint8(_VISIBLE))


class FrameFinder:
    """Finds the frame of a source that a face of another program is from: by the name of its image where the
    source is a folder, by the number in that name where it is a clip."""

    def __init__(self, frames: int, names: Sequence[str | None]) -> None:
        self._frames = frames
        self._by_name = {name: index for index, name in enumerate(names) if name is not None}
        self._by_stem: dict[str, int | None] = {}
        for name, index in self._by_name.items():
            stem = Path(name).stem
            self._by_stem[stem] = None if stem in self._by_stem else index

    def find(self, face: ForeignFace) -> int:
        """The number of its frame. Raises ``ValueError`` if the source has no such frame."""
        if self._by_name:
            index = self._by_name.get(face.frame or "")
            if index is None:
                index = self._by_stem.get(Path(face.frame or "").stem)
            if index is None:
                raise ValueError(f"the source has no image {face.frame}")
            return index
        if face.number is None:
            raise ValueError(f"{face.frame} does not say which frame of the clip it is")
        if face.number >= self._frames:
            raise ValueError(f"the clip has {self._frames} frames, and this is number {face.number + 1}")
        return face.number


def placed_face(
    index: int, landmarks: npt.NDArray[np.float64], size: int, shown_size: tuple[int, int]
) -> Face:
    """A face with landmarks (P, 2) in shown pixels of frame ``index``.

    Raises ``ValueError`` for landmarks that describe no face, or none on the frame.
    """
    points: Landmarks = landmarks.astype(np.float32)
    box = box_around(points, DLIB68)
    if min(box.width, box.height) < _SMALLEST:
        raise ValueError("its landmarks lie on one spot")
    width, height = shown_size
    if box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height:
        raise ValueError(f"it lies outside its frame of {width}x{height} pixels")
    return Face(
        frame_index=index,
        face_index=0,
        box=box,
        confidence=1.0,
        landmarks=points,
        smoothed=points,
        alignment=align(points, size, DLIB68),
        crop_size=size,
        scheme=DLIB68.name,
    )


def with_tracks(faces: Sequence[Face], starts: Sequence[int]) -> list[Face]:
    """Faces in order of frames, numbered in their frames (largest first) and grouped into tracks.

    A face continues the track whose last box it overlaps most, over at most eight frames without it, and
    never into another shot (``starts``: the first frame of each). No face is added or left out.
    """
    shots = np.asarray(sorted(starts))
    ordered = sorted(faces, key=lambda face: (face.frame_index, -face.box.width, face.box.left))
    result: list[Face] = []
    count = -1  # number of the last track
    tracks: dict[int, Face] = {}  # the last face of each track that can still continue
    for index, group in _by_frame(ordered).items():
        shot = int(np.searchsorted(shots, index, side="right"))
        for track, last in list(tracks.items()):
            same = int(np.searchsorted(shots, last.frame_index, side="right")) == shot
            if not same or index - last.frame_index > _LONGEST_GAP + 1:
                del tracks[track]
        chosen = _matched(group, tracks)
        for place, face in enumerate(group):
            if place not in chosen:
                count += 1
            track = chosen.get(place, count)
            known = face.with_(face_index=place, track=track, tracklet=track)
            result.append(known)
            tracks[track] = known
    return result


def preferred_mask(masks: Sequence[ForeignMask]) -> ForeignMask | None:
    """The mask that knows most of what covers a face: a person's own first, then networks'."""

    def rank(mask: ForeignMask) -> int:
        found = _MASKS.search(mask.name)
        return _PREFERRED.index(found[0].lower()) if found else len(_PREFERRED)

    return min(masks, key=rank, default=None)


def point_array(points: Sequence[Point]) -> npt.NDArray[np.float64]:
    """Points as an array (N, 2)."""
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def mapped(matrix: Square, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points (N, 2) taken by an affine matrix (3, 3)."""
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


# -- inside --------------------------------------------------------------------------------------------


def _by_frame(faces: Sequence[Face]) -> Mapping[int, list[Face]]:
    found: dict[int, list[Face]] = {}
    for face in faces:
        found.setdefault(face.frame_index, []).append(face)
    return found


def _matched(group: Sequence[Face], tracks: Mapping[int, Face]) -> dict[int, int]:
    """For places in a frame's faces the track that each continues, the best pairs first."""
    pairs = sorted(
        (
            (-overlap, place, track)
            for place, face in enumerate(group)
            for track, last in tracks.items()
            if (overlap := face.box.overlap(last.box)) >= SAME_FACE
        ),
    )
    chosen: dict[int, int] = {}
    for _, place, track in pairs:
        if place not in chosen and track not in chosen.values():
            chosen[place] = track
    return chosen


def _warped(image: Grey, matrix: npt.NDArray[np.float64], side: int, how: int, border: int) -> Grey:
    """A picture (side, side) of ``image`` where ``matrix`` takes each of its pixels."""
    flags = how | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=border)
    return np.asarray(warped, dtype=np.uint8)


def _decoded(mask: ForeignMask) -> Grey:
    if mask.side:
        return np.frombuffer(mask.data, np.uint8).reshape(mask.side, mask.side)
    header = read_header(mask.data)
    if max(header.width, header.height) > _MAX_MASK_SIDE or header.width != header.height:
        raise ValueError("a mask that is not square, or very large")
    return np.asarray(decode(mask.data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _square(matrix: npt.NDArray[np.float64]) -> Square:
    return np.vstack([matrix, (0.0, 0.0, 1.0)])
