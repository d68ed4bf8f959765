"""FFmpeg's libraries as PyAV has them: how clips are opened, and what is raised when something is wrong.

Clips come from strangers. They are opened here and nowhere else: regular files only, by formats that read no
other file, and of no more pixels than a stated limit. Errors of PyAV are of many classes (its own, but also
``ValueError``, ``UnicodeDecodeError``, ``ZeroDivisionError`` and others for values that it did not expect);
modules catch :data:`LIBAV_ERRORS`.

Leave PyAV's logging off (as it is): a decoder closed while its threads log waits for itself forever.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import av.error
import av.filter
from av.container import InputContainer, OutputContainer
from av.sidedata.sidedata import Type as SideDataType

from facedouble.errors import InputError
from facedouble.files import check_regular
from facedouble.settings.reading import Reading
from facedouble.stores import StoredPath
from facedouble.video.mp4_tables import check_tables

LIBAV_ERRORS = (
    av.error.FFmpegError,
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    MemoryError,
    AssertionError,
)

# Demuxers that take everything from the one file they are given. Left out are playlists and scripts (HLS,
# DASH, concat, IMF), which name further files or addresses, network protocols, devices, and raw formats
# without any header, which take every file for a film.
_CLIPS = """
    apng asf av1 avi dirac dnxhd dv evc flv gif gxf h261 h263 h264 hevc ingenient ivf live_flv m4v
    matroska,webm matroska mjpeg mov,mp4,m4a,3gp,3g2,mj2 mov mp4 mpeg mpegts mpegvideo mpjpeg mxf nsv nut nuv
    obu ogg rm vc1 vc1test vvc webm wtv yuv4mpegpipe
"""
_SOUND = """
    aac ac3 ac4 aiff amr ape apac au caf dsf dts dtshd eac3 flac mlp mp3 mpc mpc8 oma opus qcp tak truehd
    tta voc w64 wav wv
"""
_PICTURES = """
    image2 bmp_pipe cri_pipe dds_pipe dpx_pipe exr_pipe gem_pipe gif_pipe hdr_pipe ico iff j2k_pipe jpeg_pipe
    jpegls_pipe jpegxl_anim jpegxl_pipe jpegxs_pipe pam_pipe pbm_pipe pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe
    pgx_pipe phm_pipe photocd_pipe pictor_pipe png_pipe ppm_pipe psd_pipe qdraw_pipe qoi_pipe sgi_pipe
    sunrast_pipe tiff_pipe vbn_pipe webp_pipe xbm_pipe xpm_pipe xwd_pipe
"""
_MAX_STREAMS = 256
_MAX_SIDE_DATA = 64  # FFmpeg 8 has 33 kinds of side data
_BLOCKS = 1_000_000
_TICK = Fraction(1, 1000)


def open_clip(path: Path, reading: Reading | None = None) -> InputContainer:
    """Open a clip, or a file of sound or a picture.

    Raises ``InputError`` for what is none, for anything but a regular file, for a list of other files, for
    frames of more pixels than ``reading`` allows, and for tables of samples that the file cannot have.
    """
    reading = reading or Reading()
    try:
        if not isinstance(path, StoredPath):
            check_regular(path)
        check_tables(path)
        # The "file:" keeps FFmpeg from taking a name such as "take:1.mp4" for an address.
        file = path.open("rb") if isinstance(path, StoredPath) else f"file:{path}"
        container = av.open(file, options=_options(reading.pixels), metadata_errors="replace")
    except LIBAV_ERRORS as error:
        raise InputError(f"{path}: cannot be opened as a clip ({reason(error)})") from error
    try:
        _limit_pixels(container, path, reading)
    except BaseException:
        container.close()
        raise
    return container


def create_clip(path: Path, format: str, options: dict[str, str]) -> OutputContainer:
    """Open a container of a ``format`` of FFmpeg's for writing. Raises one of :data:`LIBAV_ERRORS`."""
    return av.open(f"file:{path}", "w", format=format, options=options)


def open_trial(file: BinaryIO, format: str) -> OutputContainer:
    """A container of a ``format`` in memory, to see what it takes. Raises one of :data:`LIBAV_ERRORS`."""
    return av.open(file, "w", format=format)


def reason(error: BaseException) -> str:
    """The short message of an error of FFmpeg, PyAV or the system, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def side_data(frame: av.VideoFrame) -> dict[str, bytes]:
    """The side data of a frame by kind (PyAV's names). Kinds that PyAV does not know, such as Exif, are left
    out."""
    try:
        found = frame.side_data
    except ValueError:  # one of an unknown kind: PyAV then shows none at all
        found = _without_unknown(frame).side_data
    # PyAV's stub declares another type than what it gives.
    return {item.type.name: bytes(item) for item in cast(Any, found)}


def _without_unknown(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame without side data of kinds that PyAV has no name for."""
    known = {kind.value for kind in SideDataType}
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_TICK)]
    for number in sorted(set(range(_MAX_SIDE_DATA)) - known):
        nodes.append(graph.add("sidedata", f"mode=delete:type={number}"))
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    return cast(av.VideoFrame, graph.pull())


def is_refusal(error: BaseException) -> bool:
    """Whether an encoder's own library refused."""
    return isinstance(error, av.error.ExternalError)


def _options(limit: int) -> dict[str, str]:
    return {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join((_CLIPS + _SOUND + _PICTURES).split()),
        "pattern_type": "none",  # of image2: a name such as "take%03d.jpg" stands for itself
        "max_streams": str(_MAX_STREAMS),
        "max_pixels": str(_decoded(limit)),  # of the decoders that look at the first frames
    }


def _decoded(limit: int) -> int:
    """The limit for decoders, which fill up what they decode to whole blocks."""
    return limit + _BLOCKS


def _limit_pixels(container: InputContainer, path: Path, reading: Reading) -> None:
    """Hold every video stream to the pixels allowed, by its header now and while it is decoded."""
    for stream in container.streams.video:
        context = stream.codec_context
        if context is not None:  # FFmpeg may not know the codec
            reading.check(path, context.width, context.height)
            context.options = {"max_pixels": str(_decoded(reading.pixels))}
