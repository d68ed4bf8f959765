"""The on-disk store of faces: folders of crops a person can open, and one SQLite file beside them.

    FACESET/
      faceset.sqlite         every frame and face: times, boxes, landmarks, alignments, descriptors
      faces/000123_0.png     aligned crop of face 0 in frame 123
      blurry/, dropped/      crops of faces not sharp enough, and of people not wanted

A person works on a faceset by its files: a crop that is deleted, or moved to ``dropped/``, is a face
left out of training and of conversion; one in ``blurry/`` is left out of training only; moved back to
``faces/``, it counts again. A crop is known by the end of its name, whatever stands before it and in
whichever folder inside those three it lies. The database is transactional; a run that was killed
leaves a file that opens.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError, OutputError
from facedouble.faces.tracks import Handover
from facedouble.types import Box, Face
from facedouble.video.hashing import source_hash

DATABASE = "faceset.sqlite"
CROPS = "faces"
BLURRY = "blurry"
DROPPED = "dropped"
SCHEMA = 2
STEADIED = "steadied"  # noted once tracks and steady landmarks are in

_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE frame (
    frame_index INTEGER PRIMARY KEY,  -- from 0, in presentation order
    pts INTEGER NOT NULL,             -- in units of about.time_base seconds
    name TEXT,                        -- file name, when the source is a folder
    shot_ends INTEGER NOT NULL,       -- 1 for the last frame before a cut
    problem TEXT                      -- why the frame could not be read, else NULL
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
    descriptor BLOB,                  -- 128 float32; some faces of each track have one
    sharpness REAL NOT NULL,
    colour BLOB,                      -- 2x3 float32: mean and deviation of R, G, B over the face
    motion BLOB,                      -- 2x3 float64, from the frame before to this one
    chain INTEGER NOT NULL,           -- faces followed from frame to frame
    track INTEGER NOT NULL,           -- chains that are one face
    rotation INTEGER NOT NULL,        -- degrees the frame was turned to find the face
    origin TEXT NOT NULL,             -- detected, followed or filled
    verdict TEXT NOT NULL,            -- kept, small, blurry, stranger or unwanted
    wanted REAL, unwanted REAL,       -- distances to the nearest reference picture of each kind
    cut INTEGER NOT NULL,             -- 1 once its crop was made
    PRIMARY KEY (frame_index, face_index)
) WITHOUT ROWID;
CREATE TABLE handover (                -- where a chain would go on in the next segment of frames
    chain INTEGER PRIMARY KEY,
    frame_index INTEGER NOT NULL,
    landmarks BLOB NOT NULL,
    motion BLOB
) WITHOUT ROWID;
"""

_CROP_NAME = re.compile(r"(\d{6,})_(\d+)\.png")


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


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """A frame that was looked at. ``problem`` says why it could not be read, where it could not."""

    index: int
    pts: int
    name: str | None = None
    shot_ends: bool = False
    problem: str | None = None


class Faceset:
    """An open faceset. Use as a context manager; every write is committed by :meth:`commit`."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database

    # -- opening ---------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, source: SourceRecord) -> Faceset:
        """Make a new, empty faceset in ``path``.

        Raises ``InputError`` when there is one already, ``OutputError`` when it cannot be written.
        """
        if (path / DATABASE).exists():
            raise InputError(f"{path} already holds a faceset")
        # Built under another name, so that a faceset is never seen without its tables.
        draft = path / (DATABASE + ".new")
        try:
            (path / CROPS).mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            database = sqlite3.connect(draft)
            try:
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
            finally:
                database.close()
            draft.rename(path / DATABASE)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        except sqlite3.OperationalError as error:
            raise OutputError(f"{path}: cannot be written ({error})") from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Faceset:
        """Open an existing faceset. Raises ``InputError`` when there is none or it is damaged."""
        file = path / DATABASE
        if not file.is_file():
            raise InputError(
                f"{path}: not a faceset (there is no {DATABASE} in it); make one with extract, or if its "
                "crops are there bring it back with: faces --rebuild"
            )
        database = sqlite3.connect(file)
        try:
            row = database.execute("SELECT value FROM about WHERE key = 'schema'").fetchone()
        except sqlite3.DatabaseError as error:
            database.close()
            raise InputError(
                f"{file}: damaged or not a faceset ({error}); bring it back with: faces --rebuild"
            ) from error
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

    def check_source(self, source: Path) -> None:
        """Raise ``InputError`` unless it is complete and was made of the clip or folder ``source``."""
        if not self.complete:
            raise InputError(f"{self.path}: its extraction did not finish; run extract again with -s")
        record = self.source
        if record.sha256 != source_hash(source):
            text = f"{self.path} holds the faces of another source ({record.path}), not of {source}"
            raise InputError(text)

    def frames(self) -> list[FrameRecord]:
        """Frames that were looked at, in order, with a face or without."""
        with self._reading():
            rows = self._database.execute(
                "SELECT frame_index, pts, name, shot_ends, problem FROM frame ORDER BY frame_index"
            )
            return [FrameRecord(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows]

    def frame_indices(self) -> set[int]:
        """Numbers of the frames that were looked at."""
        return {row[0] for row in self._database.execute("SELECT frame_index FROM frame")}

    def all_faces(self) -> list[Face]:
        """All faces known, in order of frames, whatever was decided or done about them."""
        present = self._crops()
        with self._reading():
            return [_face(row, present) for row in self._database.execute(_SELECT)]

    def faces(self, *, include_blurry: bool = False) -> list[Face]:
        """The faces in use, in order of frames: those whose crop lies in ``faces/``; for conversion
        also those that are only ``blurry``."""
        folders = (CROPS, BLURRY) if include_blurry else (CROPS,)
        return [
            face for face in self.all_faces() if face.crop is not None and Path(face.crop).parts[0] in folders
        ]

    def handovers(self) -> list[Handover]:
        """Where chains would go on, in order of frames."""
        rows = self._database.execute(
            "SELECT chain, frame_index, landmarks, motion FROM handover ORDER BY frame_index, chain"
        )
        return [
            Handover(chain, frame, _array(points, "<f4", 68, 2), _optional(motion, "<f8", 2, 3))
            for chain, frame, points, motion in rows
        ]

    def crop_path(self, face: Face) -> Path:
        """Where the crop of ``face`` lies. Raises ``InputError`` for one that has none."""
        if face.crop is None:
            raise InputError(f"{self.path}: face {face.face_index} of frame {face.frame_index} has no crop")
        return self.path / face.crop

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces())

    @contextmanager
    def _reading(self) -> Generator[None]:
        """Turns damage in the middle of the file, which opening does not meet, into an ``InputError``."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError) as error:
            raise InputError(
                f"{self.path / DATABASE}: damaged ({error}); bring it back with: faces --rebuild"
            ) from error

    def _crops(self) -> dict[tuple[int, int], str]:
        """Where each crop lies now, from the faceset's folder. In ``faces/`` it counts before others."""
        found: dict[tuple[int, int], str] = {}
        for folder in (DROPPED, BLURRY, CROPS):
            for parent, _, names in os.walk(self.path / folder):
                inside = Path(parent).relative_to(self.path)
                for name in sorted(names):
                    key = parse_crop_name(name)
                    if key is not None:
                        found[key] = str(inside / name)
        return found

    # -- writing ---------------------------------------------------------------------------------

    def add_frame(self, frame: FrameRecord, faces: Iterable[Face] = ()) -> None:
        """Record a frame and the faces in it, replacing what was recorded of it."""
        self._database.execute("DELETE FROM face WHERE frame_index = ?", (frame.index,))
        self.put_faces(faces)
        # Last, because a frame that is recorded is one that is done.
        self._database.execute(
            "INSERT OR REPLACE INTO frame VALUES (?, ?, ?, ?, ?)",
            (frame.index, frame.pts, frame.name, int(frame.shot_ends), frame.problem),
        )

    def put_faces(self, faces: Iterable[Face]) -> None:
        """Write faces, replacing those with the same frame and face number."""
        self._database.executemany(_INSERT, map(_row, faces))

    def replace_faces(self, faces: Iterable[Face]) -> None:
        """Write ``faces`` in the place of all there are."""
        self._database.execute("DELETE FROM face")
        self.put_faces(faces)

    def add_handovers(self, handovers: Iterable[Handover]) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO handover VALUES (?, ?, ?, ?)",
            (
                (h.tracklet, h.frame_index, _bytes(h.landmarks, "<f4"), _bytes(h.motion, "<f8"))
                for h in handovers
            ),
        )

    def set_meta(self, key: str, value: str) -> None:
        """Keep a word about the whole faceset, such as which step of extraction is done."""
        self._database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))

    def meta(self, key: str) -> str | None:
        """What :meth:`set_meta` kept under ``key``."""
        row = self._database.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def mark_complete(self) -> None:
        self.set_meta("complete", "1")

    def commit(self) -> None:
        self._database.commit()


@contextmanager
def output_errors(path: Path) -> Generator[None]:
    """Turns what SQLite and the system say of a disk that is full or may not be written, inside the
    ``with``, into an ``OutputError`` about ``path``."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OutputError(
            f"{path}: cannot be written ({error}); see to the disk and go on with -s"
        ) from error
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); see to the disk and go on with -s"
        ) from error


def crop_name(frame_index: int, face_index: int) -> str:
    """File name of a crop: ``000123_0.png``."""
    return f"{frame_index:06d}_{face_index}.png"


def parse_crop_name(name: str) -> tuple[int, int] | None:
    """Frame and face number that a crop's file name ends with; ``None`` for another name.

    Names with a leading dot are not the user's: macOS leaves such files beside others on foreign disks.
    """
    match = re.search(rf"(?:^|\D){_CROP_NAME.pattern}$", name)
    return (int(match[1]), int(match[2])) if match and not name.startswith(".") else None


_COLUMNS = (
    "frame_index, face_index, left, top, right, bottom, confidence, landmarks, steady, alignment, "
    "crop_size, descriptor, sharpness, colour, motion, chain, track, rotation, origin, verdict, wanted, "
    "unwanted, cut"
)
_SELECT = f"SELECT {_COLUMNS} FROM face ORDER BY frame_index, face_index"
_INSERT = f"INSERT OR REPLACE INTO face ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(', ')))})"


def _row(face: Face) -> tuple[object, ...]:
    return (
        face.frame_index,
        face.face_index,
        *face.box,
        face.confidence,
        _bytes(face.landmarks, "<f4"),
        _bytes(face.smoothed, "<f4"),
        _bytes(face.alignment, "<f8"),
        face.crop_size,
        _bytes(face.descriptor, "<f4"),
        face.sharpness,
        _bytes(face.colour, "<f4"),
        _bytes(face.motion, "<f8"),
        face.tracklet,
        face.track,
        face.rotation,
        face.origin,
        face.status,
        face.wanted_distance,
        face.unwanted_distance,
        int(face.cropped),
    )


def _face(row: Sequence[Any], present: Mapping[tuple[int, int], str]) -> Face:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Face(
        frame_index=values["frame_index"],
        face_index=values["face_index"],
        box=Box(values["left"], values["top"], values["right"], values["bottom"]),
        confidence=values["confidence"],
        landmarks=_array(values["landmarks"], "<f4", 68, 2),
        smoothed=_array(values["steady"], "<f4", 68, 2),
        alignment=_array(values["alignment"], "<f8", 2, 3),
        crop_size=values["crop_size"],
        descriptor=_optional(values["descriptor"], "<f4", 128),
        sharpness=values["sharpness"],
        colour=_optional(values["colour"], "<f4", 2, 3),
        motion=_optional(values["motion"], "<f8", 2, 3),
        tracklet=values["chain"],
        track=values["track"],
        rotation=values["rotation"],
        origin=values["origin"],
        status=values["verdict"],
        wanted_distance=values["wanted"],
        unwanted_distance=values["unwanted"],
        cropped=bool(values["cut"]),
        crop=present.get((values["frame_index"], values["face_index"])) if values["cut"] else None,
    )


def _bytes(array: npt.NDArray[Any] | None, kind: str) -> bytes | None:
    return None if array is None else array.astype(kind).tobytes()


def _array(data: bytes, kind: str, *shape: int) -> npt.NDArray[Any]:
    return np.frombuffer(data, dtype=kind).reshape(shape).copy()


def _optional(data: bytes | None, kind: str, *shape: int) -> npt.NDArray[Any] | None:
    return None if data is None else _array(data, kind, *shape)
