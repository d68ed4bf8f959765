"""The index of a source: all its frames by time, and where decoding can start.

An index is made once for a file (:mod:`.indexing`) and kept (:mod:`.index_cache`). With it any frame is
reached without decoding from the first one. It is written as JSON, and validated when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.json_data import parse_json
from facedouble.video.info import SourceInfo
from facedouble.video.orientation import UPRIGHT, Orientation

VERSION = 5
_READABLE = {2, 3, VERSION}  # version 2 did not put jumps of the clock right
MAX_FRAMES = 1 << 24  # 77 hours at 60 frames a second
_MAX_TICKS = 1 << 62
_MAX_TEXT = 200  # characters of a name such as a pixel format
_MAX_SIDE = 1 << 16  # pixels

Ticks = npt.NDArray[np.int64]


class SeekPoint(NamedTuple):
    """A keyframe from which decoding gives exact frames: the number of its frame, the ``pts`` and ``dts`` of
    its packet as the container has them (``dts`` equals ``pts`` where there is none), and how many packets
    of the video stream come before it."""

    frame: int
    pts: int
    dts: int
    packet: int


@dataclass(frozen=True, slots=True, eq=False)
class SourceIndex:
    """All frames of a source. Frames are numbered from 0 in presentation order.

    - ``info``: size, rate and colours.
    - ``fingerprint``: SHA-256 of the source's content (see :func:`.hashing.source_hash`).
    - ``times``: (N,) int64, the ``pts`` of each frame in units of ``info.time_base``, strictly rising.
    - ``stamps``: (N,) int64, the time stamp of each frame in the container, ``None`` if it has none.
      ``times`` differ from it in MPEG streams, whose clock starts anywhere, and where stamps do not rise.
    - ``end``: when the last frame ends, in units of ``info.time_base``.
    - ``seek_points``: (M, 4) int64 in rising order, the columns of :class:`SeekPoint`. Frame 0, where
      decoding can always start, is not listed.
    - ``hidden``: how many coded frames an edit list hides.
    - ``decoded``: whether ``times`` come from decoding, not from the container's packets alone.
    - ``coded_size``: width and height of the stored frames; ``orientation`` turns them upright.
    """

    info: SourceInfo
    fingerprint: str
    times: Ticks
    stamps: Ticks | None
    end: int
    seek_points: Ticks = field(default_factory=lambda: seek_table(()))
    hidden: int = 0
    decoded: bool = False
    coded_size: tuple[int, int] = (0, 0)
    orientation: Orientation = UPRIGHT

    @property
    def count(self) -> int:
        """The number of frames."""
        return len(self.times)

    @property
    def can_seek(self) -> bool:
        """Whether time stamps tell frames apart and rise, so that a container can be asked for one."""
        return self.stamps is not None and bool((np.diff(self.stamps) > 0).all())

    def seek_point(self, frame: int, back: int = 0) -> SeekPoint | None:
        """The last seek point at or in front of ``frame``, or the one ``back`` places earlier; ``None`` for
        the start of the source."""
        place = int(np.searchsorted(self.seek_points[:, 0], frame, side="right")) - 1 - back
        return SeekPoint(*self.seek_points[place].tolist()) if place >= 0 else None

    def duration(self, frame: int) -> int:
        """How long a frame is shown, in units of ``info.time_base``."""
        after = self.end if frame == self.count - 1 else self.times[frame + 1]
        return int(after - self.times[frame])

    def frame_at(self, seconds: float | Fraction) -> int:
        """The number of the frame that is shown at a time; the first one before the start."""
        ticks = Fraction(seconds) / self.info.time_base
        return max(0, int(np.searchsorted(self.times, float(ticks), side="right")) - 1)

    def to_json(self) -> str:
        """The index as one line of JSON, without the source's path."""
        info = {key: value for key, value in asdict(self.info).items() if key != "path" and value is not None}
        same = self.stamps is not None and np.array_equal(self.stamps, self.times)
        record = {
            "version": VERSION,
            "info": {k: str(v) if isinstance(v, Fraction) else v for k, v in info.items()},
            "fingerprint": self.fingerprint,
            "times": _packed(self.times),
            "stamps": "times" if same else None if self.stamps is None else _packed(self.stamps),
            "end": self.end,
            "seek_points": [_packed(column) for column in self.seek_points.T],
            "hidden": self.hidden,
            "decoded": self.decoded,
            "coded_size": list(self.coded_size),
            "orientation": list(self.orientation),
        }
        return json.dumps(record, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, path: Path) -> SourceIndex:
        """The index of the source at ``path`` that :meth:`to_json` wrote.

        Raises ``InputError`` for anything that it did not write: wrong types, numbers out of range, times
        that do not rise, seek points that are not there.
        """
        try:
            return _checked(parse_json(text), path)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise InputError(f"{path}: its index is damaged ({error})") from error


def rising_times(stamps: Iterable[int | None], start: int, step: int) -> Iterator[int]:
    """Strictly rising times for the time stamps of a container, counted from ``start``.

    A frame without a stamp follows the one in front of it by ``step``; a stamp that is not later than the
    time in front of it becomes one tick later.
    """
    previous: int | None = None
    for stamp in stamps:
        if stamp is not None:
            time = stamp - start
        else:
            time = 0 if previous is None else previous + step
        if previous is not None and time <= previous:
            time = previous + 1
        previous = time
        yield time


def frozen(values: Iterable[int]) -> Ticks:
    """An array that cannot be changed."""
    array = np.fromiter(values, dtype=np.int64)
    array.flags.writeable = False
    return array


def seek_table(points: Iterable[SeekPoint]) -> Ticks:
    """Seek points as the table of an index."""
    table = np.array(list(points), dtype=np.int64).reshape(-1, len(SeekPoint._fields))
    table.flags.writeable = False
    return table


def _packed(values: Iterable[int]) -> list[int]:
    """Whole numbers as the first, then each difference and how often it repeats."""
    numbers = [int(value) for value in values]
    differences = (after - before for before, after in pairwise(numbers))
    runs = ((difference, sum(1 for _ in group)) for difference, group in groupby(differences))
    return [*numbers[:1], *(number for run in runs for number in run)]


def _unpacked(values: Any, limit: int) -> Ticks:
    """The inverse of :func:`_packed`, of at most ``limit`` numbers."""
    numbers = [_integer(value, -_MAX_TICKS, _MAX_TICKS) for value in _list(values, 2 * limit)]
    if not numbers:
        return frozen(())
    if len(numbers) % 2 == 0 or any(repeats < 1 for repeats in numbers[2::2]):
        raise ValueError("a list of numbers is damaged")
    if 1 + sum(numbers[2::2]) > limit:
        raise ValueError("it has too many frames")
    total = numbers[0]
    for difference, repeats in zip(numbers[1::2], numbers[2::2], strict=True):
        total += difference * repeats
        if abs(total) > _MAX_TICKS:
            raise ValueError("a number is out of range")
    steps = np.repeat(np.array(numbers[1::2], np.int64), np.array(numbers[2::2], np.int64))
    result = np.concatenate([np.array(numbers[:1], np.int64), steps]).cumsum()
    result.flags.writeable = False
    return result


def _checked(record: Any, path: Path) -> SourceIndex:
    if not isinstance(record, dict) or record.get("version") not in _READABLE:
        raise ValueError("another version")
    times = _unpacked(record["times"], MAX_FRAMES)
    if len(times) == 0 or not (np.diff(times) > 0).all():
        raise ValueError("its times do not rise")
    stamps: Ticks | None = None
    if record["stamps"] is not None:
        stamps = times if record["stamps"] == "times" else _unpacked(record["stamps"], MAX_FRAMES)
        if len(stamps) != len(times):
            raise ValueError("not every frame has a time stamp")
    fingerprint = record["fingerprint"]
    if not isinstance(fingerprint, str) or not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
        raise ValueError("its fingerprint is not a SHA-256")
    if not isinstance(record["decoded"], bool):
        raise TypeError("decoded is not true or false")
    width, height = (_integer(side, 0, _MAX_SIDE) for side in _list(record["coded_size"], 2))
    turns = _list(record["orientation"], 3)
    if len(turns) != 3 or not all(isinstance(turn, bool) for turn in turns):
        raise TypeError("orientation is not three truth values")
    return SourceIndex(
        info=_info(record["info"], path),
        fingerprint=fingerprint,
        times=times,
        stamps=stamps,
        end=_integer(record["end"], int(times[-1]), _MAX_TICKS),
        seek_points=_seek_points(record["seek_points"], stamps),
        hidden=_integer(record["hidden"], 0, MAX_FRAMES),
        decoded=record["decoded"],
        coded_size=(width, height),
        orientation=Orientation(*turns),
    )


def _info(record: Any, path: Path) -> SourceInfo:
    if not isinstance(record, dict):
        raise TypeError("info is not an object")
    values: dict[str, Any] = {"path": path}
    for known in fields(SourceInfo):
        if known.name == "path":
            continue
        if known.name in ("video_stream", "first_number") and known.name not in record:
            continue  # older versions did not say
        value = record[known.name]
        if known.type == "Fraction":
            value = _fraction(value)
        elif known.type == "int":
            value = _integer(value, 0, _MAX_SIDE if known.name in ("width", "height") else MAX_FRAMES)
        elif known.type == "int | None":
            value = None if value is None else _integer(value, 0, _MAX_TICKS)
        elif known.type == "bool" and not isinstance(value, bool):
            raise TypeError(f"{known.name} is not true or false")
        elif known.type == "str" and not (isinstance(value, str) and len(value) <= _MAX_TEXT):
            raise TypeError(f"{known.name} is not a short text")
        values[known.name] = value
    if values["kind"] not in ("clip", "folder"):
        raise ValueError("it is of neither a clip nor a folder")
    return SourceInfo(**values)


def _seek_points(record: Any, stamps: Ticks | None) -> Ticks:
    columns = [_unpacked(column, MAX_FRAMES) for column in _list(record, 4)]
    if len({len(column) for column in columns}) != 1 or len(columns) != 4:
        raise ValueError("its seek points are damaged")
    table = np.stack(columns, axis=1)
    table.flags.writeable = False
    if not len(table):
        return table
    if stamps is None:
        raise ValueError("it has seek points, but no time stamps")
    frames = table[:, 0]
    if frames[0] < 1 or frames[-1] >= len(stamps) or not (np.diff(frames) > 0).all():
        raise ValueError("its seek points are not in order")
    if not np.array_equal(table[:, 1], stamps[frames]):
        raise ValueError("a seek point is at no frame")
    return table


def _list(value: Any, limit: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise TypeError("a list is missing or too long")
    return value


def _integer(value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{str(value)[:40]!r} is not a whole number between {low} and {high}")
    return value


def _fraction(value: Any) -> Fraction:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,12}(/[1-9][0-9]{0,11})?", value):
        raise ValueError(f"{str(value)[:40]!r} is not a fraction")
    found = Fraction(value)
    if found <= 0:
        raise ValueError("a fraction is not positive")
    return found
