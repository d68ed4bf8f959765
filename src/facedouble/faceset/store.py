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

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facedouble.errors import InputError, OutputError
from facedouble.faces.tracks import Handover
from facedouble.faceset.codec import (
    FACE,
    FILE,
    FRAME,
    HANDOVER,
    FrameRecord,
    SourceFile,
    SourceRecord,
)
from facedouble.faceset.database import create_database, output_errors
from facedouble.faceset.edits import keep_edits, with_landmarks
from facedouble.faceset.layers import Maker, layer_records
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.reader import COMPLETE, FAILURE, SMOOTHED, FacesetReader
from facedouble.faceset.shard import Shard
from facedouble.types import Alignment, Face, Landmarks

__all__ = ["SMOOTHED", "Faceset"]

_HAS_LAYER_BY_HAND = (
    "(frame_index, face_index) IN (SELECT frame_index, face_index FROM layer WHERE maker != 'network')"
)
_CROP_FACTS = ("cropped", "sharpness", "colour", "status")
_UPDATE_CROP_FACTS = FACE.update(_CROP_FACTS)


class Faceset(FacesetReader):
    """An open faceset, to be used as a context manager. Writes are kept once :meth:`commit` was called."""

    @classmethod
    def create(cls, path: Path, source: SourceRecord, files: Iterable[SourceFile] = ()) -> Faceset:
        """Make a new, empty faceset in ``path``; ``files`` are the images of its source if that is a folder.

        Raises ``InputError`` if there is one already, ``OutputError`` if it cannot be written.
        """
        if (path / DATABASE).exists():
            raise InputError(f"{path} already holds a faceset")
        create_database(path, source, files)
        return cls.open(path)

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

    def set_landmarks(self, face: Face, landmarks: Landmarks, alignment: Alignment | None = None) -> Face:
        """Store landmarks (P, 2) that a person set, in frame pixels, and commit. Returns the face as it is.

        The crop follows them; with ``alignment`` it is placed by hand as well. No later run changes either.
        The crop's file no longer fits: the face is out of use until extraction runs again (with
        ``skip_existing``) and writes it anew. Raises ``InputError`` before tracks are known, because faces
        get their final numbers with them.
        """
        self._require_smoothed()
        return self.set_by_hand(with_landmarks(face, landmarks, self.source.settings, alignment))

    def set_by_hand(self, face: Face) -> Face:
        """Store ``face`` over what is there, whoever set that, and commit; see :meth:`set_landmarks`."""
        with output_errors(self.path):
            self._database.execute(
                "UPDATE face SET edited = 0 WHERE (frame_index, face_index) = (?, ?)", face.key
            )
            self.put_faces([face])
            self.commit()
        return face.with_(crop=None)

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
        self.set_meta(FAILURE, reason)

    def mark_complete(self) -> None:
        self.set_meta(COMPLETE, "1")

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
