"""The label of a crop: everything known of its face, as text that travels inside the PNG file.

A faceset whose database is lost can be made again from the labels of its crops. They are compact JSON;
arrays are the base64 of little-endian numbers. Crops may come from strangers, so a label is only ever
read as data, and everything in it is checked.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NoReturn, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.faceset.store import FrameRecord, SourceRecord
from facedouble.types import Box, Face, FaceStatus, Origin

VERSION = 1
MAX_LENGTH = 1 << 18
"""Characters beyond which a text is no label; one has some 4000."""

_INDEX = 2**31
_TIME = 2**62
_FAR = 1e6  # pixels
_RATIO = re.compile(r"([1-9][0-9]{0,11})(?:/([1-9][0-9]{0,11}))?")
_Kind = TypeVar("_Kind")


def encode_record(face: Face, frame: FrameRecord, source: SourceRecord) -> str:
    """The label of a face's crop, for :func:`facedouble.video.images.write_png`.

    What says where the crop lies now (``cut`` and ``crop``) is left out: the crop itself says so.
    """
    value = {
        "facedouble": VERSION,
        "face": {
            "frame_index": int(face.frame_index),
            "face_index": int(face.face_index),
            "box": [int(edge) for edge in face.box],
            "confidence": float(face.confidence),
            "landmarks": _encoded(face.landmarks, "<f4"),
            "steady": _encoded(face.smoothed, "<f4"),
            "alignment": _encoded(face.alignment, "<f8"),
            "crop_size": int(face.crop_size),
            "descriptor": _encoded(face.descriptor, "<f4"),
            "sharpness": float(face.sharpness),
            "colour": _encoded(face.colour, "<f4"),
            "motion": _encoded(face.motion, "<f8"),
            "chain": int(face.tracklet),
            "track": int(face.track),
            "rotation": int(face.rotation),
            "origin": face.origin,
            "verdict": face.status,
            "wanted": None if face.wanted_distance is None else float(face.wanted_distance),
            "unwanted": None if face.unwanted_distance is None else float(face.unwanted_distance),
        },
        "frame": {
            "pts": int(frame.pts),
            "name": frame.name,
            "shot_ends": bool(frame.shot_ends),
        },
        "source": {
            "path": source.path,
            "sha256": source.sha256,
            "width": int(source.width),
            "height": int(source.height),
            "time_base": str(source.time_base),
            "settings": dict(source.settings),
            "program": source.program,
        },
    }
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def decode_record(text: str) -> tuple[Face, FrameRecord, SourceRecord]:
    """What a label says. Raises ``InputError`` for a text that is none, or is damaged.

    ``face.cropped`` is true and ``face.crop`` unknown.
    """
    if len(text) > MAX_LENGTH:
        _wrong("it is too long")
    try:
        value = json.loads(text, parse_constant=lambda name: _wrong(f"{name} in it"))
    except (ValueError, RecursionError):
        _wrong("it is not JSON")
    if not isinstance(value, dict) or value.get("facedouble") != VERSION:
        _wrong("it is of another program or version")
    top = _Fields(value, "whole")
    top.take("facedouble", _whole(VERSION, VERSION))
    face = _face(_Fields(top.take("face", _mapping), "face"))
    frame = _frame(_Fields(top.take("frame", _mapping), "frame"), face.frame_index)
    source = _source(_Fields(top.take("source", _mapping), "source"))
    top.end()
    return face, frame, source


class _Fields:
    """The fields of a part of a label: each is taken once, by a function that checks it."""

    def __init__(self, value: Mapping[str, object], part: str) -> None:
        self._left, self._part = dict(value), part

    def take(self, name: str, read: Callable[[Any], _Kind]) -> _Kind:
        if name not in self._left:
            _wrong(f"its {self._part} has no {name}")
        try:
            return read(self._left.pop(name))
        except ValueError:
            _wrong(f"{name} of its {self._part} is not what it should be")

    def end(self) -> None:
        """Refuses fields that nobody took."""
        if self._left:
            _wrong(f"its {self._part} has a field too many")


def _face(fields: _Fields) -> Face:
    points = _array("<f4", (68, 2), _FAR)
    matrix = _array("<f8", (2, 3), _FAR)
    verdicts: tuple[FaceStatus, ...] = get_args(FaceStatus)
    origins: tuple[Origin, ...] = get_args(Origin)
    face = Face(
        frame_index=fields.take("frame_index", _whole(0, _INDEX)),
        face_index=fields.take("face_index", _whole(0, _INDEX)),
        box=fields.take("box", _box),
        confidence=fields.take("confidence", _number(-1e9, 1e9)),
        landmarks=fields.take("landmarks", points),
        smoothed=fields.take("steady", points),
        alignment=_invertible(fields.take("alignment", matrix)),
        crop_size=fields.take("crop_size", _whole(16, 4096)),
        descriptor=fields.take("descriptor", _or_none(_array("<f4", (128,), 100))),
        sharpness=fields.take("sharpness", _number(0, 1e9)),
        colour=fields.take("colour", _or_none(_array("<f4", (2, 3), 2))),
        motion=fields.take("motion", _or_none(matrix)),
        tracklet=fields.take("chain", _whole(-1, _TIME)),
        track=fields.take("track", _whole(-1, _TIME)),
        rotation=fields.take("rotation", _whole(-360, 360)),
        origin=fields.take("origin", _one_of(origins)),
        status=fields.take("verdict", _one_of(verdicts)),
        wanted_distance=fields.take("wanted", _or_none(_number(0, 1e9))),
        unwanted_distance=fields.take("unwanted", _or_none(_number(0, 1e9))),
        cropped=True,
    )
    fields.end()
    return face


def _frame(fields: _Fields, index: int) -> FrameRecord:
    frame = FrameRecord(
        index=index,
        pts=fields.take("pts", _whole(-_TIME, _TIME)),
        name=fields.take("name", _file_name),
        shot_ends=fields.take("shot_ends", _truth),
    )
    fields.end()
    return frame


def _source(fields: _Fields) -> SourceRecord:
    source = SourceRecord(
        path=fields.take("path", _text(4096)),
        sha256=fields.take("sha256", _hash),
        width=fields.take("width", _whole(1, 2**20)),
        height=fields.take("height", _whole(1, 2**20)),
        time_base=fields.take("time_base", _ratio),
        settings=fields.take("settings", _mapping),
        program=fields.take("program", _text(200)),
    )
    fields.end()
    return source


# -- one value each: checked and returned, or ValueError -----------------------------------------------


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    return read


def _number(low: float, high: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        # An int is what JSON makes of 2.0 written by another program.
        if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator]
            raise ValueError
        return float(value)  # type: ignore[arg-type]

    return read


def _text(longest: int) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or "\0" in value:
            raise ValueError
        return value

    return read


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _one_of(names: tuple[_Kind, ...]) -> Callable[[object], _Kind]:
    def read(value: object) -> _Kind:
        for name in names:
            if isinstance(value, str) and value == name:
                return name
        raise ValueError

    return read


def _or_none(read: Callable[[Any], _Kind]) -> Callable[[object], _Kind | None]:
    return lambda value: None if value is None else read(value)


def _file_name(value: object) -> str | None:
    if value is None:
        return None
    name = _text(255)(value)
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise ValueError
    return name


def _hash(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError
    return value


def _ratio(value: object) -> Fraction:
    match = _RATIO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return Fraction(int(match[1]), int(match[2] or 1))


def _box(value: object) -> Box:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError
    box = Box(*map(_whole(-_INDEX, _INDEX), value))
    if box.width <= 0 or box.height <= 0:
        raise ValueError
    return box


def _array(kind: str, shape: tuple[int, ...], largest: float) -> Callable[[object], npt.NDArray[Any]]:
    """Reads an array of this kind and shape with finite numbers not beyond ``largest``."""
    length = math.prod(shape) * np.dtype(kind).itemsize

    def read(value: object) -> npt.NDArray[Any]:
        if not isinstance(value, str) or len(value) > 2 * length:
            raise ValueError
        try:
            data = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError from error
        if len(data) != length:
            raise ValueError
        array = np.frombuffer(data, dtype=kind).reshape(shape).astype(np.dtype(kind).newbyteorder("="))
        if not (np.abs(array) <= largest).all():  # false for NaN as well
            raise ValueError
        return array

    return read


def _invertible(alignment: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if not abs(np.linalg.det(alignment[:, :2])) > 1e-12:
        _wrong("alignment of its face cannot be turned round")
    return alignment


def _encoded(array: npt.NDArray[Any] | None, kind: str) -> str | None:
    return None if array is None else base64.b64encode(array.astype(kind).tobytes()).decode()


def _wrong(why: str) -> NoReturn:
    raise InputError(f"the label of this crop cannot be used: {why}")
