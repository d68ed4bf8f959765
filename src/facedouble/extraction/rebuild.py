"""Making the database of a faceset again from the labels of its crops and the clip they came from."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.extraction.detection import selected_frames
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.layout import BLURRY, CROPS, DATABASE, DROPPED, parse_crop_name
from facedouble.faceset.record import decode_record
from facedouble.faceset.store import SMOOTHED, Faceset
from facedouble.run.run import Run, operation
from facedouble.settings.extract import ExtractSettings, read_recorded
from facedouble.types import Face, FloatArray
from facedouble.video.hashing import source_hash
from facedouble.video.images import read_png_comment
from facedouble.video.shot_boundaries import is_cut, thumbnail
from facedouble.video.source import open_source

_DRAFT = "faceset.rebuilding"
_JOURNALS = ("-journal", "-wal", "-shm")
_IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """What is in the new database, and the crops that are not, because they carry no usable label."""

    faces: int
    frames: int
    without_record: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Labelled:
    """What the label of the crop ``name`` says."""

    name: str
    face: Face
    frame: FrameRecord
    source: SourceRecord


def rebuild(path: Path, source: Path | None = None, *, run: Run | None = None) -> RebuildResult:
    """Make the database of the faceset in ``path`` again.

    Every face whose crop is there and carries its label is in it as it was; what extraction knew of
    other faces is lost. The frames are read from ``source``, or from where the labels say it lay. A
    damaged database is kept beside the new one, under another name.

    Raises ``InputError`` when there is a database that can be read, when no crop has a label, when the
    crops are of several sources, and when the source is missing or is another one; ``OutputError``
    when the database cannot be written. Nothing is changed then.
    """
    with operation("rebuild", run) as run:
        if not path.is_dir():
            raise InputError(f"{path}: no such folder")
        with run.lock(path, inside=True):
            return run.finish(_rebuild(path, source, run))


def _rebuild(path: Path, source: Path | None, run: Run) -> RebuildResult:
    if _readable(path):
        raise InputError(f"{path / DATABASE} can be read, so there is nothing to bring back")
    labelled, without = _labels(path, run)
    if not labelled:
        raise InputError(f"{path}: none of its {len(without)} crops carries a label; extract again")
    record = _only_source(path, labelled)
    clip = source or Path(record.path)
    if not (clip.is_file() or clip.is_dir()):
        raise InputError(f"{clip}, from which {path} was made, is not there; say where with --source")
    if source_hash(clip) != record.sha256:
        raise InputError(f"{clip} is not what {path} was made from; name another with --source")
    if source is not None:
        record = replace(record, path=str(source))
    read, failure = _frames(clip, _recorded(record.settings), run)
    frames = _agreed(read, labelled, clip)
    try:
        _write(path, record, frames, [entry.face for entry in labelled], complete=failure is None)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    except sqlite3.OperationalError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error
    if failure is not None:
        run.warn("rebuild.source_damaged", f"{failure}; the faces of the frames before are there again")
    return RebuildResult(len(labelled), len(frames), without)


def _readable(path: Path) -> bool:
    """Whether there is a database and all of it can be read. Raises ``InputError`` when it is in use."""
    if not (path / DATABASE).exists():
        return False
    try:
        with Faceset.open(path) as faceset:
            _ = faceset.source, faceset.frames(), faceset.all_faces()
    except (InputError, sqlite3.DatabaseError, ValueError, KeyError) as error:
        cause = error.__cause__ if isinstance(error, InputError) else error
        # The lower byte is the primary code; an extraction under way holds the database now and then.
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _IN_USE:
            raise InputError(f"{path / DATABASE} is in use by another program") from error
        return False
    return True


def _labels(path: Path, run: Run) -> tuple[list[_Labelled], tuple[str, ...]]:
    """What the labels of all crops say, one of each face, and the names of crops without."""
    names = list(_crops(path))
    stage = run.stage("labels", len(names), "crops")
    found: dict[tuple[int, int], _Labelled] = {}
    without = []
    for done, name in enumerate(run.each(names), 1):
        try:
            comment = read_png_comment(path / name)
            if comment is None:
                without.append(name)
                continue
            face, frame, source = decode_record(comment)
            if face.key != parse_crop_name(name):
                raise InputError("its label is that of another crop")
        except InputError as error:
            run.warn("rebuild.unusable_crop", f"{name}: {error}", crop=name)
            without.append(name)
            continue
        found[face.key] = _Labelled(name, face, frame, source)
        stage.progress(done)
    stage.finish(crops=len(found), without_label=len(without))
    return [found[key] for key in sorted(found)], tuple(without)


def _crops(path: Path) -> Iterator[str]:
    """Names of all crops, from the faceset's folder; those in ``faces/`` last, as they count first."""
    for folder in (DROPPED, BLURRY, CROPS):
        for parent, folders, names in os.walk(path / folder):
            folders.sort()
            for name in sorted(names):
                if parse_crop_name(name) is not None:
                    yield (Path(parent) / name).relative_to(path).as_posix()


def _only_source(path: Path, labelled: Sequence[_Labelled]) -> SourceRecord:
    """The source that all labels agree on; where it lay may differ."""
    first = labelled[0]
    for entry in labelled:
        if replace(entry.source, path=first.source.path) != first.source:
            raise InputError(
                f"{path}: its crops are of several facesets; {first.name} is from {first.source.path}, "
                f"{entry.name} from {entry.source.path}: keep those of one"
            )
    return first.source


def _frames(clip: Path, settings: ExtractSettings, run: Run) -> tuple[list[FrameRecord], InputError | None]:
    """The frames that extraction looked at, and the error at which the clip ends, if it does."""
    source = open_source(clip)
    stage = run.stage("frames", source.info.frames, "frames")
    found: list[FrameRecord] = []
    failure = None
    before: FloatArray | None = None
    last = 0  # the last frame that could be read
    try:
        for frame in run.each(selected_frames(source, settings, {"decode": 0.0})):
            problem = None
            try:
                picture = thumbnail(frame.grey())
            except InputError as error:
                problem = str(error)
            else:
                if before is not None and is_cut(before, picture):
                    found[last] = replace(found[last], ends_shot=True)
                before, last = picture, len(found)
            found.append(FrameRecord(frame.index, frame.pts, frame.name, problem=problem))
            stage.progress(frame.index + 1)
    except InputError as error:
        failure = error
    stage.finish(frames=len(found))
    return found, failure


def _agreed(frames: Sequence[FrameRecord], labelled: Sequence[_Labelled], clip: Path) -> list[FrameRecord]:
    """The frames of the clip, with what labels say of them where there is one.

    Raises ``InputError`` when a label is of a frame that the clip does not have at that time.
    """
    times = {frame.index: frame.pts for frame in frames}
    known: dict[int, FrameRecord] = {}
    for entry in labelled:
        if times.get(entry.frame.index) != entry.frame.pts:
            raise InputError(
                f"{entry.name}: {clip} has no frame {entry.frame.index} at the time its label says"
            )
        known[entry.frame.index] = entry.frame
    return [known.get(frame.index, frame) for frame in frames]


def _recorded(settings: Mapping[str, object]) -> ExtractSettings:
    """The settings of the extraction, as the crops have them."""
    try:
        return read_recorded(settings)
    except SettingsError as error:
        raise InputError(f"the labels of these crops cannot be used: {error}") from error


def _write(
    path: Path, record: SourceRecord, frames: Sequence[FrameRecord], faces: Sequence[Face], *, complete: bool
) -> None:
    """Put a new database in the place of the damaged or lost one; it appears when it is whole."""
    by_frame: dict[int, list[Face]] = {}
    for face in faces:
        by_frame.setdefault(face.frame_index, []).append(face)
    draft = path / _DRAFT
    if draft.exists():
        shutil.rmtree(draft)  # of a rebuilding that was killed
    try:
        with Faceset.create(draft, record) as faceset:
            for frame in frames:
                faceset.add_frame(frame, by_frame.get(frame.index, ()))
            faceset.set_meta(SMOOTHED, "1")
            faceset.restore_layers(path)
            if complete:
                faceset.mark_complete()
            faceset.commit()
        # A journal that is left behind would be played into the new database.
        for name in (DATABASE, *(DATABASE + suffix for suffix in _JOURNALS)):
            if (path / name).exists():
                (path / name).rename(_free(path / f"{name}.damaged"))
        (draft / DATABASE).rename(path / DATABASE)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _free(path: Path) -> Path:
    """``path``, or with a number where there is such a file already."""
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}{number}")
    return free
