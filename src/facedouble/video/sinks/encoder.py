"""The encoder, and every choice that is made before the first frame."""

from __future__ import annotations

import re
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
from facedouble.video.exr_plates import PlateFile
from facedouble.video.frame import Frame
from facedouble.video.frame_extras import has_alpha, is_light, without_alpha
from facedouble.video.images import ImageFile
from facedouble.video.info import SourceInfo
from facedouble.video.planes import LAYOUTS, to_format
from facedouble.video.plates import Plate
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
_HDR = {16: "HDR (PQ)", 18: "HDR (HLG)"}  # by the transfer function's number in H.273
_EXTRA_PARAMETERS = {
    "libx264": {"mastering": "mastering-display", "light": "cll"},
    "libx265": {"mastering": "master-display", "light": "max-cll"},
}

_PRORES_4444 = "4"  # FFmpeg's number of the profile
_OTHER_NAMES = {"dnxhr": "dnxhd"}  # one encoder of FFmpeg's for two codecs
_DNXHR = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx", "yuv444p10le": "dnxhr_444"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder's settings, and the colour coding of its input.

    ``tags`` are range, matrix, primaries and transfer of the stream (ITU-T H.273). ``streams`` chooses what
    is copied beside the picture. ``remarks`` says what the encoder cannot hold of the source.
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
    streams: str = "all"
    remarks: tuple[str, ...] = ()

    @classmethod
    def choose(cls, path: Path, like: SourceInfo, settings: ClipEncoding, *, alpha: bool = False) -> Encoding:
        """The encoding of a clip ``path`` whose frames have the size, times and colours of ``like``.

        Raises ``OutputError`` for an encoder that is not there or takes no such pixels, ``SettingsError``
        for a preset that it does not have.
        """
        codec = _encoder(settings.codec, path)
        kept = not alpha and has_alpha(like.pixel_format)
        format = (_alpha_format(codec, like, own=True) if kept else None) or _pixel_format(
            codec, like, path, alpha=alpha
        )
        options = _options(codec, settings, format, path)
        remarks = [
            *_lost_light(like),
            *_lost_alpha(codec, format, kept=kept),
            *_add_extras(options, codec, format, like),
        ]
        full_range = is_full_range(like.colour_range, like.pixel_format)
        range_tag, matrix_tag = like.colour_range, like.colour_matrix
        if av.VideoFormat(like.pixel_format).is_rgb:
            full_range, range_tag = False, int(ColorRange.MPEG)
            if like.colour_matrix in (0, UNSPECIFIED):
                matrix_tag = 1 if like.height >= 720 else 6
        return cls(
            codec=codec.name,
            options=options,
            pixel_format=format,
            colour=YuvColour(matrix_of(like.colour_matrix, like.height, path), full_range),
            tags=(range_tag, matrix_tag, like.colour_primaries, like.colour_transfer),
            width=like.width,
            height=like.height,
            rate=like.rate,
            time_base=like.time_base,
            sample_aspect=like.sample_aspect,
            streams=settings.streams,
            remarks=tuple(remarks),
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
        if isinstance(content, Plate):
            content = source.channels()
        assert not isinstance(content, ImageFile | PlateFile)
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
        codec = av.Codec(_OTHER_NAMES.get(name, name), "w")
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
    deep = _depths(depth)
    odd = like.width % 2 or like.height % 2
    layout = LAYOUTS.get(without_alpha(like.pixel_format))
    chroma = ["444", "420"] if odd else ["420", "422", "444"]
    if _quality(codec) is None:
        if layout is not None and not odd:
            own = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}[layout[:2]]
            chroma = _CHROMA_PREFERENCE[own]
        elif source.is_rgb:
            chroma = ["444", "422", "420"]
    known = {format.name for format in codec.video_formats or ()}
    if alpha:
        if found := _alpha_format(codec, like, own=False):
            return found
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


def _depths(depth: int) -> list[str]:
    """Endings of pixel formats to try, by the bits of the source: as many, rather more than fewer."""
    return ["10le", "12le", ""] if 8 < depth <= 10 else ["12le", "10le", ""] if depth > 10 else ["", "10le"]


def _alpha_format(codec: av.Codec, like: SourceInfo, *, own: bool) -> str | None:
    """The encoder's input format with alpha, ``None`` if it has none; in the source's ``own`` chroma
    subsampling where that is wanted and possible."""
    if codec.name.startswith("libvpx"):
        return None  # alpha is beside its packets, where parts and other decoders lose it
    known = {format.name for format in codec.video_formats or ()}
    depth = max(component.bits for component in av.VideoFormat(like.pixel_format).components)
    layout = LAYOUTS.get(without_alpha(like.pixel_format))
    first = [{(1, 1): "420", (1, 0): "422", (0, 0): "444"}[layout[:2]]] if layout and own else []
    for bits in _depths(depth):
        for name in (*first, "444", "422", "420"):
            if (format := f"yuva{name}p{bits}") in known:
                return format
    return None


def _lost_light(like: SourceInfo) -> list[str]:
    if not is_light(like.pixel_format):
        return []
    exr = setting("encoding.format", "exr")
    return [
        f"a clip holds no light: highlights are clipped at white; a folder of images with {exr} keeps them"
    ]


def _lost_alpha(codec: av.Codec, format: str, *, kept: bool) -> list[str]:
    if not kept or has_alpha(format):
        return []
    prores, ffv1 = setting("encoding.codec", "prores_ks"), setting("encoding.codec", "ffv1")
    return [
        f"the source's alpha is left out: {codec.name} cannot hold it; {prores} (.mov) and {ffv1} (.mkv) can"
    ]


def _add_extras(options: dict[str, str], codec: av.Codec, format: str, like: SourceInfo) -> list[str]:
    """Add what comes with the source's pixels to the encoder's ``options``; a line on what it cannot hold."""
    remarks = []
    deep = max(component.bits for component in av.VideoFormat(format).components) > 8
    hdr = _HDR.get(like.colour_transfer)
    x265 = setting("encoding.codec", "libx265")
    if hdr and not deep:
        remarks.append(f"{hdr} is written in 8 bits, which shows bands; {x265} keeps 10")
    elif deep and codec.name == "libx264":
        what = hdr or "more than 8 bits"
        remarks.append(f"{what} is written as H.264 High 10, which few players show; more show {x265}")
    extras = (
        (like.mastering_display, "mastering", "the mastering display of its HDR grading is"),
        (like.light_level, "light", "the light levels of its HDR grading are"),
    )
    for value, name, what in extras:
        parameter = _EXTRA_PARAMETERS.get(codec.name, {}).get(name)
        if not value or not re.fullmatch(r"[0-9A-Z(),]{1,120}", value):
            continue
        if parameter is None or not deep:
            remarks.append(f"{what} left out: {codec.name} in {format} is not told of it")
        else:
            _add_parameter(options, codec, f"{parameter}={value}")
    if like.field_order and codec.name == "libx264":
        _add_parameter(options, codec, "tff=1" if like.field_order == "top" else "bff=1")
    elif like.field_order:
        x264 = setting("encoding.codec", "libx264")
        remarks.append(f"the source is interlaced, and the result does not say so; {x264} does")
    if like.lost_extras:
        remarks.append(f"{like.lost_extras} is left out")
    return remarks


def _add_parameter(options: dict[str, str], codec: av.Codec, text: str) -> None:
    name = "x265-params" if codec.name == "libx265" else "x264-params"
    options[name] = f"{options[name]}:{text}" if name in options else text


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
    if settings.codec == "dnxhr":
        options["profile"] = _DNXHR[format]
    if codec.name.startswith("prores") and "444" in format:
        options["profile"] = _PRORES_4444
    return options
