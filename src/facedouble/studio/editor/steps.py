"""What an edit changes, in full: every face and layer as it was before and as it is after.

A step holds all that is needed to do it and to undo it, whatever happened between: it names faces by their
numbers of frame and face, and what it restores is what a person can set, not what runs found out since.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue

from facedouble.errors import InputError
from facedouble.faceset.codec import FACE
from facedouble.faceset.layer_kinds import LayerKind
from facedouble.faceset.layers import Maker, made_by
from facedouble.faceset.registry import LAYER_KINDS
from facedouble.faceset.store import Faceset
from facedouble.studio.history import Step
from facedouble.types import Face

HAND_FIELDS = tuple(field.name for field in FACE.fields if field.by_hand)
LAYERS = ("polygons", "occlusion")

Recut = Callable[[Faceset, Face, str | None], None]
"""Writes the crop of a face anew; the last argument is where it was."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LayerState(_Part):
    """A layer: who made it, the crop that it fits, and its file in base64."""

    maker: Literal["hand", "network", "import"]
    name: str
    version: str
    alignment: list[list[float]]
    crop_size: int
    data: str


class FaceState(_Part):
    """What a person can set of a face; ``face`` are fields of its record."""

    face: dict[str, JsonValue]
    layers: dict[str, LayerState]


class Change(_Part):
    """A face before and after a step."""

    frame: int
    number: int
    before: FaceState
    after: FaceState


class EditStep(Step):
    """What was done, and where to look to see it. ``unsure``: the frame at which carrying along stopped."""

    what: str
    frame: int
    number: int
    changes: tuple[Change, ...]
    unsure: int | None = None


def state_of(store: Faceset, face: Face) -> FaceState:
    """What a person can set of a face, as it is now."""
    record = FACE.to_record(face)
    layers = {}
    for layer in store.layers(face):
        if layer.kind in LAYERS:
            value = store.read_layer(face, layer.kind)
            layers[layer.kind] = layer_state(face, layer.kind, value, made_by(layer))
    return FaceState(face={name: record[name] for name in HAND_FIELDS}, layers=layers)


def layer_state(face: Face, kind: str, value: Any, maker: Maker) -> LayerState:
    """A layer of ``face``. Raises ``InputError`` for a value that is not of this kind."""
    spec: LayerKind = LAYER_KINDS[kind]
    try:
        data = spec.encode(value, "")
    except ValueError as error:
        raise InputError(str(error)) from error
    return LayerState(
        maker=maker.kind,
        name=maker.name,
        version=maker.version,
        alignment=face.alignment.tolist(),
        crop_size=face.crop_size,
        data=base64.b64encode(data).decode(),
    )


def with_face(state: FaceState, face: Face) -> FaceState:
    """The state with what a person can set of ``face`` itself."""
    record = FACE.to_record(face)
    return state.model_copy(update={"face": {name: record[name] for name in HAND_FIELDS}})


def with_layers(state: FaceState, layers: Mapping[str, LayerState | None]) -> FaceState:
    """The state with some of its layers replaced, or taken out (``None``)."""
    merged = {**state.layers, **layers}
    kept = {kind: layer for kind, layer in merged.items() if layer is not None}
    return state.model_copy(update={"layers": kept})


def apply(store: Faceset, step: EditStep, recut: Recut, *, forth: bool) -> None:
    """Do ``step``, or undo it. Doing it again changes nothing. Raises ``InputError`` before anything is
    changed where a face is not there any more."""
    found: dict[tuple[int, int], Face] = {}
    for frame in {change.frame for change in step.changes}:
        found |= {face.key: face for face in store.faces_of(frame)}
    for change in step.changes:
        if (change.frame, change.number) not in found:
            raise InputError(f"face {change.number} of frame {change.frame} is not there any more")
    for change in step.changes:
        face = found[change.frame, change.number]
        _set_face(store, face, change, recut, forth=forth)


def _set_face(store: Faceset, face: Face, change: Change, recut: Recut, *, forth: bool) -> None:
    before, after = (change.before, change.after) if forth else (change.after, change.before)
    if before.face != after.face:
        try:
            face = FACE.from_record({**FACE.to_record(face), **after.face}, cropped=False, crop=face.crop)
        except ValueError as error:
            raise InputError(f"what the history says of frame {change.frame} is no face: {error}") from error
        store.set_by_hand(face)
        recut(store, face, face.crop)
    for kind in LAYERS:
        wanted = after.layers.get(kind)
        if before.layers.get(kind) == wanted:
            continue
        store.remove_layer(face, kind)
        if wanted is not None:
            maker = Maker(wanted.maker, wanted.name, wanted.version)
            store.put_layer(face, kind, _value(face, kind, wanted), maker)


def _value(face: Face, kind: str, state: LayerState) -> Any:
    """A layer's value as it fits the crop of ``face`` now."""
    spec: LayerKind = LAYER_KINDS[kind]
    try:
        value = spec.decode(base64.b64decode(state.data, validate=True))
        alignment = np.array(state.alignment, dtype=np.float64)
        return spec.realign(value, alignment, state.crop_size, face.alignment, face.crop_size)
    except ValueError as error:
        raise InputError(f"what the history says of a layer is none: {error}") from error
