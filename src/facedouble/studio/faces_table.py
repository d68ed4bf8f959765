"""All faces of a faceset as columns of numbers, for a page that filters and sorts them itself."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facedouble.curation.attributes import face_attributes
from facedouble.curation.crop_order import frame_size_of
from facedouble.curation.review import review
from facedouble.errors import InputError
from facedouble.faces.clustering import assign_people
from facedouble.faceset.layout import BLURRY, CROPS, DATABASE, DROPPED, crop_name, iter_crops, parse_crop_name
from facedouble.faceset.store import Faceset
from facedouble.studio.preview.kept import Kept
from facedouble.types import Face
from facedouble.video.images import read_image
from facedouble.video.opencv_codec import encode

_THUMBNAIL = 144
_MOST_BYTES = 64 << 20
_STATES = {CROPS: "k", BLURRY: "b", DROPPED: "d"}


@dataclass(frozen=True, slots=True)
class _Measured:
    """What does not change when crops are moved."""

    faces: tuple[Face, ...]
    columns: dict[str, Any]


class FacesTable:
    """The faces of facesets by folder, measured once while their databases stay as they are."""

    def __init__(self) -> None:
        self._measured: Kept[_Measured] = Kept(60_000, lambda measured: len(measured.faces) + 1)
        self._thumbnails: Kept[bytes] = Kept(_MOST_BYTES, len)
        self._lock = threading.Lock()

    def columns(self, path: Path) -> dict[str, Any]:
        """Columns of equal length, and ``state``: a letter for each face (kept, blurry, dropped, - for one
        without a crop). Raises ``InputError``."""
        measured = self._of(path)
        places = {parse_crop_name(crop.rpartition("/")[2]): crop for crop in iter_crops(path)}
        states = []
        for face in measured.faces:
            crop = places.get(face.key)
            states.append("-" if crop is None else _STATES[crop.partition("/")[0]])
        return {**measured.columns, "state": "".join(states)}

    def faces(self, path: Path) -> Sequence[Face]:
        return self._of(path).faces

    def thumbnail(self, path: Path, frame: int, number: int) -> bytes:
        """A small JPEG of a crop. Raises ``InputError`` where there is none."""
        name = crop_name(frame, number)
        for folder in (CROPS, DROPPED, BLURRY):
            file = path / folder / name
            if file.exists():
                break
        else:
            found = next(
                (crop for crop in iter_crops(path) if parse_crop_name(crop) == (frame, number)), None
            )
            if found is None:
                raise InputError("this face has no crop")
            file = path / found
        key = (str(file), file.stat().st_mtime_ns)
        with self._lock:
            kept = self._thumbnails.get(key)
        if kept is None:
            side = (_THUMBNAIL, _THUMBNAIL)
            small = cv2.resize(read_image(file), side, interpolation=cv2.INTER_AREA)
            kept = encode(".jpg", np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])
            with self._lock:
                self._thumbnails.put(key, kept)
        return kept

    def _of(self, path: Path) -> _Measured:
        database = path / DATABASE
        try:
            stamp = database.stat().st_mtime_ns
        except OSError as error:
            raise InputError("there are no faces yet") from error
        key = (str(path), stamp)
        with self._lock:
            found = self._measured.get(key)
        if found is None:
            found = _measure(path)
            with self._lock:
                self._measured.put(key, found)
        return found


def _measure(path: Path) -> _Measured:
    with Faceset.open(path) as store:
        faces = tuple(face for face in store.all_faces() if face.cropped)
        size = frame_size_of(store)
    columns: dict[str, Any] = {
        "frame": [face.frame_index for face in faces],
        "number": [face.face_index for face in faces],
        "track": [face.track for face in faces],
        "reasons": {},
    }
    suspects = {suspect.face.key: suspect for suspect in review(faces, size)}
    columns["wrong"] = [round(suspects[it.key].score, 2) if it.key in suspects else 0 for it in faces]
    columns["reasons"] = {
        str(place): suspects[face.key].text for place, face in enumerate(faces) if face.key in suspects
    }
    people = assign_people(faces)
    columns["person"] = [int(people[face.key]) for face in faces]
    names = ("yaw", "pitch", "mouth", "eyes", "sharpness", "width", "brightness")
    measures = face_attributes(faces) if faces else None
    for name in names:
        values = [] if measures is None else np.asarray(getattr(measures, name)).tolist()
        columns[name] = [round(value, 3) if math.isfinite(value) else None for value in values]
    return _Measured(faces, columns)
