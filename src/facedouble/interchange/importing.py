"""Import: the faces of another program become a faceset.

Where the clip is at hand, its frames are the source and every crop is cut from them anew. Otherwise the
pictures of the faces are the source, and crops are cut from those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from facedouble._version import __version__
from facedouble.errors import InputError, OutputError, setting
from facedouble.extraction.cropping import write_crops
from facedouble.extraction.extract import extract, open_output
from facedouble.extraction.frame_records import list_frames
from facedouble.faces.align import map_points
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.pose import head_pose
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faces.schemes.to_dlib68 import TO_DLIB68
from facedouble.faceset.codec import FrameRecord
from facedouble.faceset.database import output_errors
from facedouble.faceset.layers import Maker
from facedouble.faceset.store import SMOOTHED, Faceset
from facedouble.files import open_regular, write_whole
from facedouble.interchange.foreign import MAX_PICTURE, ForeignFace
from facedouble.interchange.placing import (
    FrameFinder,
    Placement,
    placed_face,
    preferred_mask,
    with_tracks,
)
from facedouble.interchange.reader_process import Unreadable, read_files
from facedouble.interchange.recognise import Found, Kind, recognise
from facedouble.run.run import Run, operation
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.interchange import ImportSettings
from facedouble.types import Face, Landmarks
from facedouble.video.image_header import read_header
from facedouble.video.images import read_image
from facedouble.video.source import Source, open_source, reported

PROGRAMS: Mapping[Kind, str] = {
    "dfl": "DeepFaceLab",
    "dfl-pack": "DeepFaceLab",
    "faceswap": "faceswap",
    "faceswap-alignments": "faceswap",
    "pictures": "pictures",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A face that was not taken, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import took.

    ``program`` made the faces. ``source`` is what the faceset is now a faceset of. ``polygons`` and ``masks``
    count faces. ``left_out`` are the faces that were not taken, ``other`` counts the faces that had something
    else besides, by its name there.
    """

    faceset: Path
    program: str
    source: Path
    frames: int
    faces: int
    polygons: int
    masks: int
    left_out: tuple[LeftOut, ...] = ()
    other: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Taken:
    """Faces placed on frames, in the order of the files; by their position there, where each lies."""

    faces: dict[int, Face] = field(default_factory=dict)
    placements: dict[int, Placement] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)
    has_layers: bool = False


def import_faces(
    path: Path, output: Path, settings: ImportSettings | None = None, *, run: Run | None = None
) -> ImportResult:
    """Make the faceset ``output`` of the faces that another program has found.

    Raises ``InputError`` for a path that holds no faces, a source that does not fit them or that is needed
    and not named, and ``OutputError`` for an output that cannot be written.
    """
    with operation("import", run) as run:
        return run.finish(_import(path, output, settings or ImportSettings(), run))


def _import(path: Path, output: Path, settings: ImportSettings, run: Run) -> ImportResult:
    found = recognise(path)
    if found.kind == "pictures":
        return _analysed_anew(path, output, settings, run)
    pictures = settings.source or _pictures(found, output, run)
    source = open_source(pictures, settings.reading)
    extraction = ExtractSettings(
        landmarks=DLIB68.name,
        size=settings.size,
        smoothing=0.0,
        reading=settings.reading,
        processes=settings.processes,
        skip_existing=settings.skip_existing,
    )
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} exists and is not a faceset; choose another output")
    program = f"facedouble {__version__}, imported from {PROGRAMS[found.kind]}"
    with (
        reported(source, run),
        run.lock(output, inside=True),
        open_output(pictures, source, output, extraction, run, program) as faceset,
        output_errors(output),
    ):
        frames, failure = list_frames(source, extraction, run)
        if failure is not None:
            raise failure
        taken = _take(found, source, frames, settings, run)
        if not taken.faces:
            reason = taken.left_out[0] if taken.left_out else None
            raise InputError(
                f"{path}: none of its faces can be taken"
                + (f"; {reason.name}: {reason.why}" if reason else "")
            )
        keys = _store(faceset, frames, taken, is_film=source.info.is_film)
        write_crops(source, faceset, extraction, run)
        _describe(faceset, run)
        polygons, masks = _store_layers(found, faceset, taken, keys, run)
        faceset.mark_complete()
        faceset.commit()
    return ImportResult(
        faceset=output,
        program=PROGRAMS[found.kind],
        source=pictures,
        frames=len(frames),
        faces=len(keys),
        polygons=polygons,
        masks=masks,
        left_out=tuple(taken.left_out),
        other=dict(taken.other),
    )


def _analysed_anew(path: Path, output: Path, settings: ImportSettings, run: Run) -> ImportResult:
    """Pictures without anybody's landmarks: an extraction of the folder."""
    if settings.source is not None:
        raise InputError(
            f"{path}: its pictures do not say where in {settings.source} they are from; extract from the clip"
        )
    result = extract(
        path,
        output,
        ExtractSettings(
            size=settings.size,
            reading=settings.reading,
            processes=settings.processes,
            skip_existing=settings.skip_existing,
        ),
        run=run,
    )
    left_out = tuple(LeftOut(f"{count} faces", status) for status, count in result.left_out.items())
    return ImportResult(output, PROGRAMS["pictures"], path, result.frames, result.faces, 0, 0, left_out)


# -- what the frames are ---------------------------------------------------------------------------------


def _pictures(found: Found, output: Path, run: Run) -> Path:
    """The folder of the pictures of the faces; those inside one file are written out beside the faceset."""
    if found.folder is not None:
        return found.folder
    if found.kind == "faceswap-alignments":
        raise InputError(
            f"{found.files[0]} holds landmarks and no pictures; name the clip or the folder of images that "
            f"they are of ({setting('source')})"
        )
    folder = output.with_name(f"{output.name}-pictures")
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with open_regular(found.files[0]) as pack:
        for entry in run.each(read_files(found.kind, found.files)):
            if not isinstance(entry, Unreadable) and entry[1].span is not None:
                offset, length = entry[1].span
                pack.seek(offset)
                count += 1
                write_whole(folder / f"{count:06d}.jpg", pack.read(min(length, MAX_PICTURE)))
    if not count:
        raise InputError(f"{found.files[0]}: none of its pictures can be read")
    run.notice("import.pictures", f"the pictures of {found.files[0].name} are in {folder}; keep them there")
    return folder


# -- the faces -------------------------------------------------------------------------------------------


def _take(
    found: Found, source: Source, frames: Sequence[FrameRecord], settings: ImportSettings, run: Run
) -> _Taken:
    taken = _Taken()
    placer = _Placer(found, source, frames, on_clip=settings.source is not None)
    stage = run.stage("import", None, "faces")
    for position, entry in enumerate(run.each(read_files(found.kind, found.files))):
        if isinstance(entry, Unreadable):
            taken.left_out.append(LeftOut(entry.name, entry.why))
            continue
        file, face = entry
        taken.other.update(face.left_out)
        try:
            index, placement = placer.place(file, face, position)
            taken.faces[position] = placed_face(
                index, placement.landmarks(face), settings.size, placer.shown_size(index)
            )
        except (ValueError, InputError) as error:
            taken.left_out.append(LeftOut(face.name, str(error)))
            continue
        taken.placements[position] = placement
        taken.has_layers |= bool(face.polygons or face.masks)
        stage.progress(position + 1)
    stage.finish(faces=len(taken.faces))
    return taken


class _Placer:
    """Finds frame and place of each face, on the clip or on the pictures of the faces."""

    def __init__(self, found: Found, source: Source, frames: Sequence[FrameRecord], *, on_clip: bool) -> None:
        self._found, self._on_clip, self._info = found, on_clip, source.info
        names = [frame.name for frame in frames]
        self._frames = FrameFinder(len(frames), names)
        self._by_name = {name: frame.index for name, frame in zip(names, frames, strict=True)}
        self._packed = 0
        self._analyser = FaceAnalyser()

    def shown_size(self, index: int) -> tuple[int, int]:
        """Width and height of a frame. Pictures of faces may differ in size: the largest that is read."""
        return self._info.shown_size if self._on_clip else (1 << 14, 1 << 14)

    def place(self, file: Path, face: ForeignFace, position: int) -> tuple[int, Placement]:
        """The number of its frame and its place there. Raises ``ValueError``, or ``InputError`` for a picture
        that cannot be read."""
        if self._on_clip:
            width, height = self._info.shown_size
            across, down = width / self._info.width, height / self._info.height
            return self._frames.find(face), Placement.on_clip(face, across, down)
        if self._found.kind == "dfl-pack":
            self._packed += face.span is not None
            return self._by_name[f"{self._packed:06d}.jpg"], Placement.on_picture(face)
        index = self._by_name[file.name]
        if self._found.kind == "dfl":
            return index, Placement.on_picture(face)
        return index, Placement.by_landmarks(face, self._landmarks_on(file))

    def _landmarks_on(self, file: Path) -> Landmarks:
        """The landmarks (P, 2) of the one face on a picture, found anew."""
        faces = self._analyser.search_image(read_image(file))
        if not faces:
            raise ValueError(
                "no face was found on its picture, which does not say where the landmarks lie on it"
            )
        return TO_DLIB68[self._analyser.scheme.name](faces[0].landmarks)


def _store(
    faceset: Faceset, frames: Sequence[FrameRecord], taken: _Taken, *, is_film: bool
) -> dict[int, tuple[int, int]]:
    """Store frames and faces. Returns the key of each face by its position in the files."""
    starts = (
        [after.index for frame, after in pairwise(frames) if frame.ends_shot]
        if is_film
        else [frame.index for frame in frames]
    )
    positions = {id(face.landmarks): position for position, face in taken.faces.items()}
    faces = with_tracks(list(taken.faces.values()), starts)
    keys = {positions[id(face.landmarks)]: face.key for face in faces}
    if faceset.meta(SMOOTHED) is None:
        by_frame: dict[int, list[Face]] = {}
        for face in faces:
            by_frame.setdefault(face.frame_index, []).append(face)
        for frame in frames:
            faceset.add_frame(frame, by_frame.get(frame.index, ()))
        faceset.set_meta(SMOOTHED, "1")
        faceset.commit()
    return keys


def _describe(faceset: Faceset, run: Run) -> None:
    """Store the identity of each track: that of its most frontal face."""
    tracks: dict[int, list[Face]] = {}
    for face in faceset.all_faces():
        if face.crop is not None:
            tracks.setdefault(face.track, []).append(face)
    chosen = [
        min(track, key=lambda face: abs(head_pose(face.landmarks, scheme_of(face), face.depth).yaw))
        for track in tracks.values()
        if all(face.descriptor is None for face in track)
    ]
    analyser = FaceAnalyser(landmarks=DLIB68.name)
    stage = run.stage("describe", len(chosen), "faces")
    for number, face in enumerate(run.each(chosen), 1):
        crop = faceset.read_crop(face)
        descriptor = analyser.describe(crop, map_points(face.alignment, face.landmarks))
        faceset.put_faces([face.with_(descriptor=descriptor)])
        stage.progress(number)
    faceset.commit()
    stage.finish(faces=len(chosen))


# -- layers ----------------------------------------------------------------------------------------------


def _store_layers(
    found: Found, faceset: Faceset, taken: _Taken, keys: Mapping[int, tuple[int, int]], run: Run
) -> tuple[int, int]:
    """Store polygons and masks; how many faces have them.

    The files are read again. Masks belong to crops, crops are cut once all faces are known, and until then
    the masks of a long film (two hours at 64 KiB a face are 11 GB) do not fit in memory; so the first pass
    drops them. Reading costs little beside cutting the crops.
    """
    if not taken.has_layers:
        return 0, 0
    maker = Maker("import", PROGRAMS[found.kind])
    faces = {face.key: face for face in faceset.all_faces()}
    polygons = masks = 0
    stage = run.stage("layers", None, "faces")
    for position, face, file in _faces_of(found, run):
        if position not in keys:
            continue
        placed, placement = faces[keys[position]], taken.placements[position]
        try:
            if face.polygons:
                faceset.put_layer(placed, "polygons", placement.polygons(face), maker)
                polygons += 1
            mask = preferred_mask(face.masks)
            if mask is not None:
                side = None if mask.matrix is not None else _picture_side(file, face)
                faceset.put_layer(placed, "occlusion", placement.occlusion(mask, placed, side), maker)
                masks += 1
                taken.other.update(f"mask {other.name}" for other in face.masks if other is not mask)
        except (ValueError, InputError) as error:
            taken.left_out.append(LeftOut(f"{face.name} (mask or polygons)", str(error)))
        stage.progress(position + 1)
    stage.finish(polygons=polygons, masks=masks)
    return polygons, masks


def _faces_of(found: Found, run: Run) -> Iterator[tuple[int, ForeignFace, Path]]:
    for position, entry in enumerate(run.each(read_files(found.kind, found.files))):
        if not isinstance(entry, Unreadable):
            file, face = entry
            yield position, face, file


def _picture_side(file: Path, face: ForeignFace) -> int:
    """The side of the picture of a face. Raises ``ValueError`` for one that is not square."""
    with open_regular(file) as opened:
        offset, length = face.span or (0, MAX_PICTURE)
        opened.seek(offset)
        header = read_header(opened.read(min(length, MAX_PICTURE)))
    if header.width != header.height:
        raise ValueError("its picture is not square")
    return header.width
