"""From what a person did to the step that does it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from facedouble.editing.carrying import SIDE, Carried, carry
from facedouble.editing.moving import check_similarity, following, moved_points
from facedouble.editing.painting import painted
from facedouble.errors import InputError
from facedouble.faces.align import inverse, map_points, scale_of
from facedouble.faces.motion import compose, estimate_motion
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.edits import alignment_of, is_crop_by_hand, with_landmarks
from facedouble.faceset.layer_kinds import OCCLUSION, Polygon
from facedouble.faceset.layers import HAND, Maker
from facedouble.faceset.plausible import implausible
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import HIDDEN, VISIBLE, visible_part
from facedouble.studio.editor.bodies import (
    CarryEdit,
    CopyEdit,
    CropEdit,
    Edit,
    MaskEdit,
    PointsEdit,
    PolygonsEdit,
    StrokeEdit,
    points,
)
from facedouble.studio.editor.session import EditorSession
from facedouble.studio.editor.steps import (
    Change,
    EditStep,
    FaceState,
    LayerState,
    layer_state,
    state_of,
    with_face,
    with_layers,
)
from facedouble.types import Alignment, Face, Grey, Landmarks

_MOST_CARRIED = 600  # frames in one go
_FOLLOWED = 0.3  # share of its tracking points that a face must keep from frame to frame


def step_of(session: EditorSession, store: Faceset, face: Face, edit: Edit) -> EditStep:
    """The step that does ``edit`` to ``face``. Raises ``InputError`` for one that cannot be done."""
    if isinstance(edit, CarryEdit):
        return _carried(session, store, face, edit)
    before = state_of(store, face)
    after = _after(session, store, face, edit, before)
    kind = f"copy {edit.what}" if isinstance(edit, CopyEdit) else edit.kind
    change = Change(frame=face.frame_index, number=face.face_index, before=before, after=after)
    return EditStep(what=kind, frame=face.frame_index, number=face.face_index, changes=(change,))


def _after(session: EditorSession, store: Faceset, face: Face, edit: Edit, before: FaceState) -> FaceState:
    if isinstance(edit, PointsEdit):
        moved = moved_points(face.smoothed, edit.points, check_similarity(edit.matrix), scheme_of(face))
        return with_face(before, _with_points(store, face, moved))
    if isinstance(edit, CropEdit):
        return with_face(before, _with_crop(store, face, edit.matrix))
    if isinstance(edit, PolygonsEdit):
        value = edit.value()
        layer = layer_state(face, "polygons", value, HAND) if value else None
        return with_layers(before, {"polygons": layer})
    if isinstance(edit, StrokeEdit):
        return with_layers(before, _painted(store, face, edit))
    if isinstance(edit, MaskEdit):
        return with_layers(before, _NOTHING if edit.kind == "clear" else _own(store, face, edit))
    if isinstance(edit, CopyEdit):
        return _copied(session, store, face, edit, before)
    raise InputError("there is no such edit")


# -- landmarks and crop --------------------------------------------------------------------------------


def _with_points(store: Faceset, face: Face, landmarks: Landmarks) -> Face:
    """``face`` with landmarks set by hand; a crop that was placed by hand stays where it is."""
    settings = store.source.settings
    own = face.alignment if is_crop_by_hand(face, settings) else None
    return _checked(store, with_landmarks(face, landmarks, settings, own))


def _with_crop(store: Faceset, face: Face, matrix: Sequence[Sequence[float]] | None) -> Face:
    settings = store.source.settings
    if matrix is None:
        alignment = alignment_of(face, face.smoothed, settings)
    else:
        alignment = compose(face.alignment, inverse(check_similarity(matrix)))
    return _checked(store, with_landmarks(face, face.smoothed, settings, alignment))


def _checked(store: Faceset, face: Face) -> Face:
    source = store.source
    wrong = implausible([face], source.width, source.height)
    if wrong is not None:
        raise InputError(f"this cannot be a face: {wrong[1]}")
    return face


# -- masks ---------------------------------------------------------------------------------------------

_NOTHING: Mapping[str, LayerState | None] = {"polygons": None, "occlusion": None}


def mask_of(store: Faceset, face: Face) -> tuple[Grey | None, Sequence[Polygon]]:
    """The mask and the polygons that a face has."""
    kinds = {layer.kind for layer in store.layers(face)}
    mask = store.read_layer(face, "occlusion") if "occlusion" in kinds else None
    return mask, store.read_layer(face, "polygons") if "polygons" in kinds else ()


def visible_of(store: Faceset, face: Face) -> Grey:
    """What of a face is visible, at the size of its crop."""
    mask, polygons = mask_of(store, face)
    side = max(face.crop_size, 0 if mask is None else mask.shape[0])
    return visible_part(mask, polygons, face.alignment, face.crop_size, side)


def _painted(store: Faceset, face: Face, stroke: StrokeEdit) -> Mapping[str, LayerState | None]:
    """The mask with a stroke over everything drawn so far, which becomes a part of it."""
    base = visible_of(store, face)
    finer = base.shape[0] / face.crop_size
    path = map_points(face.alignment, points(stroke.path).astype(np.float32)).astype(np.float64)
    path = path * finer + (finer - 1) / 2
    radius = stroke.radius * scale_of(face.alignment) * finer
    value = VISIBLE if stroke.include else HIDDEN
    mask = painted(base, path, radius, value=value, softness=stroke.softness)
    return {"polygons": None, "occlusion": layer_state(face, "occlusion", mask, HAND)}


def _own(store: Faceset, face: Face, edit: MaskEdit) -> Mapping[str, LayerState | None]:
    """Everything that is drawn as the person's own mask, or one that hides nothing."""
    mask, polygons = mask_of(store, face)
    if edit.kind == "visible":
        value = np.full((face.crop_size, face.crop_size), VISIBLE, np.uint8)
    elif mask is not None or polygons:
        value = visible_of(store, face)
    else:
        raise InputError("this face has no mask yet")
    return {"polygons": None, "occlusion": layer_state(face, "occlusion", value, HAND)}


# -- from other frames ---------------------------------------------------------------------------------


def _copied(
    session: EditorSession, store: Faceset, face: Face, edit: CopyEdit, before: FaceState
) -> FaceState:
    """What the face of the same track has on another frame, moved as the picture of the face has moved."""
    other = next((it for it in store.faces_of(edit.source) if it.track == face.track), None)
    if other is None or other.key == face.key:
        raise InputError(f"this track has no face in frame {edit.source}")
    move = _motion(session, other, face)
    if edit.what == "points":
        landmarks = (other.smoothed @ move[:, :2].T + move[:, 2]).astype(np.float32)
        return with_face(before, _with_points(store, face, landmarks))
    if edit.what == "crop":
        alignment = compose(other.alignment, inverse(move))
        settings = store.source.settings
        return with_face(before, _checked(store, with_landmarks(face, face.smoothed, settings, alignment)))
    mask, polygons = mask_of(store, other)
    if mask is None and not polygons:
        raise InputError(f"the face of frame {edit.source} has no mask")
    maker = Maker("hand", "copied", str(edit.source))
    layers: dict[str, LayerState | None] = dict(_NOTHING)
    if polygons:
        moved = [Polygon(it.points @ move[:, :2].T + move[:, 2], it.include) for it in polygons]
        layers["polygons"] = layer_state(face, "polygons", moved, maker)
    if mask is not None:
        there = compose(other.alignment, inverse(move))
        value = OCCLUSION.realign(mask, there, other.crop_size, face.alignment, face.crop_size)
        layers["occlusion"] = layer_state(face, "occlusion", value, maker)
    return with_layers(before, layers)


def _motion(session: EditorSession, start: Face, end: Face) -> Alignment:
    """The similarity that takes the picture of a face from one frame to another. Raises ``InputError`` where
    it cannot be followed."""
    pictures = [session.frame(it.frame_index) for it in (start, end)]
    found = estimate_motion(pictures[0], pictures[1], start.smoothed, scheme_of(start))
    if found.tracked < _FOLLOWED:
        raise InputError(f"the picture has changed too much since frame {start.frame_index}")
    return found.matrix


def _carried(session: EditorSession, store: Faceset, face: Face, edit: CarryEdit) -> EditStep:
    """Carry landmarks or a mask to the frames between this one and ``edit.to``, as far as it is sure, and
    never over what a person has set there."""
    scheme = scheme_of(face)
    shown = list(scheme.regions.points)
    mask, polygons = mask_of(store, face) if edit.what == "mask" else (None, ())
    if edit.what == "mask" and mask is None and not polygons:
        raise InputError("this face has no mask yet")
    outline = [it.points for it in polygons] if edit.what == "mask" else [face.smoothed[shown]]
    known = np.concatenate([*outline, np.zeros((0, 2))]).astype(np.float64)
    targets = _targets(store, face, edit)
    numbers = [face.frame_index, *(target.frame_index for target in targets)]
    found = carry(session.frames(numbers), face.smoothed, scheme, face.alignment, face.crop_size, known, mask)
    changes: list[Change] = []
    unsure = None
    for target, carried in zip(targets, found, strict=True):
        if carried.unsure:
            unsure = target.frame_index
            break
        before = state_of(store, target)
        maker = Maker("hand", "carried", str(face.frame_index))
        if edit.what == "mask":
            after = with_layers(before, _carried_mask(target, carried, polygons, maker))
        else:
            landmarks = following(target.smoothed, carried.points.astype(np.float32), scheme)
            after = with_face(before, _with_points(store, target, landmarks))
        changes.append(Change(frame=target.frame_index, number=target.face_index, before=before, after=after))
    end = changes[-1].frame if changes else face.frame_index
    return EditStep(
        what=f"carry {edit.what}",
        frame=end if unsure is None else unsure,
        number=face.face_index,
        changes=tuple(changes),
        unsure=unsure,
    )


def _targets(store: Faceset, face: Face, edit: CarryEdit) -> list[Face]:
    """The faces of the track on the frames after this one, in the direction of ``edit.to``: up to there, to
    the end of the track, or to one that a person has set."""
    step = 1 if edit.to > face.frame_index else -1
    last = min(edit.to, face.frame_index + _MOST_CARRIED)
    last = max(last, face.frame_index - _MOST_CARRIED)
    kinds = ("occlusion", "polygons")
    by_hand = {layer.key for layer in store.layers() if layer.kind in kinds and layer.maker != "network"}
    result = []
    for frame in range(face.frame_index + step, last + step, step):
        target = next((it for it in store.faces_of(frame) if it.track == face.track), None)
        if target is None or (target.edited if edit.what == "points" else target.key in by_hand):
            break
        result.append(target)
    return result


def _carried_mask(
    face: Face, carried: Carried, polygons: Sequence[Polygon], maker: Maker
) -> Mapping[str, LayerState | None]:
    layers: dict[str, LayerState | None] = dict(_NOTHING)
    if polygons:
        ends = list(itertools.accumulate(len(it.points) for it in polygons))
        parts = np.split(carried.points, ends[:-1])
        moved = [Polygon(part, it.include) for part, it in zip(parts, polygons, strict=True)]
        layers["polygons"] = layer_state(face, "polygons", moved, maker)
    if carried.mask is not None:
        value = OCCLUSION.realign(carried.mask, carried.alignment, SIDE, face.alignment, face.crop_size)
        layers["occlusion"] = layer_state(face, "occlusion", value, maker)
    return layers
