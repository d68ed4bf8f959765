"""The packets of sound and subtitles that a player plays, at the times at which it plays them.

What an edit list hides is left out, jumps of the clock are put right, and times rise, as containers want
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.packet import Packet
from av.stream import Stream

from facedouble.video.clock import Clock
from facedouble.video.demux import clock_start

_LEAD_IN = Fraction(
    1, 10
)  # seconds of hidden sound that a decoder may need to start; codecs need up to 80 ms
_PLAYED = Fraction(1, 2)  # the share of a packet of sound that must be played


def played_packets(
    container: av.container.InputContainer, streams: Sequence[Stream], clock: Clock, *, lead_in: bool = False
) -> Iterator[Packet[Stream]]:
    """The packets of ``streams`` in the order of the file, with times that are counted from the start.

    A packet of sound that is mostly hidden, or whose time has been filled by the one in front of it, is left
    out. With ``lead_in``, hidden packets within a tenth of a second before the first sound are given all the
    same, for a container whose edit list hides them again. Errors of PyAV are passed on.
    """
    start = clock_start(container)
    states = {stream.index: _State() for stream in streams}
    for packet in container.demux(list(streams)) if streams else ():
        if packet.dts is None and not packet.size:  # PyAV's end-of-stream marker
            continue
        state = states[packet.stream.index]
        _move(packet, clock.shift(packet.stream.index, state.number) - start)
        state.number += 1
        yield from state.played(packet, lead_in=lead_in)


def is_mostly_hidden(packet: Packet[Stream]) -> bool:
    """Whether an edit list hides more than half of a packet of sound or all of a subtitle."""
    if packet.is_discard:
        return True
    if packet.pts is None or not packet.duration:
        return False
    return -packet.pts > packet.duration * _PLAYED


def _move(packet: Packet[Stream], seconds: Fraction) -> None:
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks


@dataclass(slots=True)
class _State:
    """What has been given of a stream."""

    number: int = 0
    last: int | None = None
    lead: list[Packet[Stream]] = field(default_factory=list)

    def played(self, packet: Packet[Stream], *, lead_in: bool) -> Iterator[Packet[Stream]]:
        """The packet, behind those that lead in to it, if it is played."""
        if packet.dts is not None and packet.pts is not None:
            packet.dts = min(packet.dts, packet.pts)
        if is_mostly_hidden(packet):
            if lead_in and self.last is None and packet.pts is not None and packet.pts < 0:
                self.lead = [one for one in self.lead if _leads(one)] + [packet]
            return
        lead, self.lead = self.lead, []
        for one in (*(one for one in lead if _leads(one)), packet):
            if one.dts is not None:
                if self.last is not None and (one.dts < self.last or self._repeats(one)):
                    continue
                self.last = one.dts
            yield one

    def _repeats(self, packet: Packet[Stream]) -> bool:
        """Whether a packet has the time of the one in front of it, which only subtitles may."""
        return packet.dts == self.last and packet.stream.type != "subtitle"


def _leads(packet: Packet[Stream]) -> bool:
    return packet.pts is not None and -packet.pts * packet.time_base <= _LEAD_IN
