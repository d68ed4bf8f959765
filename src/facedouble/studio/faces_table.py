"""The faces of facesets, for a page that filters and sorts them itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facedouble.errors import FacedoubleError, InputError
from facedouble.faceset.layout import BLURRY, CROPS, DATABASE, DROPPED, crop_name, iter_crops, parse_crop_name
from facedouble.faceset.people import read_people
from facedouble.studio.faces_columns import Columns, cached_columns, measured_columns, unmeasured_columns
from facedouble.studio.preview.kept import Kept
from facedouble.video.images import read_image
from facedouble.video.opencv_codec import encode

_THUMBNAIL = 144
_MOST_BYTES = 64 << 20  # of thumbnails
_FEW = 500  # faces
_PATIENCE = 0.25  # seconds that an answer waits for faces to be measured
_STATES = {CROPS: "k", BLURRY: "b", DROPPED: "d"}


class _Measuring:
    """Measuring a faceset in a thread of its own; ``error``: why it came to nothing."""

    def __init__(self, path: Path, stamp: str, cache: Path) -> None:
        self.numbers = unmeasured_columns(path)
        self.columns: Columns | None = None
        self.error: FacedoubleError | None = None
        self._thread = threading.Thread(target=self._measure, args=(path, stamp, cache), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for a moment, where a moment may be enough."""
        if len(self.numbers.keys) < _FEW:
            self._thread.join(_PATIENCE)

    def _measure(self, path: Path, stamp: str, cache: Path) -> None:
        try:
            self.columns = measured_columns(path, stamp, cache, len(self.numbers.keys))
        except FacedoubleError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  (told to whoever asks for it)
            self.error = FacedoubleError(f"the faces cannot be measured ({type(error).__name__}: {error})")


class FacesTable:
    """The faces of facesets by folder, measured once while their databases stay as they are."""

    def __init__(self) -> None:
        self._known: Kept[Columns] = Kept(60_000, lambda columns: len(columns.keys) + 1)
        self._measuring: Kept[_Measuring] = Kept(4)
        self._thumbnails: Kept[bytes] = Kept(_MOST_BYTES, len)
        self._lock = threading.Lock()

    def columns(self, path: Path, cache: Path) -> dict[str, Any]:
        """Columns of equal length, and ``state``: a letter for each face (kept, blurry, dropped, - for one
        without a crop). Until they are ``measured``, which takes seconds for thousands of faces, there are
        only their numbers. What was measured is kept in the file ``cache``. Raises ``InputError``."""
        measured = self._of(path, cache)
        places = {parse_crop_name(crop.rpartition("/")[2]): crop for crop in iter_crops(path)}
        states = []
        for key in measured.keys:
            crop = places.get(key)
            states.append("-" if crop is None else _STATES[crop.partition("/")[0]])
        columns = {**measured.numbers, **measured.measures, "reasons": measured.reasons}
        people = read_people(path)
        names = {str(n): people[key] for n, key in enumerate(measured.keys) if key in people}
        whole = {"state": "".join(states), "names": names, "measured": measured.measured}
        return {**columns, **whole}

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

    def _of(self, path: Path, cache: Path) -> Columns:
        database = path / DATABASE
        try:
            found = database.stat()
        except OSError as error:
            raise InputError("there are no faces yet") from error
        stamp = f"{found.st_mtime_ns} {found.st_size}"
        key = (str(path), stamp)
        with self._lock:
            columns = self._known.get(key)
            measuring = self._measuring.get(key)
            if columns is None and measuring is None:
                columns = cached_columns(cache, stamp)
            if columns is None and measuring is None:
                measuring = _Measuring(path, stamp, cache)
                self._measuring.put(key, measuring)
        if columns is None and measuring is not None:
            measuring.wait()
            if measuring.error is not None:
                raise measuring.error
            columns = measuring.columns or measuring.numbers
        assert columns is not None
        if columns.measured:
            with self._lock:
                self._known.put(key, columns)
        return columns
