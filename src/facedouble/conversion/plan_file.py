"""Conversion plans as files: made once, kept beside the parts, shared between machines.

A plan is one safetensors file: the arrays of all faces stacked, and everything else as JSON in its header.
Nothing in it is executed, and all of it is checked when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from facedouble.array_checks import check_arrays
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.plan import ConversionPlan, FitKeys, FitRecord, PlannedFace, TrackFit
from facedouble.conversion.registry import FACE_STEPS
from facedouble.errors import InputError, OutputError
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faces.schemes.scheme import common_scheme
from facedouble.faceset.layout import BLURRY, CROPS, parse_crop_name
from facedouble.files import read_regular, write_whole
from facedouble.json_data import parse_json
from facedouble.types import Box, Face

FORMAT = 4
MAX_BYTES = 4 << 30
_HEADER = "plan"
_SHAPES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "index": ("int64", (10,)),
    "alignment": ("float64", (2, 3)),
    "statistics": ("float32", (2, 3)),
    "light": ("float32", (6,)),
    "landmarks": ("float32", (-1, 2)),
    "outline": ("float32", (-1, 2)),
}
"""Type and shape of each array, for one face; -1 is the number of landmarks, of which those that the scheme
makes optional may be NaN. ``index``: number of the frame in the source, number of the
frame and the face in the faceset, track, crop size, rotation, and the box. Beside them there is ``geometry``
(K,) float32, for models that are told what faces do."""


def save_plan(plan: ConversionPlan, path: Path) -> None:
    """Write a plan. Raises ``OutputError``, and ``InputError`` for faces of different landmark schemes."""
    places = [(index, planned) for index in sorted(plan.faces) for planned in plan.faces[index]]
    faces = [planned for _, planned in places]
    scheme = common_scheme([planned.face for planned in faces])
    arrays: dict[str, npt.NDArray[Any]] = {}
    if faces:
        arrays = {
            "index": np.array([_index(index, planned.face) for index, planned in places], dtype=np.int64),
            "alignment": np.stack([planned.face.alignment for planned in faces]),
            "statistics": np.stack([planned.statistics for planned in faces]),
            "light": np.stack([planned.light for planned in faces]),
            "landmarks": np.stack([planned.face.smoothed for planned in faces]),
            "outline": np.stack([planned.outline for planned in faces]),
        }
        arrays = {name: array.astype(_SHAPES[name][0], copy=False) for name, array in arrays.items()}
    geometry = [planned.geometry for planned in faces if planned.geometry is not None]
    if geometry:
        arrays["geometry"] = np.stack(geometry).astype(np.float32, copy=False)
    arrays.update({f"adaptation/{name}": array for name, array in plan.adaptation.items()})
    fits: dict[str, dict[str, Any]] = {}
    for planned in faces:
        track = str(planned.face.track)
        if track in fits:
            continue
        fits[track] = {}
        for step, fit in planned.fits.items():
            record = fit.to_record()
            fits[track][step] = record.values
            arrays.update({f"fit/{track}/{step}/{name}": array for name, array in record.arrays.items()})
    header = {
        "format": FORMAT,
        "source_sha256": plan.source_sha256,
        "scheme": scheme.name,
        "deleted": plan.deleted,
        "not_selected": plan.not_selected,
        "masks": plan.masks,
        "fit_keys": {"model": plan.fit_keys.model, "steps": dict(plan.fit_keys.steps)},
        "fits": fits,
        "crops": [planned.face.crop for planned in faces],
    }
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # it checks nothing
    try:
        write_whole(path, save(contiguous, {_HEADER: json.dumps(header)}))
    except OSError as error:
        raise OutputError(f"{path}: the plan cannot be written ({error.strerror})") from error


def load_plan(path: Path) -> ConversionPlan:
    """Read a plan that :func:`save_plan` wrote. Raises ``InputError`` for one that is missing, damaged, or
    of a newer version."""
    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise InputError(f"{path}: the plan cannot be read ({error.strerror})") from error
    try:
        return _parse(data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged, or not a plan") from error


def _parse(data: bytes) -> ConversionPlan:
    length = int.from_bytes(data[:8], "little")
    header = parse_json(parse_json(data[8 : 8 + length])["__metadata__"][_HEADER])
    if header["format"] != FORMAT:
        raise InputError(f"plan of format {header['format']!r:.20}; this version reads {FORMAT}")
    arrays = load(data)
    faces = _faces(arrays, _text(header["scheme"]), header["crops"])
    own: dict[tuple[str, str], dict[str, npt.NDArray[Any]]] = {}
    for name, array in arrays.items():
        if name.startswith("fit/"):
            _, track, step, part = name.split("/")
            own.setdefault((track, step), {})[part] = array
    fits = {
        int(track): {
            step: _fit(step, values, own.get((track, step), {})) for step, values in _mapping(steps).items()
        }
        for track, steps in _mapping(header["fits"]).items()
    }
    by_frame: dict[int, list[PlannedFace]] = {}
    geometry = _geometry(arrays, len(faces))
    for (number, face, statistics, outline, light), own_geometry in zip(faces, geometry, strict=True):
        planned = PlannedFace(face, statistics, outline, own_geometry, fits[face.track], light)
        by_frame.setdefault(number, []).append(planned)
    adaptation = {
        name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("adaptation/")
    }
    keys = _mapping(header["fit_keys"])
    steps = {_text(name): _text(key) for name, key in _mapping(keys["steps"]).items()}
    return ConversionPlan(
        _text(header["source_sha256"]),
        by_frame,
        deleted=_count(header["deleted"]),
        not_selected=_count(header["not_selected"]),
        adaptation=adaptation,
        fit_keys=FitKeys(_text(keys["model"]), steps),
        masks=_text(header["masks"]),
    )


def _faces(
    arrays: Mapping[str, npt.NDArray[Any]], scheme: str, crops: Sequence[object]
) -> list[tuple[int, Face, Any, Any, Any]]:
    if "index" not in arrays:
        return []
    if scheme not in LANDMARK_SCHEMES:
        raise InputError(f"unknown landmark scheme {scheme!r:.40}")
    points = LANDMARK_SCHEMES[scheme]
    count = len(arrays["index"])
    lengths = {"landmarks": points.count, "outline": points.count}
    expected = {
        name: (kind, (count, *(lengths[name] if length == -1 else length for length in shape)))
        for name, (kind, shape) in _SHAPES.items()
    }
    try:
        check_arrays(arrays, expected, may_be_nan=tuple(lengths))
    except ValueError as error:
        raise InputError(str(error)) from error
    if any(not np.isfinite(arrays[name][:, list(points.required)]).all() for name in lengths):
        raise InputError("landmarks are damaged")
    index = arrays["index"]
    if count == 0 or (index[:, :4] < 0).any() or (index[:, 4] < 1).any():
        raise InputError("index is damaged")
    keys = [tuple(row) for row in index[:, 1:3].tolist()]
    if keys != sorted(set(keys)):
        raise InputError("faces are not in order")
    if (np.abs(np.linalg.det(arrays["alignment"][:, :, :2])) < 1e-12).any():
        raise InputError("an alignment cannot be inverted")
    return [
        (
            int(index[i, 0]),
            _face(index[i, 1:].tolist(), arrays["alignment"][i], arrays["landmarks"][i], scheme, crop),
            arrays["statistics"][i],
            arrays["outline"][i],
            arrays["light"][i],
        )
        for i, crop in enumerate(_crops(crops, keys))
    ]


def _crops(crops: Sequence[object], keys: Sequence[tuple[int, ...]]) -> Sequence[str | None]:
    """The names of crops, which lie within a faceset."""
    if not isinstance(crops, list) or len(crops) != len(keys):
        raise InputError("the header is damaged")
    for crop, key in zip(crops, keys, strict=True):
        if crop is None:
            continue
        if not isinstance(crop, str) or parse_crop_name(crop) != key:
            raise InputError("the header is damaged")
        parts = PurePosixPath(crop).parts
        if parts[0] not in (CROPS, BLURRY) or ".." in parts or "\\" in crop:
            raise InputError("the header is damaged")
    return crops


def _geometry(arrays: Mapping[str, npt.NDArray[Any]], count: int) -> Sequence[Any]:
    if "geometry" not in arrays:
        return [None] * count
    array = arrays["geometry"]
    if array.dtype != "float32" or array.ndim != 2 or len(array) != count or not np.isfinite(array).all():
        raise InputError("geometry is damaged")
    return list(array)


def _index(frame: int, face: Face) -> Sequence[int]:
    return (frame, *face.key, face.track, face.crop_size, face.rotation, *face.box)


def _face(row: Sequence[int], alignment: Any, landmarks: Any, scheme: str, crop: str | None) -> Face:
    frame, number, track, crop_size, rotation, *box = row
    return Face(
        frame_index=frame,
        face_index=number,
        box=Box(*box),
        confidence=1.0,
        landmarks=landmarks,
        smoothed=landmarks,
        alignment=alignment,
        crop_size=crop_size,
        scheme=scheme,
        track=track,
        rotation=rotation,
        crop=crop,
    )


def _fit(step: str, values: Any, arrays: dict[str, npt.NDArray[Any]]) -> TrackFit:
    name, override, number = step.partition("@")
    numbered = number.isascii() and number.isdigit() if override else True
    if name not in FACE_STEPS or not numbered or not isinstance(values, dict):
        raise InputError(f"the fit of {step!r:.40} is damaged")
    kind = FACE_STEPS[name]
    if not issubclass(kind, FittedStep):
        raise InputError(f"step {step!r} has no fit")
    return kind.load_fit(FitRecord(values, arrays))


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("the header is damaged")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InputError("the header is damaged")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError("the header is damaged")
    return value
