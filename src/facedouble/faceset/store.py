"""The on-disk store of faces: a folder of crops a person can open, and one SQLite file beside it.

    FACESET/
      faceset.sqlite     every frame and face: times, boxes, landmarks, alignments, descriptors
      faces/000123_0.png aligned crop of face 0 in frame 123

A crop that a person deletes is a face left out: of training, and of conversion. The database is
transactional; a run that was killed leaves a file that opens.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from facedouble.errors import InputError
from facedouble.types import Box, Face

DATABASE = "faceset.sqlite"
CROPS = "faces"
SCHEMA = 1

_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE frame (
    frame_index INTEGER PRIMARY KEY,  -- from 0, in presentation order
    pts INTEGER NOT NULL,             -- in units of about.time_base seconds
    name TEXT                         -- file name, when the source is a folder
);
CREATE TABLE face (
    frame_index INTEGER NOT NULL REFERENCES frame,
    face_index INTEGER NOT NULL,      -- 0 is the largest face of its frame
    left INTEGER NOT NULL, top INTEGER NOT NULL, right INTEGER NOT NULL, bottom INTEGER NOT NULL,
    confidence REAL NOT NULL,         -- the detector's own scale
    landmarks BLOB NOT NULL,          -- 68x2 float32, frame pixels, as measured
    steady BLOB NOT NULL,             -- the same, smoothed in time
    alignment BLOB NOT NULL,          -- 2x3 float64, frame pixels to crop pixels
    crop_size INTEGER NOT NULL,
    descriptor BLOB,                  -- 128 float32
    sharpness REAL NOT NULL,
    colour BLOB,                      -- 2x3 float32: mean and deviation of R, G, B over the face
    track INTEGER NOT NULL,
    rotation INTEGER NOT NULL,        -- degrees the frame was turned to find the face
    crop TEXT,                        -- file in faces/, NULL until it is written
    PRIMARY KEY (frame_index, face_index)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The clip or folder a faceset was made from, and the settings it was made with."""

    path: str
    sha256: str
    width: int
    height: int
    time_base: Fraction
    settings: Mapping[str, object]
    program: str


class Faceset:
    """An open faceset. Use as a context manager; every write is committed by :meth:`commit`."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database

    # -- opening ---------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, source: SourceRecord) -> Faceset:
        """Make a new, empty faceset in ``path``. Raises ``InputError`` when there is one already."""
        if (path / DATABASE).exists():
            raise InputError(f"{path} already holds a faceset")
        (path / CROPS).mkdir(parents=True, exist_ok=True)
        # Built under another name, so that a faceset is never seen without its tables.
        draft = path / (DATABASE + ".new")
        draft.unlink(missing_ok=True)
        database = sqlite3.connect(draft)
        database.executescript(_TABLES)
        about = {
            "schema": str(SCHEMA),
            "source": source.path,
            "source_sha256": source.sha256,
            "width": str(source.width),
            "height": str(source.height),
            "time_base": str(source.time_base),
            "settings": json.dumps(dict(source.settings)),
            "program": source.program,
            "complete": "0",
        }
        database.executemany("INSERT INTO about VALUES (?, ?)", about.items())
        database.commit()
        database.close()
        draft.rename(path / DATABASE)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Faceset:
        """Open an existing faceset. Raises ``InputError`` when there is none or it is damaged."""
        file = path / DATABASE
        if not file.is_file():
            raise InputError(f"{path}: not a faceset (there is no {DATABASE} in it); make one with extract")
        database = sqlite3.connect(file)
        try:
            row = database.execute("SELECT value FROM about WHERE key = 'schema'").fetchone()
        except sqlite3.DatabaseError as error:
            database.close()
            raise InputError(f"{file}: damaged or not a faceset ({error})") from error
        if row is None or int(row[0]) != SCHEMA:
            database.close()
            raise InputError(f"{file}: made by another version of facedouble; extract again")
        return cls(path, database)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- reading ---------------------------------------------------------------------------------

    @property
    def source(self) -> SourceRecord:
        about = dict(self._database.execute("SELECT key, value FROM about"))
        return SourceRecord(
            path=about["source"],
            sha256=about["source_sha256"],
            width=int(about["width"]),
            height=int(about["height"]),
            time_base=Fraction(about["time_base"]),
            settings=json.loads(about["settings"]),
            program=about["program"],
        )

    @property
    def complete(self) -> bool:
        """Whether the extraction that made it came to its end."""
        row = self._database.execute("SELECT value FROM about WHERE key = 'complete'").fetchone()
        return bool(row[0] == "1")

    def frame_indices(self) -> set[int]:
        """Frames that were looked at, with a face or without."""
        return {row[0] for row in self._database.execute("SELECT frame_index FROM frame")}

    def faces(self, *, kept_only: bool = True) -> list[Face]:
        """All faces in order of frames; without ``kept_only`` also those whose crop is gone."""
        faces = [_face(row) for row in self._database.execute(_SELECT)]
        if not kept_only:
            return faces
        present = {entry.name for entry in (self.path / CROPS).iterdir()}
        return [face for face in faces if face.crop in present]

    def crop_path(self, face: Face) -> Path:
        """Where the crop of ``face`` lies. Raises ``InputError`` for a face not yet cut."""
        if face.crop is None:
            raise InputError(f"{self.path}: extraction did not finish; run extract again with -s")
        return self.path / CROPS / face.crop

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces())

    # -- writing ---------------------------------------------------------------------------------

    def add_frame(self, index: int, pts: int, name: str | None, faces: Iterable[Face]) -> None:
        """Record a frame and the faces in it, replacing what was recorded of it."""
        self._database.execute("DELETE FROM face WHERE frame_index = ?", (index,))
        self.put_faces(faces)
        # Last, because a frame that is recorded is one that is done.
        self._database.execute("INSERT OR REPLACE INTO frame VALUES (?, ?, ?)", (index, pts, name))

    def put_faces(self, faces: Iterable[Face]) -> None:
        """Write faces, replacing those with the same frame and face number."""
        self._database.executemany(
            "INSERT OR REPLACE INTO face VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", map(_row, faces)
        )

    def mark_complete(self) -> None:
        self._database.execute("UPDATE about SET value = '1' WHERE key = 'complete'")

    def commit(self) -> None:
        self._database.commit()


def crop_name(frame_index: int, face_index: int) -> str:
    """File name of a crop: ``000123_0.png``."""
    return f"{frame_index:06d}_{face_index}.png"


_COLUMNS = (
    "frame_index, face_index, left, top, right, bottom, confidence, landmarks, steady, alignment, "
    "crop_size, descriptor, sharpness, colour, track, rotation, crop"
)
_SELECT = f"SELECT {_COLUMNS} FROM face ORDER BY frame_index, face_index"


def _row(face: Face) -> tuple[object, ...]:
    return (
        face.frame_index,
        face.face_index,
        *face.box,
        face.confidence,
        face.landmarks.astype("<f4").tobytes(),
        face.steady.astype("<f4").tobytes(),
        face.alignment.astype("<f8").tobytes(),
        face.crop_size,
        None if face.descriptor is None else face.descriptor.astype("<f4").tobytes(),
        face.sharpness,
        None if face.colour is None else face.colour.astype("<f4").tobytes(),
        face.track,
        face.rotation,
        face.crop,
    )


def _face(row: tuple[object, ...]) -> Face:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))

    def array(name: str, kind: str, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        data = values[name]
        assert isinstance(data, bytes)
        return np.frombuffer(data, dtype=kind).reshape(shape).copy()

    return Face(
        frame_index=values["frame_index"],  # type: ignore[arg-type]
        face_index=values["face_index"],  # type: ignore[arg-type]
        box=Box(values["left"], values["top"], values["right"], values["bottom"]),  # type: ignore[arg-type]
        confidence=values["confidence"],  # type: ignore[arg-type]
        landmarks=array("landmarks", "<f4", 68, 2),  # type: ignore[arg-type]
        steady=array("steady", "<f4", 68, 2),  # type: ignore[arg-type]
        alignment=array("alignment", "<f8", 2, 3),  # type: ignore[arg-type]
        crop_size=values["crop_size"],  # type: ignore[arg-type]
        descriptor=None if values["descriptor"] is None else array("descriptor", "<f4", 128),  # type: ignore[arg-type]
        sharpness=values["sharpness"],  # type: ignore[arg-type]
        colour=None if values["colour"] is None else array("colour", "<f4", 2, 3),  # type: ignore[arg-type]
        track=values["track"],  # type: ignore[arg-type]
        rotation=values["rotation"],  # type: ignore[arg-type]
        crop=values["crop"],  # type: ignore[arg-type]
    )
