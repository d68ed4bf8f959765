"""Reading a faceset; :class:`~facedouble.faceset.store.Faceset` adds writing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from facedouble.errors import InputError, setting
from facedouble.faces.tracks import Handover
from facedouble.faceset import schema
from facedouble.faceset.codec import (
    FACE,
    FILE,
    FRAME,
    HANDOVER,
    SOURCE,
    FrameRecord,
    Layer,
    SourceFile,
    SourceRecord,
)
from facedouble.faceset.crops import read_crop
from facedouble.faceset.database import input_errors
from facedouble.faceset.layers import LayerStore
from facedouble.faceset.layout import (
    BLURRY,
    CROPS,
    DATABASE,
    DROPPED,
    check_layout,
    crop_name,
    folder_of,
    iter_crops,
    parse_crop_name,
)
from facedouble.faceset.people import read_people
from facedouble.faceset.plausible import implausible
from facedouble.faceset.source_match import SourceMatch, match_source
from facedouble.faceset.table import Codec, T
from facedouble.types import Face, FaceStatus, Image

SMOOTHED = "smoothed"
"""Key of :meth:`FacesetReader.meta` that is set once tracks and smoothed landmarks are stored."""
_ROWS = 512
COMPLETE = "complete"
FAILURE = "failure"  # why the source could not be read to its end
_OUTLINE = """
SELECT frame_index, face_index, track, edited, status, cropped FROM face ORDER BY frame_index, face_index
"""


class FaceOutline(NamedTuple):
    """A face without its shape."""

    frame_index: int
    face_index: int
    track: int
    edited: bool
    status: FaceStatus
    cropped: bool


class FacesetReader:
    """An open faceset that is read, to be used as a context manager."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database
        self._layers = LayerStore(path, database)

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the faceset in ``path``; one of an older schema is brought up to date.

        Where its folder cannot be written to, an older one is read through a copy in memory. Raises
        ``InputError`` if there is none, if it is damaged, or made by a newer version.
        """
        file = path / DATABASE
        check_layout(path)
        if not file.is_file():
            raise InputError(
                f"{path}: not a faceset (there is no {DATABASE} in it); extract one, or if its crops are "
                f"there, rebuild it ({setting('task.kind', 'rebuild')})"
            )
        return cls(path, schema.connect(file))

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- reading -----------------------------------------------------------------------------------

    @property
    def source(self) -> SourceRecord:
        """The facts about the clip or folder it was made from: the one place that holds them."""
        with schema.long_cells(self._database):
            records = self._read(SOURCE)
        if len(records) != 1:
            raise InputError(schema.damaged(self.path / DATABASE, f"it names {len(records)} sources"))
        return records[0]

    @property
    def complete(self) -> bool:
        """Whether the extraction that made it has finished."""
        return self.meta(COMPLETE) == "1"

    @property
    def failure(self) -> str | None:
        """Why the source could not be read to its end; ``None`` where it could, as far as is known."""
        return self.meta(FAILURE)

    def files(self) -> list[SourceFile]:
        """The images of the folder it was made from; none for a clip, and where an older version made it."""
        return self._read(FILE)

    def match(self, source: Path) -> SourceMatch | None:
        """How ``source`` matches what it was made from; see :func:`.source_match.match_source`."""
        return match_source(source, self.source.sha256, self.files())

    def check_source(self, source: Path, video_stream: int | None = None) -> SourceMatch:
        """Which frames of the clip or folder ``source`` are which of the faceset's. Raises ``InputError``
        unless it is complete and was made from ``source``; with ``video_stream``, from the video stream of
        that number."""
        if not self.complete and self.failure is not None:
            raise InputError(f"{self.path} holds only a part of its source: {self.failure}")
        if not self.complete:
            raise InputError(f"{self.path}: its extraction did not finish; resume it first")
        record = self.source
        found = self.match(source)
        if found is None:
            raise InputError(
                f"{self.path} holds the faces of another source ({record.path}), not of {source}"
            )
        own = 0 if record.index is None else record.index.info.video_stream
        if video_stream not in (None, own):
            raise InputError(
                f"{self.path} holds the faces of video stream {own} of {source}, not of {video_stream}; "
                f"choose that stream ({setting('reading.video_stream', own)})"
            )
        self.check_geometry()
        return found

    def check_geometry(self) -> None:
        """Raise ``InputError`` if its faces are squeezed: an earlier version did not apply the pixel aspect
        ratio of its source."""
        if self.source.is_squeezed:
            raise InputError(
                f"{self.path}: the pixels of {self.source.path} are not square, and an earlier version found "
                "its faces squeezed; extract them again into another folder"
            )

    def frames(self) -> list[FrameRecord]:
        """Frames that extraction has processed, in order, with faces or without."""
        return self._read(FRAME)

    def frame(self, index: int) -> FrameRecord:
        """What is known of one frame. Raises ``InputError`` if extraction did not process it."""
        found = self._read(FRAME, "WHERE frame_index = ?", (index,))
        if not found:
            raise InputError(f"{self.path}: there is no frame {index}")
        return found[0]

    def frame_indices(self) -> set[int]:
        """Indices of the frames that extraction has processed."""
        with self._reading():
            return {index for (index,) in self._database.execute("SELECT frame_index FROM frame")}

    def all_faces(self) -> list[Face]:
        """All faces known, in order of frames, whether in use or not."""
        crops = {parse_crop_name(name): name for name in iter_crops(self.path)}
        people = read_people(self.path)

        def crop(face: dict[str, Any]) -> dict[str, Any]:
            key = face["frame_index"], face["face_index"]
            return {"crop": crops.get(key) if face["cropped"] else None, "person": people.get(key)}

        with self._reading():
            cursor = self._database.execute(FACE.select)
            found: list[Face] = []
            while rows := cursor.fetchmany(_ROWS):  # all rows beside all faces would take twice the memory
                found += FACE.from_rows(rows, crop)
            return found

    def faces_of(self, frame_index: int) -> list[Face]:
        """All faces known of one frame, in order of their numbers; no others are read."""
        places = {
            key: f"{folder}/{crop_name(*key)}"
            for folder in (DROPPED, BLURRY, CROPS)
            for key in self._keys(frame_index)
            if (self.path / folder / crop_name(*key)).is_file()
        }
        found = self._read(FACE, "WHERE frame_index = ?", (frame_index,))
        if any(
            face.cropped and face.key not in places for face in found
        ):  # renamed, moved deeper, or deleted
            places = {key: name for name in iter_crops(self.path) if (key := parse_crop_name(name))} | places
        return [face.with_(crop=places.get(face.key) if face.cropped else None) for face in found]

    def outline(self) -> list[FaceOutline]:
        """What is known of all faces but their shape, in order of frames: much faster than the faces."""
        with self._reading():
            rows = self._database.execute(_OUTLINE).fetchall()
        return [
            FaceOutline(a, b, track, bool(edited), status, bool(cropped))
            for a, b, track, edited, status, cropped in rows
        ]

    def statuses(self) -> Counter[FaceStatus]:
        """How many faces have each status, whether in use or not."""
        with self._reading():
            return Counter(dict(self._database.execute("SELECT status, count(*) FROM face GROUP BY status")))

    def count_frames_with_faces(self) -> int:
        """How many frames have a face, whether in use or not."""
        with self._reading():
            (count,) = self._database.execute("SELECT count(DISTINCT frame_index) FROM face").fetchone()
        return int(count)

    def faces(self, *, include_blurry: bool = False) -> list[Face]:
        """The faces in use, in order of frames: those whose crop is in ``faces/``. A conversion also uses
        those in ``blurry/``. Raises ``InputError`` for one that can be no face (:mod:`.plausible`)."""
        return self.in_use(self.all_faces(), include_blurry=include_blurry)

    def in_use(self, faces: Sequence[Face], *, include_blurry: bool = False) -> list[Face]:
        """Those of all ``faces`` that :meth:`faces` gives."""
        folders = (CROPS, BLURRY) if include_blurry else (CROPS,)
        found = [face for face in faces if folder_of(face) in folders]
        source = self.source
        if (wrong := implausible(found, source.width, source.height)) is not None:
            face, reason = wrong
            raise InputError(
                f"{self.path}: face {face.face_index} of frame {face.frame_index} is damaged: {reason}; "
                f"delete {face.crop}, and the others can be used"
            )
        return found

    def handovers(self) -> list[Handover]:
        """Where tracklets continue in the next segment, in order of frames."""
        return sorted(self._read(HANDOVER), key=lambda handover: (handover.frame_index, handover.tracklet))

    def read_crop(self, face: Face) -> Image:
        """The crop of ``face`` (size, size, 3). Raises ``InputError`` if it has none, or one that cannot be
        read or is not its own; see :mod:`.crops`."""
        return read_crop(self.crop_path(face), face)

    def crop_path(self, face: Face) -> Path:
        """Where the crop of ``face`` is. Raises ``InputError`` if it has none."""
        if face.crop is None:
            raise InputError(f"{self.path}: face {face.face_index} of frame {face.frame_index} has no crop")
        return self.path / face.crop

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces())

    def meta(self, key: str) -> str | None:
        """What :meth:`set_meta` stored under ``key``."""
        with self._reading():
            row = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def layers(self, face: Face | None = None) -> list[Layer]:
        """What layers ``face`` has, or all faces together, in order of frames."""
        with self._reading():
            return self._layers.list(None if face is None else face.key)

    def read_layer(self, face: Face, kind: str) -> Any:
        """A layer of ``face``, as it fits its crop now. Raises ``InputError`` if there is none."""
        with self._reading():
            return self._layers.read(face, kind)

    # -- inside ------------------------------------------------------------------------------------

    def _keys(self, frame_index: int) -> list[tuple[int, int]]:
        query = "SELECT frame_index, face_index FROM face WHERE frame_index = ?"
        with self._reading():
            return self._database.execute(query, (frame_index,)).fetchall()

    def _read(self, codec: Codec[T], where: str = "", values: tuple[object, ...] = ()) -> list[T]:
        with self._reading():
            query = codec.select.replace(" ORDER BY", f" {where} ORDER BY") if where else codec.select
            return codec.from_rows(self._database.execute(query, values).fetchall())

    def _reading(self) -> AbstractContextManager[None]:
        return input_errors(self.path, self._database)

    def _require_smoothed(self) -> None:
        if self.meta(SMOOTHED) is None:
            raise InputError(f"{self.path}: its extraction did not finish; resume it before editing faces")
