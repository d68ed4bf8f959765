"""Stream copy: sound, subtitles and chapters of a source, without re-encoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.packet import Packet
from av.stream import Stream

from facedouble.errors import InputError
from facedouble.video.clock_reader import clock_of
from facedouble.video.libav import LIBAV_ERRORS, open_clip, reason
from facedouble.video.played_packets import played_packets
from facedouble.video.sinks.base import write_error
from facedouble.video.sinks.other_streams import OtherStream, add_stream, choose_streams, converted

_TIMED = {"audio", "subtitle", "data"}
_WITH_EDIT_LISTS = {"mp4", "mov"}


class Span(NamedTuple):
    """A time span of the source to keep, and its start in the result. Seconds; ``end`` is exclusive,
    ``None`` means to the end."""

    start: Fraction
    end: Fraction | None
    target: Fraction

    def contains(self, moment: Fraction) -> bool:
        return moment >= self.start and (self.end is None or moment < self.end)


class StreamCopy:
    """The packets of a file's other streams, in file order, for streams that it adds to an output: its sound,
    and where the file is the source itself (``whole``) its subtitles, attachments and chapters too.

    ``remarks`` says what is converted and what is left out (:mod:`.other_streams`).

    What an edit list of the source hides is not copied (:mod:`..played_packets`); for MP4 and MOV, which have
    edit lists themselves, some lead-in is, and stays hidden. With ``spans``, only packets that start inside a
    span are copied, shifted with it. Sound is cut at packet borders (about 20 ms), so it is never off by more
    than that, however many cuts there are. Raises ``InputError`` when the file cannot be read,
    ``OutputError`` when the output cannot hold a stream that was asked for by its number.
    """

    def __init__(
        self,
        source: Path,
        output: av.container.OutputContainer,
        path: Path,
        *,
        whole: bool = True,
        streams: str = "all",
        video_stream: int = 0,
        spans: Sequence[Span] | None = None,
    ) -> None:
        self._source, self._spans = source, spans
        self._container = open_clip(source)
        try:
            pictures = self._container.streams.video
            chosen, self.remarks = choose_streams(
                self._container,
                path.suffix.lower(),
                streams,
                picture=pictures[video_stream].index if whole else -1,
                whole=whole,
            )
            self._streams: dict[int, tuple[OtherStream, Stream]] = {
                other.stream.index: (other, add_stream(other, output)) for other in chosen
            }
            if whole and streams != "none":
                _copy_chapters(self._container, output, spans)
        except LIBAV_ERRORS as error:
            self._container.close()
            raise write_error(path, error) from error
        except BaseException:
            self._container.close()
            raise
        self._lead_in = spans is None and output.format.name in _WITH_EDIT_LISTS
        self._packets = self._read()
        self._next = next(self._packets, None)

    def until(self, seconds: Fraction | None) -> Iterator[Packet[Stream]]:
        """The remaining packets that are due by ``seconds``; with ``None``, all of them."""
        while (packet := self._next) is not None:
            if seconds is not None and packet.dts is not None and packet.dts * packet.time_base > seconds:
                return
            self._next = next(self._packets, None)
            yield packet

    def close(self) -> None:
        self._container.close()

    def _read(self) -> Iterator[Packet[Stream]]:
        streams = [other.stream for other, _ in self._streams.values() if other.stream.type in _TIMED]
        if not streams:
            return
        try:
            clock = clock_of(self._source)
            for packet in played_packets(self._container, streams, clock, lead_in=self._lead_in):
                if self._spans is not None and not _shifted(packet, self._spans):
                    continue
                other, target = self._streams[packet.stream.index]
                for result in converted(packet, target) if other.codec else (packet,):
                    result.stream = target
                    yield result
        except LIBAV_ERRORS as error:
            raise InputError(
                f"{self._source}: its sound or subtitles are damaged ({reason(error)})"
            ) from error


def _shifted(packet: Packet[Stream], spans: Sequence[Span]) -> bool:
    """Shift a packet with its span; false if it starts in none."""
    if packet.pts is None:
        return False
    moment = packet.pts * packet.time_base
    span = next((span for span in spans if span.contains(moment)), None)
    if span is None:
        return False
    shift = round((span.target - span.start) / packet.time_base)
    packet.pts += shift
    packet.dts = None if packet.dts is None else packet.dts + shift
    if span.end is not None and packet.stream.type == "subtitle" and packet.duration:
        packet.duration = min(packet.duration, round((span.end - moment) / packet.time_base))
    return True


def _copy_chapters(
    source: av.container.InputContainer, output: av.container.OutputContainer, spans: Sequence[Span] | None
) -> None:
    chapters: list[Any] = []
    for chapter in source.chapters():
        tick = chapter["time_base"] or Fraction(1, 1000)
        start, end = chapter["start"] * tick, chapter["end"] * tick
        for span in spans or [Span(Fraction(0), None, Fraction(0))]:
            first = max(start, span.start) if spans else start
            last = end if span.end is None else min(end, span.end)
            if last <= first:
                continue
            move = span.target - span.start
            moved = {"start": round((first + move) / tick), "end": round((last + move) / tick)}
            chapters.append({**chapter, **moved, "id": len(chapters) + 1})
    if chapters:
        output.set_chapters(chapters)
