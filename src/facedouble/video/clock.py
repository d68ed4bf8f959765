"""The clock of MPEG streams: where it jumps, and what puts that right.

A recording that was joined from others, or that lost its signal, may go on with another clock. Players and
FFmpeg's own program carry on as if it had not jumped; so does this. A jump is found in the packets of sound
and picture, in the order of the file, by the rules of FFmpeg's program: back by more than a tenth of a
second, or on by more than ten. All streams are moved by the same amount, so they stay in step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

CLOCK_FORMATS = frozenset({"mpegts", "mpeg"})
"""FFmpeg's formats whose clock may start anywhere and jump."""

JOINED_FORMATS = frozenset({"flv", "live_flv", "matroska,webm"})
"""FFmpeg's formats whose clock steps back where recordings were joined. A step ahead is a gap in them."""

_BACK = Fraction(1, 10)  # seconds; less is sound that overlaps where two recordings were joined
_BACK_JOINED = Fraction(1)  # seconds; frames of Matroska have no decoding times, and come in another order
_AHEAD = Fraction(10)  # seconds; less is a gap
_FIRST = 500  # packets of sound after a jump that may overlap with those before it
_RECENT = 8  # epochs that a subtitle may belong to
_KINDS = ("video", "audio")


class Stamp(NamedTuple):
    """A packet: the number and kind of its stream, its times and duration in seconds."""

    stream: int
    kind: str
    pts: Fraction | None
    dts: Fraction | None
    duration: Fraction


class Jump(NamedTuple):
    """Where the clock of a source jumps, in seconds after its start with earlier jumps put right, and by how
    much: below 0 is back."""

    at: Fraction
    by: Fraction


@dataclass(frozen=True, slots=True)
class Clock:
    """What is added to the times of packets.

    ``shifts``: for each stream, from which of its packets on (counted from 0, in the order of the file) how
    many seconds are added. ``jumps`` are those that were found. ``overlaps`` counts packets of sound whose
    time has been filled by those before them.
    """

    shifts: Mapping[int, Sequence[tuple[int, Fraction]]] = field(default_factory=dict)
    jumps: Sequence[Jump] = ()
    overlaps: int = 0

    def shift(self, stream: int, packet: int) -> Fraction:
        """The seconds to add to packet number ``packet`` of a stream."""
        steps = self.shifts.get(stream, ())
        place = bisect_right(steps, packet, key=lambda step: step[0]) - 1
        return steps[place][1] if place >= 0 else Fraction(0)


def read_clock(
    packets: Iterable[Stamp], main: int, start: Fraction = Fraction(0), *, mpeg: bool = True
) -> Clock:
    """Find the jumps in all packets of a source, in the order of the file.

    ``main`` is the stream of the picture: after a jump its first frame follows its last one as any other.
    ``start`` is when the source starts by its own clock, in seconds. Without ``mpeg``, only steps back by
    more than a second are jumps.
    """
    epochs = _Epochs(mpeg)
    for packet in packets:
        epochs.add(packet)
    return epochs.clock(main, start)


@dataclass(slots=True)
class _Span:
    """The packets of one stream in one epoch: when they begin and end by the clock of the file."""

    first_packet: int
    start: Fraction
    end: Fraction
    step: Fraction
    heard: Fraction | None = None  # the last dts of sound
    overlaps: int = 0
    first: list[Fraction] = field(default_factory=list)  # the first times of sound

    def hear(self, dts: Fraction) -> None:
        """Note a packet of sound."""
        self.overlaps += self.heard is not None and dts <= self.heard
        self.heard = dts if self.heard is None else max(self.heard, dts)
        if len(self.first) < _FIRST:
            self.first.append(dts)


@dataclass(slots=True)
class _Epochs:
    """Spans of the file in which the clock runs on. ``spans[epoch][stream]``; ``guess`` is each epoch's shift
    as far as packets tell before the file has been read to the end."""

    mpeg: bool = True
    guess: list[Fraction] = field(default_factory=lambda: [Fraction(0)])
    spans: list[dict[int, _Span]] = field(default_factory=lambda: [{}])
    current: dict[int, int] = field(default_factory=dict)  # epoch by stream
    last: dict[int, Fraction] = field(default_factory=dict)  # dts by stream
    follows: dict[int, Fraction] = field(default_factory=dict)  # when its next packet is due
    count: dict[int, int] = field(default_factory=dict)
    latest: Fraction | None = None  # of all streams, with the shift added

    def add(self, packet: Stamp) -> None:
        stream = packet.stream
        number = self.count.get(stream, 0)
        self.count[stream] = number + 1
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            return
        # The first packets of Matroska may have no decoding time; their pts are not in the order of the file.
        ordered = self.mpeg or packet.dts is not None
        if packet.kind not in _KINDS:
            # Subtitles are far apart; they go with what is around them.
            epoch = self._nearest(dts)
        elif ordered and self._jumps(stream, dts):
            epoch = self._epoch_after(stream, dts)
        else:
            epoch = self.current.get(stream, len(self.guess) - 1)
        self.current[stream] = epoch
        shown = dts if packet.pts is None else packet.pts
        span = self.spans[epoch].get(stream)
        if span is None:
            span = self.spans[epoch][stream] = _Span(number, shown, shown + packet.duration, packet.duration)
        else:
            span.start, span.end = min(span.start, shown), max(span.end, shown + packet.duration)
            span.step = packet.duration or span.step
        if packet.kind == "audio":
            span.hear(dts)
        if ordered and packet.kind in _KINDS:
            self.last[stream], self.follows[stream] = dts, dts + packet.duration
            moved = dts + self.guess[epoch]
            self.latest = moved if self.latest is None else max(self.latest, moved)

    def _jumps(self, stream: int, dts: Fraction) -> bool:
        if self.latest is None:
            return False
        if not self.mpeg:
            # Where one stream has stepped back, the others do too, however little of them was there before.
            before = self.last.get(stream)
            return before is not None and dts < before - _BACK_JOINED
        if stream not in self.last:
            return abs(dts + self.guess[-1] - self.latest) > _AHEAD
        # A stream that was silent for long is not ahead of the others.
        ahead = dts + self.guess[self.current[stream]] > self.latest + _AHEAD
        return ahead or dts < self.last[stream] - _BACK

    def _epoch_after(self, stream: int, dts: Fraction) -> int:
        """The epoch that a packet belongs to whose stream's clock has jumped: the newest one if another
        stream has begun it, else a new one."""
        newest = len(self.guess) - 1
        assert self.latest is not None
        if self.current.get(stream, -1) < newest and abs(dts + self.guess[newest] - self.latest) <= _AHEAD:
            return newest
        due = self.follows.get(stream)
        if due is None:
            shift = self.latest - dts
        else:
            shift = due + self.guess[self.current[stream]] - dts
        self.guess.append(shift)
        self.spans.append({})
        return newest + 1

    def _nearest(self, dts: Fraction) -> int:
        if self.latest is None:
            return len(self.guess) - 1
        latest = self.latest
        recent = range(max(0, len(self.guess) - _RECENT), len(self.guess))
        return min(recent, key=lambda epoch: (abs(dts + self.guess[epoch] - latest), -epoch))

    def clock(self, main: int, start: Fraction) -> Clock:
        shifts = [Fraction(0)]
        jumps: list[Jump] = []
        for before, after, guess in zip(self.spans, self.spans[1:], self.guess[1:], strict=False):
            shift = guess + shifts[-1] - self.guess[len(shifts) - 1]
            ended, begun = before.get(main), after.get(main)
            if ended is not None and begun is not None:
                due = max(ended.end, ended.start)
                shift = shifts[-1] + due - begun.start
                jumps.append(Jump(due + shifts[-1] - start, begun.start - due))
            else:
                stream = next((s for s in after if s in before), None)
                at = shifts[-1] + (before[stream].end if stream is not None else 0)
                jumps.append(Jump(at - start, shifts[-1] - shift))
            shifts.append(shift)
        found: dict[int, list[tuple[int, Fraction]]] = {}
        for epoch, spans in enumerate(self.spans[1:], 1):
            for stream, span in spans.items():
                found.setdefault(stream, []).append((span.first_packet, shifts[epoch]))
        steps = {stream: tuple(sorted(moves)) for stream, moves in found.items()}
        return Clock(steps, tuple(jumps), self._overlaps(shifts))

    def _overlaps(self, shifts: Sequence[Fraction]) -> int:
        count = 0
        heard: dict[int, Fraction] = {}
        for spans, shift in zip(self.spans, shifts, strict=True):
            for stream, span in spans.items():
                if span.heard is None:
                    continue
                before = heard.get(stream)
                count += span.overlaps
                if before is not None:
                    count += sum(dts + shift <= before for dts in span.first)
                moved = span.heard + shift
                heard[stream] = moved if before is None else max(before, moved)
        return count
