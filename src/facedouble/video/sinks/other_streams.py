"""Which streams of a source besides its picture go into a result, and how.

A stream is copied where the container holds it, converted where it is text and the container has its own kind
of subtitles, and else left out with a line that says so.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.codec.context import CodecContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.codeccontext import SubtitleCodecContext

from facedouble.errors import OutputError
from facedouble.video.libav import LIBAV_ERRORS, open_trial
from facedouble.video.registry import CLIP_FORMATS
from facedouble.video.sinks.tags import copyable_tags

_SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "matroska": "srt", "webm": "webvtt"}
_TEXTS = {"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"}
_KINDS = {
    "audio": "sound",
    "subtitle": "subtitles",
    "attachment": "attachment",
    "video": "video",
    "data": "data",
}
_CHOICES = {"sound": {"audio"}, "subtitles": {"subtitle"}, "none": set[str]()}
_TICK = Fraction(1, 1000)  # of converted subtitles


@dataclass(frozen=True, slots=True)
class OtherStream:
    """A stream of the source that goes into a result: copied, or converted to the subtitles ``codec``."""

    stream: Stream
    codec: str | None = None


def choose_streams(
    source: InputContainer, suffix: str, wanted: str, *, picture: int, whole: bool
) -> tuple[list[OtherStream], list[str]]:
    """The streams of ``source`` that go into a container named by its ``suffix``, and a line on each other.

    ``wanted`` is all, sound, subtitles, none, or numbers of streams such as "1,3". ``picture`` is the number
    of the stream that is converted. Without ``whole``, only the sound is of interest. Raises ``OutputError``
    for a number that there is not, and for a stream asked for by number that the container cannot hold.
    """
    chosen: list[OtherStream] = []
    remarks: list[str] = []
    numbers = [int(number) for number in wanted.split(",")] if wanted[:1].isdigit() else None
    known = {stream.index for stream in source.streams}
    for number in numbers or ():
        if number not in known or number == picture:
            others = ", ".join(str(other) for other in sorted(known - {picture})) or "none"
            raise OutputError(f"the source has no other stream {number}; it has {others}")
    for stream in source.streams:
        if stream.index == picture or (not whole and stream.type != "audio"):
            continue
        if numbers is not None and stream.index not in numbers:
            continue
        if numbers is None and wanted != "all" and stream.type not in _CHOICES[wanted]:
            continue
        if kind_of(stream) == "timecode":  # a tag, of which the muxer makes a stream; two would be refused
            continue
        how = _fitting(stream, suffix)
        if how is not None:
            chosen.append(how)
            if how.codec is not None:
                remarks.append(f"{_name(stream)} is written as {how.codec}")
            continue
        text = f"{_name(stream)} is left out: {_cannot(stream, suffix)}"
        if numbers is not None:
            raise OutputError(text)
        remarks.append(text)
    return chosen, remarks


def add_stream(other: OtherStream, output: OutputContainer) -> Stream:
    """Add a stream to ``output`` for the packets of another, with its language and title."""
    stream = other.stream
    if other.codec is None:
        copy: Stream = output.add_stream_from_template(stream)
    else:
        copy = output.add_stream(other.codec)
        copy.time_base = copy.codec_context.time_base = _TICK
        assert isinstance(copy.codec_context, SubtitleCodecContext)
        copy.codec_context.subtitle_header = _header(stream)
    copy.metadata.update(copyable_tags(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def converted(packet: Packet[Stream], target: Stream) -> Iterator[Packet[Stream]]:
    """A subtitle as its new stream has it; none for a gap."""
    decoder, encoder = packet.stream.codec_context, target.codec_context
    assert isinstance(decoder, SubtitleCodecContext)
    assert isinstance(encoder, SubtitleCodecContext)
    found = decoder.decode2(packet)
    if found is None or packet.pts is None or not list(found):
        return
    result: Packet[Stream] = encoder.encode_subtitle(found)
    result.pts = result.dts = round(packet.pts * packet.time_base / _TICK)
    result.duration = round((packet.duration or 0) * packet.time_base / _TICK)
    result.time_base = _TICK
    yield result


def suffixes_for(codec: str) -> list[str]:
    """Suffixes of the containers that hold video of an encoder."""
    found = []
    for suffix, format in CLIP_FORMATS.items():
        try:
            with open_trial(io.BytesIO(), format) as trial:
                trial.add_stream(codec, rate=25)
            found.append(suffix)
        except LIBAV_ERRORS:
            continue
    return found


def _fitting(stream: Stream, suffix: str) -> OtherStream | None:
    if stream.type == "video":
        return None  # covers, thumbnails and other pictures
    if _holds(suffix, stream):
        return OtherStream(stream)
    format = CLIP_FORMATS[suffix]
    if stream.type == "subtitle" and _codec(stream) in _TEXTS and _header(stream):
        return OtherStream(stream, _SUBTITLES[format])
    return None


def _holds(suffix: str, stream: Stream) -> bool:
    """Whether a container takes a stream, by trying."""
    try:
        with open_trial(io.BytesIO(), CLIP_FORMATS[suffix]) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except LIBAV_ERRORS:
        return False
    return True


def _cannot(stream: Stream, suffix: str) -> str:
    """Why a stream is left out, and what would hold it."""
    if stream.type == "video":
        return "results have one picture"
    others = [other for other in CLIP_FORMATS if other != suffix and _holds(other, stream)]
    held = f"; {' and '.join(others)} can" if others else ""
    return f"{suffix} cannot hold it{held}"


def kind_of(stream: Stream) -> str:
    """What a stream holds, in words."""
    if stream.type == "video" and stream.disposition & Disposition.attached_pic:
        return "cover picture"
    if stream.type == "data" and "timecode" in stream.metadata:
        return "timecode"
    return _KINDS.get(stream.type, stream.type)


def _name(stream: Stream) -> str:
    return f"stream {stream.index} ({kind_of(stream)}, {_codec(stream)})"


def _codec(stream: Stream) -> str:
    context: CodecContext | None = stream.codec_context  # None for codecs that FFmpeg does not know
    name = getattr(stream, "name", None) if context is None else context.codec.canonical_name
    return str(name or "unknown codec")


def _header(stream: Stream) -> bytes | None:
    """The styles of subtitles that are text, as encoders want them; ``None`` where the decoder has none."""
    context = stream.codec_context
    if not isinstance(context, SubtitleCodecContext):
        return None
    try:
        context.open(strict=False)
        return context.subtitle_header
    except LIBAV_ERRORS:
        return None
