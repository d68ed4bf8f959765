"""What a person set in an older faceset of the same clip, taken over by a new extraction.

A project moves an outdated faceset aside before it extracts the clip anew (``take.old-1``). Landmarks, crops,
masks and names that a person set there, and which faces were taken out of use, belong to the clip, not to the
settings that changed: the new faceset gets them, on the faces that overlap the old ones.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from facedouble.errors import InputError
from facedouble.faces.align import recrop
from facedouble.faceset.edits import is_crop_by_hand, same_face, with_landmarks
from facedouble.faceset.layers import made_by
from facedouble.faceset.layout import DATABASE, DROPPED, crop_name, folder_of
from facedouble.faceset.people import Key, read_people, write_people
from facedouble.faceset.registry import LAYER_KINDS
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.types import Face

TAKEN = "edits_taken"
"""Key of :meth:`Faceset.meta` that is set once an older faceset's edits are in a new one."""
_DROPPED = "edits_dropped"
"""Key of :meth:`Faceset.meta` for the faces that are to be out of use once their crops are cut."""


@dataclass(slots=True)
class _Counts:
    faces: int = 0
    layers: int = 0
    names: int = 0
    other_scheme: int = 0


def take_over(faceset: Faceset, run: Run) -> None:
    """Give ``faceset``, whose tracks are known, what a person set in the one that was moved aside last, if it
    is of the same clip. A notice says what came over, and a warning what did not."""
    older = _moved_aside(faceset.path)
    if older is None or faceset.meta(TAKEN) is not None:
        return
    try:
        with Faceset.open(older) as old:
            _take(old, faceset, run)
    except InputError as error:
        run.warn("edits.unreadable", f"what was set by hand in {older.name} is not taken over: {error}")
    faceset.set_meta(TAKEN, "1")
    faceset.commit()


def _moved_aside(path: Path) -> Path | None:
    """The faceset that lay at ``path`` before, and was moved aside last."""
    name = re.compile(re.escape(path.name) + r"\.old-([0-9]{1,6})")
    found = [
        (int(match[1]), entry)
        for entry in path.absolute().parent.iterdir()
        if (match := name.fullmatch(entry.name)) and (entry / DATABASE).is_file()
    ]
    return max(found)[1] if found else None


def _take(old: Faceset, new: Faceset, run: Run) -> None:
    names = read_people(old.path)
    layers = {(it.frame_index, it.face_index) for it in old.layers() if it.maker != "network"}
    edited = {(it.frame_index, it.face_index) for it in old.outline() if it.edited}
    dropped = {face.key for face in old.all_faces() if face.crop is not None and folder_of(face) == DROPPED}
    wanted = edited | layers | names.keys() | dropped
    if not wanted:
        return
    if old.source.sha256 != new.source.sha256:
        run.warn(
            "edits.other_clip",
            f"{len(wanted)} faces of {old.path.name} were edited or named by hand; it is of another clip, "
            "and they are not taken over",
            faces=len(wanted),
        )
        return
    counts, people = _Counts(), read_people(new.path)
    out_of_use: list[Key] = []
    for before, after in _pairs(old, new, wanted, dropped):
        found = after
        if before.key in dropped:
            out_of_use.append(after.key)
        if before.edited:
            if before.scheme == after.scheme:
                found = new.set_by_hand(_edited(old, before, after, new))
                counts.faces += 1
            else:
                counts.other_scheme += 1
        counts.layers += _take_layers(old, before, new, found)
        if before.key in names:
            people[after.key] = names[before.key]
            counts.names += 1
    if counts.names:
        write_people(new.path, people)
    if out_of_use:
        new.set_meta(_DROPPED, json.dumps(out_of_use))
        run.notice(
            "edits.dropped",
            f"{len(out_of_use)} faces are out of use, as they were in {old.path.name}",
            faces=len(out_of_use),
        )
    if not (counts.faces or counts.layers or counts.names or counts.other_scheme):
        return
    run.notice(
        "edits.taken",
        f"taken over from {old.path.name}, as a person set them: landmarks or crops of {counts.faces} faces, "
        f"{counts.layers} masks and outlines, names of {counts.names} faces",
    )
    if counts.other_scheme:
        run.warn(
            "edits.other_scheme",
            f"landmarks of {counts.other_scheme} faces that a person set are of another scheme, and stay in "
            f"{old.path.name}",
        )


def drop_taken(faceset: Faceset) -> None:
    """Take the faces out of use that :func:`take_over` found to be so. Their crops are cut."""
    kept = faceset.meta(_DROPPED)
    if not kept:
        return
    keys = {(int(frame), int(number)) for frame, number in json.loads(kept)}
    (faceset.path / DROPPED).mkdir(exist_ok=True)
    for face in faceset.all_faces():
        if face.key in keys and face.crop is not None and folder_of(face) != DROPPED:
            faceset.crop_path(face).rename(faceset.path / DROPPED / crop_name(*face.key))
    faceset.set_meta(_DROPPED, "")
    faceset.commit()


def _pairs(
    old: Faceset, new: Faceset, wanted: Collection[Key], dropped: Collection[Key]
) -> Iterator[tuple[Face, Face]]:
    """Each face that is wanted, and the one of the new faceset that it is. One that was not found again is
    added to it, on a track of its own, unless it was ``dropped``."""
    tracks = count(max((it.track for it in new.outline()), default=-1) + 1)
    track_of: dict[int, int] = defaultdict(lambda: next(tracks))
    for frame in sorted({frame for frame, _ in wanted} & new.frame_indices()):
        found = new.faces_of(frame)
        for before in old.faces_of(frame):
            if before.key not in wanted:
                continue
            after = same_face(before, found)
            if after is None and before.key in dropped:
                continue
            if after is None:
                number = max((face.face_index for face in found), default=-1) + 1
                after = before.with_(
                    face_index=number, track=track_of[before.track], edited=False, cropped=False, motion=None
                )
                new.put_faces([after])
                found.append(after)
            yield before, after


def _edited(old: Faceset, before: Face, after: Face, new: Faceset) -> Face:
    """The new face with the landmarks that a person set, and the crop where they placed it by hand."""
    alignment = None
    if is_crop_by_hand(before, old.source.settings):
        alignment = recrop(before.alignment, before.crop_size, 1.0, after.crop_size)
    return with_landmarks(after, before.landmarks, new.source.settings, alignment)


def _take_layers(old: Faceset, before: Face, new: Faceset, after: Face) -> int:
    """Masks and outlines that no network made; how many there are."""
    taken = 0
    for layer in old.layers(before):
        if layer.maker != "network":
            value = old.read_layer(before, layer.kind)
            fitting = LAYER_KINDS[layer.kind].realign(
                value, before.alignment, before.crop_size, after.alignment, after.crop_size
            )
            taken += new.put_layer(after, layer.kind, fitting, made_by(layer))
    return taken
