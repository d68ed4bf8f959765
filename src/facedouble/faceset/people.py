"""Who a person said the faces of a faceset are: ``people.json``, beside its database.

    {"people": {"Ben": {"0": "10-500,510", "1": "7"}}}

A name has, for each number of a face in its frame, ranges of frames. No run changes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from facedouble.errors import InputError, OutputError
from facedouble.faceset.layout import PEOPLE
from facedouble.files import read_regular, write_whole
from facedouble.json_data import parse_json

Key = tuple[int, int]
"""Frame and face number."""

MAX_NAME = 100
_MOST_BYTES = 1 << 24
_MOST_FACES = 1 << 22


def read_people(path: Path) -> dict[Key, str]:
    """The names of the faces of the faceset ``path`` that somebody named. Raises ``InputError`` for a file
    that is damaged."""
    file = path / PEOPLE
    try:
        return _parsed(parse_json(read_regular(file, _MOST_BYTES)))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: damaged ({error}); delete it, and name the people again") from error


def write_people(path: Path, people: Mapping[Key, str]) -> None:
    """Replace the names of the faces of the faceset ``path``. Raises ``OutputError``."""
    found: dict[str, dict[str, str]] = {}
    frames: dict[tuple[str, int], list[int]] = {}
    for (frame, number), name in people.items():
        frames.setdefault((name, number), []).append(frame)
    for name, number in sorted(frames):
        found.setdefault(name, {})[str(number)] = _ranges(sorted(frames[name, number]))
    try:
        write_whole(path / PEOPLE, json.dumps({"people": found}, ensure_ascii=False).encode(), durable=True)
    except OSError as error:
        raise OutputError(f"{path / PEOPLE}: cannot be written ({error.strerror})") from error


def check_person(name: str) -> str:
    """``name``, which somebody gave to faces. Raises ``ValueError`` for one that is none."""
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise ValueError(f"{name!r:.120} is no name of a person")
    return name


def _ranges(frames: Iterable[int]) -> str:
    spans: list[list[int]] = []
    for frame in frames:
        if spans and frame == spans[-1][1] + 1:
            spans[-1][1] = frame
        else:
            spans.append([frame, frame])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)


def _parsed(value: Any) -> dict[Key, str]:
    if not isinstance(value, dict) or value.keys() != {"people"}:
        raise ValueError("it names no people")
    people: dict[Key, str] = {}
    for name, numbers in _object(value["people"]).items():
        check_person(name)
        for number, ranges in _object(numbers).items():
            for text in str(ranges).split(","):
                first, dash, last = text.partition("-")
                span = range(_whole(first), _whole(last if dash else first) + 1)
                if len(people) + len(span) > _MOST_FACES:
                    raise ValueError("it names too many faces")
                people.update({(frame, _whole(number)): name for frame in span})
    return people


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it has a list where names belong")
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ValueError(f"{text!r:.40} is no number of a frame or face")
    return int(text)
