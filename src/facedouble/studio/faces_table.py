"""All faces of a faceset as columns of numbers, for a page that filters and sorts them itself."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from facedouble.curation.attributes import face_attributes
from facedouble.curation.crop_order import frame_size_of
from facedouble.curation.review import review
from facedouble.errors import InputError
from facedouble.faces.clustering import assign_people
from facedouble.faceset.layout import BLURRY, CROPS, DATABASE, DROPPED, crop_name, iter_crops, parse_crop_name
from facedouble.faceset.store import Faceset
from facedouble.files import read_regular, write_whole
from facedouble.studio.preview.kept import Kept
from facedouble.video.images import read_image
from facedouble.video.opencv_codec import encode

_THUMBNAIL = 144
_MOST_BYTES = 64 << 20  # of thumbnails
_MOST_CACHED = 1 << 28
_STATES = {CROPS: "k", BLURRY: "b", DROPPED: "d"}


_NUMBERS = ("frame", "number", "track", "person")
_MEASURES = ("wrong", "yaw", "pitch", "mouth", "eyes", "sharpness", "width", "brightness")


class _Columns(BaseModel):
    """What does not change when crops are moved, as it is kept for the next time; ``stamp`` says of which
    database."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stamp: str
    numbers: dict[str, list[int]]
    measures: dict[str, list[float | None]]
    reasons: dict[int, str]

    @property
    def keys(self) -> list[tuple[int, int]]:
        """The numbers of frame and face of each."""
        return list(zip(self.numbers["frame"], self.numbers["number"], strict=True))

    def fits(self, stamp: str) -> bool:
        """Whether it is of that database, and whole."""
        lengths = {len(column) for column in self.numbers.values()}
        lengths |= {len(column) for column in self.measures.values()}
        names = (tuple(self.numbers), tuple(self.measures))
        return self.stamp == stamp and names == (_NUMBERS, _MEASURES) and len(lengths) == 1


class FacesTable:
    """The faces of facesets by folder, measured once while their databases stay as they are."""

    def __init__(self) -> None:
        self._measured: Kept[_Columns] = Kept(60_000, lambda columns: len(columns.keys) + 1)
        self._thumbnails: Kept[bytes] = Kept(_MOST_BYTES, len)
        self._lock = threading.Lock()

    def columns(self, path: Path, cache: Path) -> dict[str, Any]:
        """Columns of equal length, and ``state``: a letter for each face (kept, blurry, dropped, - for one
        without a crop). What took long is kept in the file ``cache``. Raises ``InputError``."""
        measured = self._of(path, cache)
        places = {parse_crop_name(crop.rpartition("/")[2]): crop for crop in iter_crops(path)}
        states = []
        for key in measured.keys:
            crop = places.get(key)
            states.append("-" if crop is None else _STATES[crop.partition("/")[0]])
        columns = {**measured.numbers, **measured.measures, "reasons": measured.reasons}
        return {**columns, "state": "".join(states)}

    def keys(self, path: Path, cache: Path) -> list[tuple[int, int]]:
        """The numbers of frame and face of each face, in the order of the columns."""
        return self._of(path, cache).keys

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

    def _of(self, path: Path, cache: Path) -> _Columns:
        database = path / DATABASE
        try:
            found = database.stat()
        except OSError as error:
            raise InputError("there are no faces yet") from error
        stamp = f"{found.st_mtime_ns} {found.st_size}"
        key = (str(path), stamp)
        with self._lock:
            columns = self._measured.get(key) or _cached(cache, stamp)
            if columns is None:
                columns = _measure(path, stamp)
                cache.parent.mkdir(exist_ok=True)
                write_whole(cache, columns.model_dump_json().encode())
            self._measured.put(key, columns)
        return columns


def _cached(cache: Path, stamp: str) -> _Columns | None:
    """What was measured before; ``None`` where it is of another database, or damaged."""
    try:
        found = _Columns.model_validate_json(read_regular(cache, _MOST_CACHED))
    except (OSError, ValidationError):
        return None
    return found if found.fits(stamp) else None


def _measure(path: Path, stamp: str) -> _Columns:
    with Faceset.open(path) as store:
        faces = [face for face in store.all_faces() if face.cropped]
        size = frame_size_of(store)
    people = assign_people(faces)
    suspects = {suspect.face.key: suspect for suspect in review(faces, size)}
    numbers = {
        "frame": [face.frame_index for face in faces],
        "number": [face.face_index for face in faces],
        "track": [face.track for face in faces],
        "person": [int(people[face.key]) for face in faces],
    }
    found = face_attributes(faces) if faces else None
    measures: dict[str, list[float | None]] = {
        "wrong": [round(suspects[it.key].score, 2) if it.key in suspects else 0.0 for it in faces]
    }
    for name in _MEASURES[1:]:
        values = [] if found is None else np.asarray(getattr(found, name)).tolist()
        measures[name] = [round(value, 3) if math.isfinite(value) else None for value in values]
    reasons = {n: suspects[face.key].text for n, face in enumerate(faces) if face.key in suspects}
    return _Columns(stamp=stamp, numbers=numbers, measures=measures, reasons=reasons)
