"""The store of a clip's faces: folders of crops that a person can open, and one SQLite file beside them.

    FACESET/
      faceset.sqlite           every frame and face: times, boxes, landmarks, alignments, descriptors
      faces/000123_0.png       aligned crop of face 0 in frame 123
      blurry/, dropped/        crops of faces that are not sharp enough, and of people to be left out
      layers/KIND/000123_0.png optional layers of a face, such as masks, see :mod:`.layers`

People work on a faceset by its files. A face whose crop was deleted, or moved to ``dropped/``, is left out of
training and conversion; one whose crop is in ``blurry/`` is left out of training only; moved back to
``faces/``, it is in use again. A crop is known by the end of its name; a prefix, or a folder inside those
three, changes nothing. The database is transactional: whenever a run is killed, the file opens.

What a person sets (landmarks, layers) is kept, whatever a later run writes.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from facedouble.errors import InputError, OutputError, setting
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
from facedouble.faceset.database import create_database, input_errors, output_errors
from facedouble.faceset.edits import keep_edits, with_landmarks
from facedouble.faceset.layers import LayerStore, Maker, layer_records
from facedouble.faceset.layout import (
    BLURRY,
    CROPS,
    DATABASE,
    check_layout,
    folder_of,
    iter_crops,
    parse_crop_name,
)
from facedouble.faceset.plausible import implausible
from facedouble.faceset.shard import Shard
from facedouble.faceset.source_match import SourceMatch, match_source
from facedouble.faceset.table import Codec, T
from facedouble.types import Face, FaceStatus, Image, Landmarks

SMOOTHED = "smoothed"
"""Key of :meth:`Faceset.meta` that is set once tracks and smoothed landmarks are stored."""
_ROWS = 512
_HAS_LAYER_BY_HAND = (
    "(frame_index, face_index) IN (SELECT frame_index, face_index FROM layer WHERE maker != 'network')"
)
_CROP_FACTS = ("cropped", "sharpness", "colour", "status")
_UPDATE_CROP_FACTS = FACE.update(_CROP_FACTS)
_COMPLETE = "complete"
_FAILURE = "failure"  # why the source could not be read to its end


class Faceset:
    """An open faceset, to be used as a context manager. Writes are kept once :meth:`commit` was called."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database
        self._layers = LayerStore(path, database)

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, source: SourceRecord, files: Iterable[SourceFile] = ()) -> Faceset:
        """Make a new, empty faceset in ``path``; ``files`` are the images of its source if that is a folder.

        Raises ``InputError`` if there is one already, ``OutputError`` if it cannot be written.
        """
        if (path / DATABASE).exists():
            raise InputError(f"{path} already holds a faceset")
        create_database(path, source, files)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Faceset:
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
        return self.meta(_COMPLETE) == "1"

    @property
    def failure(self) -> str | None:
        """Why the source could not be read to its end; ``None`` where it could, as far as is known."""
        return self.meta(_FAILURE)

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

    def frame_indices(self) -> set[int]:
        """Indices of the frames that extraction has processed."""
        return {frame.index for frame in self.frames()}

    def all_faces(self) -> list[Face]:
        """All faces known, in order of frames, whether in use or not."""
        crops = {parse_crop_name(name): name for name in iter_crops(self.path)}

        def crop(face: dict[str, Any]) -> dict[str, Any]:
            key = face["frame_index"], face["face_index"]
            return {"crop": crops.get(key) if face["cropped"] else None}

        with self._reading():
            cursor = self._database.execute(FACE.select)
            found: list[Face] = []
            while rows := cursor.fetchmany(_ROWS):  # all rows beside all faces would take twice the memory
                found += FACE.from_rows(rows, crop)
            return found

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
        folders = (CROPS, BLURRY) if include_blurry else (CROPS,)
        found = [face for face in self.all_faces() if folder_of(face) in folders]
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

    # -- writing -----------------------------------------------------------------------------------

    def add_frame(self, frame: FrameRecord, faces: Iterable[Face] = ()) -> None:
        """Store a frame and its faces in place of what was known of them, except what a person set."""
        known = self._edited(" AND frame_index = ?", (frame.index,))
        self._delete_faces("frame_index = ?", (frame.index,))
        # The frame first, because faces refer to it; both become visible together.
        self._database.execute(FRAME.upsert, FRAME.to_row(frame))
        self.put_faces(keep_edits(known, list(faces)))

    def merge(self, shard: Shard) -> None:
        """Store what a worker found in a segment. As long as no tracks are known, doing it again changes
        nothing."""
        self.add_handovers(shard.handovers)
        by_frame: dict[int, list[Face]] = {}
        for face in shard.faces:
            by_frame.setdefault(face.frame_index, []).append(face)
        for frame in shard.frames:
            self.add_frame(frame, by_frame.get(frame.index, ()))

    def put_faces(self, faces: Iterable[Face]) -> None:
        """Store faces over those with the same key. Landmarks that a person set stay as they are."""
        try:
            self._database.executemany(FACE.upsert, map(FACE.to_row, faces))
        except ValueError as error:
            raise OutputError(f"{self.path}: a face cannot be stored ({error})") from error

    def put_crop_facts(self, faces: Iterable[Face]) -> None:
        """Store what cutting their crops found out about faces that are known; all else stays as it is."""
        try:
            rows = [FACE.to_update(face, _CROP_FACTS) for face in faces]
        except ValueError as error:
            raise OutputError(f"{self.path}: a face cannot be stored ({error})") from error
        self._database.executemany(_UPDATE_CROP_FACTS, rows)

    def replace_faces(self, faces: Iterable[Face]) -> None:
        """Store ``faces`` in place of all there are, except what a person set."""
        known = self._edited()
        self._delete_faces("1", ())
        self.put_faces(keep_edits(known, list(faces)))

    def set_landmarks(self, face: Face, landmarks: Landmarks) -> Face:
        """Store landmarks (N, 2) that a person set, in frame pixels, and commit. Returns the face as it is.

        No later run changes them. The crop no longer fits them: the face is out of use until extraction runs
        again (with ``skip_existing``) and writes it anew. Raises ``InputError`` before tracks are known,
        because faces get their final numbers with them.
        """
        self._require_smoothed()
        edited = with_landmarks(face, landmarks, self.source.settings)
        with output_errors(self.path):
            self._database.execute(
                "UPDATE face SET edited = 0 WHERE (frame_index, face_index) = (?, ?)", face.key
            )
            self.put_faces([edited])
            self.commit()
        return edited.with_(crop=None)

    def add_handovers(self, handovers: Iterable[Handover]) -> None:
        """Store where tracklets continue in the next segment."""
        self._database.executemany(HANDOVER.upsert, map(HANDOVER.to_row, handovers))

    def set_meta(self, key: str, value: str) -> None:
        """Store a value about the whole faceset, such as which pass of extraction is done."""
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def put_files(self, files: Iterable[SourceFile]) -> None:
        """Store the images of the folder it was made from."""
        self._database.executemany(FILE.upsert, map(FILE.to_row, files))

    def mark_failure(self, reason: str) -> None:
        """Note that the source cannot be read to its end; committed with what comes next."""
        self.set_meta(_FAILURE, reason)

    def mark_complete(self) -> None:
        self.set_meta(_COMPLETE, "1")

    def commit(self) -> None:
        self._database.commit()

    # -- layers ------------------------------------------------------------------------------------

    def put_layer(self, face: Face, kind: str, value: Any, maker: Maker) -> bool:
        """Store a layer of ``face``, and commit. False if there is one that this maker must not replace.

        See :mod:`.layers` for kinds, values, and who may replace what.
        """
        self._require_smoothed()
        with output_errors(self.path):
            return self._layers.put(face, kind, value, maker)

    def layers(self, face: Face | None = None) -> list[Layer]:
        """What layers ``face`` has, or all faces together, in order of frames."""
        with self._reading():
            return self._layers.list(None if face is None else face.key)

    def read_layer(self, face: Face, kind: str) -> Any:
        """A layer of ``face``, as it fits its crop now. Raises ``InputError`` if there is none."""
        with self._reading():
            return self._layers.read(face, kind)

    def remove_layer(self, face: Face, kind: str) -> None:
        """Delete a layer of ``face``, whoever made it, and commit."""
        with output_errors(self.path):
            self._layers.remove(face.key, kind)

    def restore_layers(self, path: Path) -> None:
        """Store what the files of the layers in ``path`` say of themselves, for the faces that are known."""
        known = {face.key for face in self._read(FACE)}
        for layer in layer_records(path):
            if layer.key in known:
                self._layers.restore(layer)

    # -- inside ------------------------------------------------------------------------------------

    def _read(self, codec: Codec[T], where: str = "", values: tuple[object, ...] = ()) -> list[T]:
        with self._reading():
            query = codec.select.replace(" ORDER BY", f" {where} ORDER BY") if where else codec.select
            return codec.from_rows(self._database.execute(query, values).fetchall())

    def _reading(self) -> AbstractContextManager[None]:
        return input_errors(self.path, self._database)

    def _require_smoothed(self) -> None:
        if self.meta(SMOOTHED) is None:
            raise InputError(f"{self.path}: its extraction did not finish; resume it before editing faces")

    def _edited(self, condition: str = "", values: tuple[object, ...] = ()) -> list[Face]:
        """Faces of which something was made by hand."""
        return self._read(FACE, f"WHERE (edited OR {_HAS_LAYER_BY_HAND}){condition}", values)

    def _delete_faces(self, where: str, values: tuple[object, ...]) -> None:
        """Delete faces, and layers that a network made; not what was made by hand."""
        self._database.execute(f"DELETE FROM layer WHERE {where} AND maker = 'network'", values)
        self._database.execute(
            f"DELETE FROM face WHERE {where} AND NOT edited AND (frame_index, face_index) NOT IN "
            "(SELECT frame_index, face_index FROM layer)",
            values,
        )
