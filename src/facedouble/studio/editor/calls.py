"""The editor's calls: frames, their faces, and edits that are saved before they are answered."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.responses import Response
from starlette.routing import Route

from facedouble.editing.groups import outlines, point_groups
from facedouble.errors import InputError
from facedouble.faces.align import inverse, map_points
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.edits import is_crop_by_hand
from facedouble.faceset.layout import DATABASE, folder_of
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import masked_faces
from facedouble.settings.extract import ExtractCommand
from facedouble.studio.calls import Call, call
from facedouble.studio.editor.bodies import EditBody
from facedouble.studio.editor.edits import step_of, visible_of
from facedouble.studio.editor.labels import EVERY, Suspect, count_labels, learn
from facedouble.studio.editor.session import EditorSession, face_of
from facedouble.studio.editor.steps import LAYERS, EditStep
from facedouble.studio.faces_calls import faceset_of, measured_faces
from facedouble.studio.preview.kept import Kept
from facedouble.studio.preview.session import png
from facedouble.studio.state import Studio
from facedouble.types import Face
from facedouble.video.images import encode_png

_open: Kept[EditorSession] = Kept(2)  # each keeps decoded frames
_opening = threading.Lock()


def _session(studio: Studio, sent: Call) -> EditorSession:
    """The session of the faceset that was named. Raises ``InputError``."""
    step, path, own = faceset_of(studio, sent.path["faceset"])
    clip = studio.folder / step.values["source"]
    try:
        # A numbered sequence is no file itself.
        found = (path / DATABASE).stat(), (clip if clip.exists() else clip.parent).stat()
    except OSError as error:
        raise InputError("there are no faces yet, or the clip is gone") from error
    key = (path, *((it.st_dev, it.st_ino) for it in found), found[1].st_mtime_ns)
    with _opening:
        session = _open.get(key)
        if session is None:
            reading = ExtractCommand.read(step.values).reading
            session = EditorSession(path, clip, own.with_name(f"{own.name}.edits.history"), reading)
            _open.put(key, session)
    return session


# -- what is shown -------------------------------------------------------------------------------------


def show_faceset(studio: Studio, sent: Call) -> Any:
    """The clip and all its faces in columns, and what their landmarks are."""
    session = _session(studio, sent)
    info = session.source.info
    with session.reading() as store:
        faces = store.outline()
        layers = {kind: {it.key: it.maker for it in store.layers() if it.kind == kind} for kind in LAYERS}
        state = {**_state(session), **_labels(store)}
    keys = [(it.frame_index, it.face_index) for it in faces]
    masks = [layers["polygons"].get(key) or layers["occlusion"].get(key) or "-" for key in keys]
    return {
        "id": sent.path["faceset"],
        "clip": session.source.info.path.name,
        "frames": session.source.index.count,
        "rate": float(info.rate),
        "width": session.record.width,
        "height": session.record.height,
        "frame": [key[0] for key in keys],
        "number": [key[1] for key in keys],
        "track": [it.track for it in faces],
        "edited": [int(it.edited) for it in faces],
        "mask": [mask[0] for mask in masks],  # h(and), i(mport), n(etwork), or -
        **state,
    }


def _state(session: EditorSession) -> dict[str, Any]:
    undo, redo = session.history.counts()
    return {"undo": undo, "redo": redo, "problem": session.problem}


def _labels(store: Faceset) -> dict[str, int]:
    """How many masks a person has drawn, and after how many more the network learns."""
    count = count_labels(store)
    return {"labels": count, "until": EVERY - count % EVERY}


def show_frame(studio: Studio, sent: Call) -> Any:
    """The faces of a frame, with everything that can be edited."""
    session = _session(studio, sent)
    with session.reading() as store:
        return {"frame": sent.path["frame"], "faces": _faces(store, sent.path["frame"])}


def _faces(store: Faceset, frame: int) -> list[dict[str, Any]]:
    settings = store.source.settings
    return [_face(store, face, settings) for face in store.faces_of(frame)]


def _face(store: Faceset, face: Face, settings: Mapping[str, Any]) -> dict[str, Any]:
    scheme = scheme_of(face)
    layers = {layer.kind: layer for layer in store.layers(face) if layer.kind in LAYERS}
    shown = face.smoothed[list(scheme.regions.points)].astype(np.float64)
    side = face.crop_size
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], dtype=np.float32) - 0.5
    polygons = store.read_layer(face, "polygons") if "polygons" in layers else ()
    makers = {
        kind: {"maker": it.maker, "name": it.maker_name, "version": it.maker_version, "made": it.created}
        for kind, it in layers.items()
    }
    return {
        "number": face.face_index,
        "track": face.track,
        "state": folder_of(face),
        "edited": face.edited,
        "crop_by_hand": is_crop_by_hand(face, settings),
        "scheme": face.scheme,
        "points": [[None, None] if np.isnan(x + y) else [x, y] for x, y in np.round(shown, 3).tolist()],
        "crop": map_points(inverse(face.alignment), corners).round(3).tolist(),
        "size": side,
        "polygons": [{"include": it.include, "points": it.points.round(3).tolist()} for it in polygons],
        "layers": makers,
    }


def show_scheme(_studio: Studio, sent: Call) -> Any:
    """The points of a landmark scheme that can be taken hold of: their groups and the lines between them, by
    their place among those that a frame's faces list."""
    if sent.path["scheme"] not in LANDMARK_SCHEMES:
        raise InputError("there is no such landmark scheme")
    scheme = LANDMARK_SCHEMES[sent.path["scheme"]]
    place = {index: n for n, index in enumerate(scheme.regions.points)}
    return {
        "indices": list(scheme.regions.points),
        "groups": {name: [place[i] for i in group] for name, group in point_groups(scheme).items()},
        "lines": [
            {"name": name, "points": [place[i] for i in line], "closed": closed}
            for name, (line, closed) in outlines(scheme).items()
        ],
    }


def show_picture(studio: Studio, sent: Call) -> Any:
    """A frame as PNG: the very frame that is processed."""
    session = _session(studio, sent)
    return Response(png(session.frame(sent.path["frame"]).rgb()), media_type="image/png")


def show_mask(studio: Studio, sent: Call) -> Any:
    """What of a face is visible, as a grey PNG at the size of its crop."""
    session = _session(studio, sent)
    with session.reading() as store:
        face = face_of(store, sent.path["frame"], sent.path["number"])
        return Response(encode_png(visible_of(store, face)), media_type="image/png")


def show_worst(studio: Studio, sent: Call) -> Any:
    """The faces that look wrong and that no person has set yet, worst first, each with the reason. They are
    measured once, which takes seconds for thousands of faces: until then there is nothing to show."""
    session = _session(studio, sent)
    if session.worst is None:
        _, path, own = faceset_of(studio, sent.path["faceset"])
        table = measured_faces(path, own)
        if not table["measured"]:
            return {"measured": False, "faces": []}
        found = zip(table["wrong"], table["frame"], table["number"], table["state"], strict=True)
        suspects = [
            (-wrong, frame, number, table["reasons"][n])
            for n, (wrong, frame, number, state) in enumerate(found)
            if wrong > 0 and state == "k"
        ]
        session.worst = [(frame, number, why) for _, frame, number, why in sorted(suspects)]
    edited = {(it.frame_index, it.face_index) for it in session.outline() if it.edited}
    return {"measured": True, "faces": _listed(session.worst, edited)}


def show_doubtful(studio: Studio, sent: Call) -> Any:
    """The faces whose masks fit those of their neighbours least and that no person has drawn, worst first."""
    session = _session(studio, sent)
    with session.reading() as store:
        found = session.doubtful.get(store)
        drawn = masked_faces(store, ("hand",))
    return {"measured": found is not None, "faces": _listed(found or [], drawn)}


def _listed(suspects: Sequence[Suspect], done: Collection[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"frame": frame, "number": number, "why": why}
        for frame, number, why in suspects
        if (frame, number) not in done
    ]


# -- what is changed -----------------------------------------------------------------------------------


def edit(studio: Studio, sent: Call) -> Any:
    """Edit a face. The answer comes when it is on disk."""
    session = _session(studio, sent)
    body = sent.body(EditBody)
    with session.editing() as store:
        step = step_of(session, store, face_of(store, body.frame, body.number), body.edit)
        if any(change.before != change.after for change in step.changes):
            session.do(store, step)
        return _changed(session, store, step, body.frame)


def learn_masks(studio: Studio, sent: Call) -> Any:
    """Queue what teaches the occlusion network the labels, and masks by it."""
    step, _, _ = faceset_of(studio, sent.path["faceset"])
    return {"queued": learn(studio, step)}


def undo(studio: Studio, sent: Call) -> Any:
    """Undo the last edit."""
    session = _session(studio, sent)
    with session.editing() as store:
        return _changed(session, store, session.undo(store), None)


def redo(studio: Studio, sent: Call) -> Any:
    """Do the edit again that was undone last."""
    session = _session(studio, sent)
    with session.editing() as store:
        return _changed(session, store, session.redo(store), None)


def _changed(session: EditorSession, store: Faceset, step: EditStep | None, at: int | None) -> dict[str, Any]:
    """What became of the faces that a step changed, and the faces of the frame ``at`` (by default, where the
    step was made)."""
    if step is None:
        return _state(session)
    frame = step.frame if at is None else at
    changed = []
    for change in step.changes:
        face = face_of(store, change.frame, change.number)
        makers = {layer.kind: layer.maker[0] for layer in store.layers(face)}
        mask = makers.get("polygons") or makers.get("occlusion") or "-"
        changed.append([change.frame, change.number, int(face.edited), mask])
    return {
        "what": step.what,
        "frame": frame,
        "number": step.number,
        "unsure": step.unsure,
        "changed": changed,
        "faces": _faces(store, frame),
        **_state(session),
        **_labels(store),
    }


ROUTES: list[Route] = [
    call("/api/editor/{faceset}", show_faceset),
    call("/api/editor/{faceset}/worst", show_worst),
    call("/api/editor/{faceset}/frames/{frame:int}", show_frame),
    call("/api/editor/{faceset}/frames/{frame:int}/picture", show_picture),
    call("/api/editor/{faceset}/masks/{frame:int}/{number:int}", show_mask),
    call("/api/editor/{faceset}/doubtful", show_doubtful),
    call("/api/editor/{faceset}/learn", learn_masks, "POST"),
    call("/api/editor/{faceset}/edit", edit, "POST"),
    call("/api/editor/{faceset}/undo", undo, "POST"),
    call("/api/editor/{faceset}/redo", redo, "POST"),
    call("/api/schemes/{scheme}", show_scheme),
]
