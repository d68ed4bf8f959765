"""Rebuild the database of a faceset from the records in its crops and the clip they came from."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facedouble.errors import InputError, OutputError, SettingsError, setting
from facedouble.extraction.frame_records import list_frames
from facedouble.extraction.segments import index_of
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.layout import DATABASE, iter_crops, parse_crop_name
from facedouble.faceset.record import decode_record
from facedouble.faceset.source_match import source_files
from facedouble.faceset.store import SMOOTHED, Faceset
from facedouble.files import path_text
from facedouble.run.run import Run, operation
from facedouble.settings.extract import ExtractSettings, read_recorded
from facedouble.types import Face
from facedouble.video.hashing import source_hash
from facedouble.video.images import read_png_comment
from facedouble.video.sequences import is_there
from facedouble.video.source import open_source

_DRAFT = "faceset.rebuilding"
_JOURNALS = ("-journal", "-wal", "-shm")
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """How much is in the new database, and which crops are not, because they have no usable record."""

    faces: int
    frames: int
    without_record: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the record of the crop ``name`` says."""

    name: str
    face: Face
    frame: FrameRecord
    source: SourceRecord


def rebuild(path: Path, source: Path | None = None, *, run: Run | None = None) -> RebuildResult:
    """Rebuild the database of the faceset in ``path``.

    Every face whose crop is there and has its record is restored as it was, with its layers; what extraction
    knew about other faces is lost. The frames are read from ``source``, by default from where the records say
    it was. A damaged database is kept beside the new one, under another name.

    Raises ``InputError`` if the database can be read, if no crop has a record, if the crops come from several
    sources, or if the source is missing or another one; ``OutputError`` if the database cannot be written.
    Then nothing is changed.
    """
    with operation("rebuild", run) as run:
        if not path.is_dir():
            raise InputError(f"{path}: no such folder")
        with run.lock(path, inside=True):
            return run.finish(_rebuild(path, source, run))


def _rebuild(path: Path, source: Path | None, run: Run) -> RebuildResult:
    if _readable(path):
        raise InputError(f"{path / DATABASE} can be read, so there is nothing to rebuild")
    entries, without = _read_records(path, run)
    if not entries:
        raise InputError(f"{path}: none of its {len(without)} crops has a usable record; extract again")
    record = _only_source(path, entries)
    clip = source or Path(record.path)
    if not is_there(clip):
        raise InputError(
            f"{clip}, from which {path} was made, is not there; say where it is ({setting('source')})"
        )
    if source_hash(clip) != record.sha256:
        raise InputError(f"{clip} is not what {path} was made from; name another one ({setting('source')})")
    if source is not None:
        record = replace(record, path=path_text(source))
    settings = _recorded(record.settings)
    frames_of_clip = open_source(clip, settings.reading)
    read, failure = list_frames(frames_of_clip, settings, run)
    record = replace(record, index=index_of(frames_of_clip))
    frames = _merged_frames(read, entries, clip)
    try:
        _write(path, clip, record, frames, [entry.face for entry in entries], complete=failure is None)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    except sqlite3.OperationalError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error
    if failure is not None:
        run.warn("rebuild.source_damaged", f"{failure}; the faces of the frames before that are restored")
    return RebuildResult(len(entries), len(frames), without)


def _readable(path: Path) -> bool:
    """Whether there is a database and all of it can be read. Raises ``InputError`` if it is in use."""
    if not (path / DATABASE).exists():
        return False
    try:
        with Faceset.open(path) as faceset:
            _ = faceset.source, faceset.frames(), faceset.all_faces()
    except (InputError, sqlite3.DatabaseError, ValueError, KeyError) as error:
        cause = error.__cause__ if isinstance(error, InputError) else error
        # The lower byte is the primary code; a running extraction locks the database now and then.
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _IN_USE:
            raise InputError(f"{path / DATABASE} is in use by another program") from error
        return False
    return True


def _read_records(path: Path, run: Run) -> tuple[list[_Entry], tuple[str, ...]]:
    """The records of all crops, one for each face, and the names of crops without one."""
    names = list(iter_crops(path))
    stage = run.stage("records", len(names), "crops")
    found: dict[tuple[int, int], _Entry] = {}
    without = []
    for done, name in enumerate(run.each(names), 1):
        try:
            comment = read_png_comment(path / name)
            if comment is None:
                without.append(name)
                continue
            face, frame, source = decode_record(comment)
            if face.key != parse_crop_name(name):
                raise InputError("it is the record of another crop")
        except InputError as error:
            run.warn("rebuild.unusable_crop", f"{name}: {error}", crop=name)
            without.append(name)
            continue
        found[face.key] = _Entry(name, face, frame, source)
        stage.progress(done)
    stage.finish(crops=len(found), without_record=len(without))
    return [found[key] for key in sorted(found)], tuple(without)


def _only_source(path: Path, entries: Sequence[_Entry]) -> SourceRecord:
    """The source that all records agree on, except for its path."""
    first = entries[0]
    for entry in entries:
        if replace(entry.source, path=first.source.path) != first.source:
            raise InputError(
                f"{path}: its crops come from several facesets; {first.name} is from {first.source.path}, "
                f"{entry.name} from {entry.source.path}: keep those of one"
            )
    return first.source


def _merged_frames(frames: Sequence[FrameRecord], entries: Sequence[_Entry], clip: Path) -> list[FrameRecord]:
    """The frames of the clip, as their records have them where there is one.

    Raises ``InputError`` if a record is about a frame that the clip does not have at that time.
    """
    times = {frame.index: frame.pts for frame in frames}
    known: dict[int, FrameRecord] = {}
    for entry in entries:
        if times.get(entry.frame.index) != entry.frame.pts:
            raise InputError(
                f"{entry.name}: {clip} has no frame {entry.frame.index} at the time its record says"
            )
        known[entry.frame.index] = entry.frame
    return [known.get(frame.index, frame) for frame in frames]


def _recorded(settings: Mapping[str, object]) -> ExtractSettings:
    """The settings of the extraction, as the crops have them."""
    try:
        return read_recorded(settings)
    except SettingsError as error:
        raise InputError(f"the records of these crops cannot be used: {error}") from error


def _write(
    path: Path,
    clip: Path,
    record: SourceRecord,
    frames: Sequence[FrameRecord],
    faces: Sequence[Face],
    *,
    complete: bool,
) -> None:
    """Put a new database in the place of the damaged or lost one, once it is complete."""
    by_frame: dict[int, list[Face]] = {}
    for face in faces:
        by_frame.setdefault(face.frame_index, []).append(face)
    draft = path / _DRAFT
    if draft.exists():
        shutil.rmtree(draft)  # left by a run that was killed
    try:
        with Faceset.create(draft, record, source_files(clip)) as faceset:
            for frame in frames:
                faceset.add_frame(frame, by_frame.get(frame.index, ()))
            faceset.set_meta(SMOOTHED, "1")
            faceset.restore_layers(path)
            if complete:
                faceset.mark_complete()
            faceset.commit()
        # SQLite would apply a journal that is left behind to the new database.
        for name in (DATABASE, *(DATABASE + suffix for suffix in _JOURNALS)):
            if (path / name).exists():
                (path / name).rename(_free(path / f"{name}.damaged"))
        (draft / DATABASE).rename(path / DATABASE)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _free(path: Path) -> Path:
    """``path``, or if there is such a file, the same with the first number that is free."""
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}{number}")
    return free
