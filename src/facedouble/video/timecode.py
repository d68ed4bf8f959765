"""Time code (SMPTE ST 12-1): with and without drop frames, as text and as OpenEXR stores it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from fractions import Fraction

from facedouble.video.exr_header import Attribute

_TEXT = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
_DROPPED = {30: 2, 60: 4}  # numbers left out at each full minute but every tenth, by the frames of a second
_DROP_FRAME = 1 << 6
_FASTEST = 30  # frames a second that OpenEXR's attribute can count


@dataclass(frozen=True, slots=True)
class Timecode:
    """A frame counted from 00:00:00:00 at ``rate`` frames a second (24 for 23.976); ``drop`` leaves out
    numbers so that the clock of 29.97 keeps up with the day."""

    frame: int
    rate: int
    drop: bool = False

    @classmethod
    def parse(cls, text: str, rate: Fraction) -> Timecode:
        """The time code in a text such as ``01:00:00:00`` or, with drop frames, ``01:00:00;00``. Raises
        ``ValueError`` for one that there is not at this rate of frames a second."""
        match = _TEXT.fullmatch(text.strip())
        nominal = round(rate)
        if match is None or nominal < 1:
            raise ValueError(f"{text.strip()[:40]!r} is no time code")
        hours, minutes, seconds, frames = (int(match[place]) for place in (1, 2, 3, 5))
        drop = match[4] != ":" and nominal in _DROPPED
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
            raise ValueError(f"{text.strip()} is no time code at {nominal} frames a second")
        total = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
        if drop:
            every = hours * 60 + minutes
            total -= _DROPPED[nominal] * (every - every // 10)
        return cls(total, nominal, drop)

    def moved(self, frames: int) -> Timecode:
        """The time code so many frames later; the clock starts again after a day."""
        day = 24 * 3600 * self.rate
        if self.drop:
            day -= _DROPPED[self.rate] * 24 * 54
        return Timecode((self.frame + frames) % day, self.rate, self.drop)

    @property
    def fields(self) -> tuple[int, int, int, int]:
        """Hours, minutes, seconds and frames as they are shown."""
        frame = self.frame
        if self.drop:
            left_out = _DROPPED[self.rate]
            minute = 60 * self.rate - left_out
            tens, rest = divmod(frame, 10 * minute + left_out)
            frame += 9 * left_out * tens
            if rest >= minute + left_out:
                frame += left_out * ((rest - left_out) // minute)
        seconds, frames = divmod(frame, self.rate)
        return seconds // 3600 % 24, seconds // 60 % 60, seconds % 60, frames

    def __str__(self) -> str:
        hours, minutes, seconds, frames = self.fields
        return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if self.drop else ':'}{frames:02d}"


def timecode_attribute(timecode: Timecode) -> Attribute | None:
    """A time code as OpenEXR stores it; ``None`` for a rate that it cannot count."""
    if timecode.rate > _FASTEST:
        return None
    hours, minutes, seconds, frames = (value // 10 << 4 | value % 10 for value in timecode.fields)
    word = frames | seconds << 8 | minutes << 16 | hours << 24 | (_DROP_FRAME if timecode.drop else 0)
    return Attribute("timeCode", "timecode", struct.pack("<II", word, 0))


def read_timecode(value: bytes | None, rate: Fraction) -> Timecode | None:
    """The time code in an OpenEXR attribute; ``None`` for one that there is not at this rate."""
    if value is None or len(value) != 8:
        return None
    word = struct.unpack("<II", value)[0]
    parts = [(word >> 24) & 0x3F, (word >> 16) & 0x7F, (word >> 8) & 0x7F, word & 0x3F]
    hours, minutes, seconds, frames = ((part >> 4) * 10 + (part & 0xF) for part in parts)
    mark = ";" if word & _DROP_FRAME else ":"
    try:
        return Timecode.parse(f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}", rate)
    except ValueError:
        return None


def rate_attribute(rate: Fraction) -> Attribute:
    """Frames a second as OpenEXR stores them."""
    rate = rate.limit_denominator(1 << 20)
    return Attribute("framesPerSecond", "rational", struct.pack("<iI", rate.numerator, rate.denominator))
