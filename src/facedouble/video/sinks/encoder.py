"""The encoder, and every choice that is made before the first frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import CodecContext, Flags
from av.packet import Packet
from av.stream import Stream
from av.video.reformatter import ColorRange

from facedouble.errors import OutputError, SettingsError, setting
from facedouble.settings.video import ClipEncoding
from facedouble.video.frame import Frame
from facedouble.video.images import ImageFile
from facedouble.video.info import SourceInfo
from facedouble.video.planes import LAYOUTS, to_format
from facedouble.video.yuv import UNSPECIFIED, YuvColour, is_full_range, matrix_of

_X26X_PRESETS = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
]
# Chroma subsamplings to try, by the source's own: more chroma rather than less.
_CHROMA_PREFERENCE = {
    "420": ["420", "422", "444"],
    "422": ["422", "444", "420"],
    "444": ["444", "422", "420"],
}

_HELD = 1.5  # average durations of a frame
_PRORES_4444 = "4"  # FFmpeg's number of the profile


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder's settings, and the colour coding of its input.

    ``tags`` are range, matrix, primaries and transfer of the stream (ITU-T H.273).
    """

    codec: str
    options: dict[str, str]
    pixel_format: str
    colour: YuvColour
    tags: tuple[int, int, int, int]
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    sample_aspect: Fraction

    @classmethod
    def choose(cls, path: Path, like: SourceInfo, settings: ClipEncoding, *, alpha: bool = False) -> Encoding:
        """The encoding of a clip ``path`` whose frames have the size, times and colours of ``like``.

        Raises ``OutputError`` for an encoder that is not there or takes no such pixels, ``SettingsError``
        for a preset that it does not have.
        """
        codec = _encoder(settings.codec, path)
        format = _pixel_format(codec, like, path, alpha=alpha)
        full_range = is_full_range(like.colour_range, like.pixel_format)
        range_tag, matrix_tag = like.colour_range, like.colour_matrix
        if av.VideoFormat(like.pixel_format).is_rgb:
            full_range, range_tag = False, int(ColorRange.MPEG)
            if like.colour_matrix in (0, UNSPECIFIED):
                matrix_tag = 1 if like.height >= 720 else 6
        return cls(
            codec=settings.codec,
            options=_options(codec, settings, format, path),
            pixel_format=format,
            colour=YuvColour(matrix_of(like.colour_matrix, like.height, path), full_range),
            tags=(range_tag, matrix_tag, like.colour_primaries, like.colour_transfer),
            width=like.width,
            height=like.height,
            rate=like.rate,
            time_base=like.time_base,
            sample_aspect=like.sample_aspect,
        )

    def configure(self, context: av.VideoCodecContext) -> None:
        """Apply this to an encoder that is not open yet."""
        context.width, context.height = self.width, self.height
        context.time_base, context.framerate = self.time_base, self.rate
        context.pix_fmt = self.pixel_format
        context.options = dict(self.options)
        if self.sample_aspect != 1:
            context.sample_aspect_ratio = self.sample_aspect
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = self.tags

    def frame(self, source: Frame) -> av.VideoFrame:
        """A frame in the encoder's pixel format, at its time."""
        content = source.loaded().content
        assert not isinstance(content, ImageFile)
        frame = to_format(content, self.pixel_format, self.colour)
        frame.pts, frame.time_base = source.pts, source.time_base
        # The ProRes encoder reads these from its frames, not from its context.
        frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = self.tags
        return frame


def is_held(frame: Frame, encoding: Encoding) -> bool:
    """Whether a frame is shown for longer than frames are at the average rate.

    As the last of a clip it is encoded by itself: in MP4 and MOV, the duration of the packet that is last in
    decoding order is that of the clip's end, and with B-frames it would be another frame's.
    """
    return frame.duration is not None and frame.duration * frame.time_base * encoding.rate > _HELD


class Encoder:
    """A stand-alone encoder for one part of a clip: it starts with a keyframe and keeps its headers out of
    the packets."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        context = CodecContext.create(encoding.codec, "w")
        assert isinstance(context, av.VideoCodecContext)
        encoding.configure(context)
        context.flags |= Flags.global_header
        self._context = context

    def encode(self, frame: Frame) -> list[Packet[Stream]]:
        return list(self._context.encode(self._encoding.frame(frame)))

    def encode_held(self, frame: Frame) -> list[Packet[Stream]]:
        """The packets of a frame that is encoded by itself, with its duration; the encoder then accepts no
        more."""
        packets = [*self.encode(frame), *self.flush()]
        for packet in packets:
            packet.duration = frame.duration or 0
        return packets

    def flush(self) -> list[Packet[Stream]]:
        """The remaining packets; the encoder accepts no more pictures."""
        return list(self._context.encode(None))


def _encoder(name: str, path: Path) -> av.Codec:
    try:
        codec = av.Codec(name, "w")
    except ValueError as error:
        raise OutputError(f"{path}: there is no encoder {name!r} here; libx264 is one that is") from error
    if codec.type != "video":
        raise OutputError(f"{path}: {name} does not encode video; libx264 does")
    return codec


def _pixel_format(codec: av.Codec, like: SourceInfo, path: Path, *, alpha: bool) -> str:
    """The encoder's input format: the source's bit depth; its chroma subsampling for intermediate codecs,
    else the one that every player supports."""
    source = av.VideoFormat(like.pixel_format)
    depth = max(component.bits for component in source.components)
    deep = ["10le", "12le", ""] if 8 < depth <= 10 else ["12le", "10le", ""] if depth > 10 else ["", "10le"]
    odd = like.width % 2 or like.height % 2
    layout = LAYOUTS.get(like.pixel_format)
    chroma = ["444", "420"] if odd else ["420", "422", "444"]
    if _quality(codec) is None:
        if layout is not None and not odd:
            own = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}[layout[:2]]
            chroma = _CHROMA_PREFERENCE[own]
        elif source.is_rgb:
            chroma = ["444", "422", "420"]
    known = {format.name for format in codec.video_formats or ()}
    if alpha:
        for bits in deep:
            for name in ("444", *chroma):
                if (format := f"yuva{name}p{bits}") in known:
                    return format
        prores, ffv1 = setting("encoding.codec", "prores_ks"), setting("encoding.codec", "ffv1")
        raise OutputError(
            f"{path}: {codec.name} cannot hold alpha; choose {prores} (.mov), {ffv1} (.mkv), "
            "or the name of a folder for images"
        )
    for bits in deep:
        for name in chroma:
            if (format := f"yuv{name}p{bits}") in known:
                return format
    raise OutputError(f"{path}: {codec.name} supports no pixel format available here; choose libx264")


def _known(codec: av.Codec) -> dict[str, Any]:
    """The encoder's own options by name."""
    return {option.name: option for option in CodecContext.create(codec, "w").supported_options.private}


def _quality(codec: av.Codec) -> str | None:
    """The option for constant quality; intermediate and lossless codecs have none."""
    known = _known(codec)
    return next((name for name in ("crf", "cq") if name in known), None)


def _options(codec: av.Codec, settings: ClipEncoding, format: str, path: Path) -> dict[str, str]:
    """Quality and preset as the encoder's own options."""
    known = _known(codec)
    options: dict[str, str] = {}
    quality = _quality(codec)
    if quality is not None:
        options[quality] = str(settings.crf)
    elif not (codec.lossless or codec.intra_only):
        raise OutputError(f"{path}: {settings.codec} has no constant quality; choose libx264 or libx265")
    elif settings.crf != ClipEncoding().crf:
        raise SettingsError("encoding.crf", settings.crf, f"{settings.codec} has no quality setting; omit it")
    if settings.codec.startswith("libx26"):
        if settings.preset not in _X26X_PRESETS:
            known_presets = ", ".join(_X26X_PRESETS)
            raise SettingsError("encoding.preset", settings.preset, f"unknown; choose one of {known_presets}")
        options["preset"] = settings.preset
        if settings.codec == "libx265":
            options["x265-params"] = "log-level=error"  # it logs to the terminal itself
    elif "preset" in known:
        if known["preset"].choices or settings.preset.isdecimal():
            options["preset"] = settings.preset
        elif settings.preset != ClipEncoding().preset:
            raise SettingsError("encoding.preset", settings.preset, f"{settings.codec} numbers its presets")
    elif settings.preset != ClipEncoding().preset:
        raise SettingsError("encoding.preset", settings.preset, f"{settings.codec} has no presets; omit it")
    if codec.name.startswith("prores") and "444" in format:
        options["profile"] = _PRORES_4444
    return options
