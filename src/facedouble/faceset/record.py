"""The record of a crop: everything known about its face, as text inside the PNG file.

A faceset whose database is lost can be rebuilt from the records of its crops. They are compact JSON, arrays
are the base64 of little-endian numbers. Crops may come from strangers, so a record is only ever read as data,
and :mod:`.codec` checks everything in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from facedouble.errors import InputError
from facedouble.faceset.codec import FACE, FRAME, SOURCE, FrameRecord, SourceRecord
from facedouble.json_data import parse_json
from facedouble.types import Face

VERSION = 3
MAX_LENGTH = 1 << 18
"""Characters; a longer text is no record. One has 4,000 to 16,000, depending on the landmark scheme."""


def encode_record(face: Face, frame: FrameRecord, source: SourceRecord) -> str:
    """The record of a face's crop, for :func:`facedouble.video.images.write_png`.

    Where the crop is now (``cropped`` and ``crop``) is left out, as the crop itself says so. Raises
    ``ValueError`` for a face that could not be read again.
    """
    value = {
        "facedouble": VERSION,
        "face": FACE.to_record(face),
        "frame": FRAME.to_record(frame, leave_out=("index",)),
        "source": SOURCE.to_record(source),
    }
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def decode_record(text: str) -> tuple[Face, FrameRecord, SourceRecord]:
    """What a record says, of this version or an earlier one. ``face.cropped`` is true, ``face.crop`` unknown.

    Raises ``InputError`` for a text that is no record, or is damaged.
    """
    if len(text) > MAX_LENGTH:
        _fail("it is too long")
    try:
        value = parse_json(text)
    except ValueError as error:
        _fail(f"it is not JSON ({error})")
    except RecursionError:
        _fail("it is not JSON")
    version = value.get("facedouble") if isinstance(value, dict) else None
    if type(version) is not int or not 1 <= version <= VERSION:
        _fail("it is of another program or a newer version")
    if value.keys() != {"facedouble", "face", "frame", "source"}:
        _fail("it has a part too many or too few")
    try:
        for upgrade in _UPGRADES[version - 1 :]:
            value = upgrade(value)
        face = FACE.from_record(value["face"], cropped=True)
        frame = FRAME.from_record(value["frame"], index=face.frame_index)
        return face, frame, SOURCE.from_record(value["source"])
    except ValueError as error:
        _fail(str(error))


# -- earlier versions ----------------------------------------------------------------------------------

_RENAMED_IN_2 = {
    "steady": "smoothed",
    "chain": "tracklet",
    "verdict": "status",
    "wanted": "wanted_distance",
    "unwanted": "unwanted_distance",
}


def _from_1(value: dict[str, Any]) -> dict[str, Any]:
    """Version 2 (schema 3): clearer names, a landmark scheme, expression values, hand-made edits."""
    face = _renamed(value["face"], _RENAMED_IN_2)
    frame = _renamed(value["frame"], {"shot_ends": "ends_shot"})
    added = {"scheme": "dlib68", "expression": None, "edited": False}
    if face.keys() & added.keys():
        raise ValueError("a field of a later version")
    return {**value, "face": {**face, **added}, "frame": frame}


def _from_2(value: dict[str, Any]) -> dict[str, Any]:
    """Version 3 (schema 4): the depth of the landmarks."""
    face = value["face"]
    if not isinstance(face, dict) or "depth" in face:
        raise ValueError("a field of a later version")
    return {**value, "face": {**face, "depth": None}}


def _renamed(data: Any, names: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(data, dict) or data.keys() & set(names.values()):
        raise ValueError("a field of a later version")
    return {names.get(name, name): value for name, value in data.items()}


_UPGRADES: Sequence[Callable[[dict[str, Any]], dict[str, Any]]] = (_from_1, _from_2)
"""``_UPGRADES[i]`` brings version ``1 + i`` of a record to the next one."""


def _fail(why: str) -> NoReturn:
    raise InputError(f"the record of this crop cannot be used: {why}")
