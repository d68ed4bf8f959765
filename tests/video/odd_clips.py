"""Clips with the peculiarities of real containers and codecs, made with PyAV: small, and different in every
frame, so that a frame out of place shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from facedouble.video.images import write_png

COUNT = 90
SIZE = (96, 64)  # width, height


def picture(index: int, format: str = "yuv420p", size: tuple[int, int] = SIZE) -> av.VideoFrame:
    """A moving pattern with some noise; every index has another."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(index).integers(0, 24, (height, width))
    rgb = np.stack(
        [
            120 + 80 * np.sin((x + 3 * index) / 9) + noise,
            120 + 80 * np.cos((y - 2 * index) / 7) + noise,
            (x + y + 5 * index) % 256,
        ],
        axis=-1,
    )
    return av.VideoFrame.from_ndarray(np.clip(rgb, 0, 255).astype(np.uint8), format="rgb24").reformat(
        format=format
    )


def write(
    path: Path,
    codec: str,
    *,
    options: dict[str, str] | None = None,
    format: str = "yuv420p",
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    muxer: dict[str, str] | None = None,
    gop: int = 12,
    b_frames: int | None = None,
    count: int = COUNT,
    begin: int = 0,
    turn: float | None = None,
    sound: bool = False,
) -> Path:
    """A clip of ``count`` pictures, the first of them number ``begin``."""
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=25, time_base=time_base)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, format
        stream.codec_context.gop_size = gop
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        stream.codec_context.options = options or {}
        if turn is not None:
            stream.set_display_rotation(turn)
        voice = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for index in range(count):
            frame = picture(begin + index, format)
            frame.pts, frame.time_base = (times[index] if times else index), time_base
            container.mux(stream.encode(frame))
            if voice is not None:
                samples = np.zeros((1, 1920), np.float32)
                part = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = 48_000, index * 1920, Fraction(1, 48_000)
                container.mux(voice.encode(part))
        container.mux(stream.encode(None))
        if voice is not None:
            container.mux(voice.encode(None))
    return path


X264 = {"crf": "20", "preset": "veryfast"}
OPEN_GOP = X264 | {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-pyramid=normal:scenecut=0"}
REFRESH = X264 | {"x264-params": "intra-refresh=1:keyint=15:bframes=0:scenecut=0"}
HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=1:keyint=12:min-keyint=12:bframes=3"}


def remux(
    source: Path, target: Path, *, skip: int = 0, late: int = 0, muxer: dict[str, str] | None = None
) -> Path:
    """The video packets of a clip in another container, without the first ``skip``, ``late`` ticks later."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=muxer or {}) as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for number, packet in enumerate(old.demux(old.streams.video[0])):
            if packet.pts is None or packet.dts is None or number < skip:
                continue
            packet.pts, packet.dts = packet.pts + late, packet.dts + late
            packet.stream = stream
            new.mux(packet)
    return target


def _variable(count: int = COUNT) -> list[int]:
    steps = np.random.default_rng(5).integers(1, 70, count)
    return [int(time) for time in 70 + np.cumsum(steps)]


def _edited(path: Path) -> Path:
    """An edit list that begins in the middle of a GOP: 7 frames are hidden at the start."""
    whole = write(path.with_name("whole.mp4"), "libx264", options=X264, b_frames=2)
    return _hide(whole, path, 7, 80)


def _hide(source: Path, target: Path, first: int, last: int) -> Path:
    """A copy whose edit list (ISO 14496-12, elst) shows frames ``first`` to ``last`` only."""
    with av.open(str(source)) as clip:
        stream = clip.streams.video[0]
        assert stream.time_base is not None
        ticks = stream.time_base.denominator
        frame = ticks // 25
    data = bytearray(source.read_bytes())
    at = data.index(b"elst")
    entry = at + 12
    timescale = int.from_bytes(data[data.index(b"mvhd") + 16 : data.index(b"mvhd") + 20], "big")
    shown = (last - first + 1) * timescale // 25
    media = int.from_bytes(data[entry + 4 : entry + 8], "big", signed=True)
    data[entry : entry + 4] = shown.to_bytes(4, "big")
    data[entry + 4 : entry + 8] = (media + first * frame).to_bytes(4, "big", signed=True)
    target.write_bytes(data)
    return target


def _without_cues(path: Path) -> Path:
    """Matroska as it is streamed: unknown sizes, no cues."""
    return write(path, "libx264", options=X264, muxer={"live": "1"}, b_frames=2)


def _stepping_back(path: Path) -> Path:
    """An MPEG stream whose clock begins again in the middle."""
    halves = [
        write(path.with_name(f"{begin}.ts"), "mpeg2video", count=45, begin=begin, options={"qscale": "3"})
        for begin in (0, 45)
    ]
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    for index in range(COUNT):
        image = np.asarray(picture(index, "rgb24").to_ndarray(), np.uint8)
        write_png(path / f"shot_{index:04d}.png", image)
    return path


def _late(path: Path) -> Path:
    """An MPEG stream whose clock is at 5,000 seconds when it begins."""
    early = write(path.with_name("early.ts"), "mpeg2video", b_frames=2, options={"qscale": "3"})
    return remux(early, path, late=90_000 * 5000)


def _coarse(path: Path) -> Path:
    """Milliseconds are too coarse for its times: frames fall together."""
    times = [index * 3 for index in range(COUNT)]
    return write(path, "ffv1", times=times, time_base=Fraction(1, 10_000))


def _cut_open(path: Path) -> Path:
    """An MPEG stream that begins with an open GOP, whose leading frames have no references."""
    whole = write(path.with_name("cut_whole.ts"), "libx264", options=OPEN_GOP)
    with av.open(str(whole)) as clip:
        packets = [p for p in clip.demux(clip.streams.video[0]) if p.dts is not None]
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    return remux(whole, path, skip=keys[1])


MAKERS: dict[str, Callable[[Path], Path]] = {
    "plain.mp4": lambda path: write(path, "libx264", options=X264, b_frames=0),
    "b_frames.mp4": lambda path: write(path, "libx264", options=X264, b_frames=3, sound=True),
    "open_gop.mp4": lambda path: write(path, "libx264", options=OPEN_GOP),
    "open_gop.mkv": lambda path: write(path, "libx264", options=OPEN_GOP),
    "open_gop.ts": lambda path: write(path, "libx264", options=OPEN_GOP),
    "cut_open.ts": _cut_open,
    "refresh.mp4": lambda path: write(path, "libx264", options=REFRESH),
    "refresh.ts": lambda path: write(path, "libx264", options=REFRESH),
    "one_key.mp4": lambda path: write(path, "libx264", options=X264, gop=1000),
    "variable.mp4": lambda path: write(
        path, "libx264", options=X264, times=_variable(), time_base=Fraction(1, 1000), b_frames=2
    ),
    "variable.mkv": lambda path: write(
        path, "libx264", options=X264, times=_variable(), time_base=Fraction(1, 1000), b_frames=2
    ),
    "edited.mp4": _edited,
    "fragmented.mp4": lambda path: write(
        path, "libx264", options=X264, b_frames=2, muxer={"movflags": "frag_keyframe+empty_moov"}
    ),
    "capture.ts": lambda path: write(path, "libx264", options=X264, b_frames=2, sound=True),
    "late.ts": lambda path: remux(
        write(path.with_name("early.ts"), "mpeg2video", b_frames=2, options={"qscale": "3"}),
        path,
        late=90_000 * 5000,
    ),
    "no_cues.mkv": _without_cues,
    "mpeg2.mpg": lambda path: write(path, "mpeg2video", b_frames=2, options={"qscale": "3"}),
    "mpeg1.mpg": lambda path: write(path, "mpeg1video", options={"qscale": "3"}),
    "stepping_back.ts": _stepping_back,
    "mjpeg.avi": lambda path: write(path, "mjpeg", format="yuvj420p", options={"qscale": "3"}),
    "mpeg4.avi": lambda path: write(path, "mpeg4", options={"qscale": "3"}),
    "mpeg4_b.avi": lambda path: write(path, "mpeg4", b_frames=2, options={"qscale": "3"}),
    "h264.avi": lambda path: write(path, "libx264", options=X264, b_frames=2),
    "mpeg4_b.mp4": lambda path: write(path, "mpeg4", b_frames=2, options={"qscale": "3"}),
    "vp9.webm": lambda path: write(
        path,
        "libvpx-vp9",
        options={"crf": "30", "b": "0", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5"},
    ),
    "vp8.webm": lambda path: write(
        path,
        "libvpx",
        options={
            "b": "400k",
            "auto-alt-ref": "1",
            "lag-in-frames": "16",
            "cpu-used": "5",
            "arnr-maxframes": "5",
        },
    ),
    "av1.mp4": lambda path: write(path, "libsvtav1", options={"preset": "12", "crf": "40"}),
    "hevc.mp4": lambda path: write(path, "libx265", options=HEVC),
    "hevc.mkv": lambda path: write(path, "libx265", options=HEVC),
    "hevc.ts": lambda path: write(path, "libx265", options=HEVC),
    "prores.mov": lambda path: write(path, "prores_ks", format="yuv422p10le"),
    "moving.gif": lambda path: write(path, "gif", format="rgb8", count=40),
    "ffv1.mkv": lambda path: write(path, "ffv1"),
    "coarse.mkv": _coarse,
    "phone.mov": lambda path: write(path, "libx264", options=X264, b_frames=2, turn=90),
    "untimed.h264": lambda path: write(path, "libx264", options=X264, b_frames=2),
    "animation.mov": lambda path: write(path, "qtrle", format="rgb24", count=40),
    "video.flv": lambda path: write(path, "flv", options={"qscale": "3"}),
    "video.wmv": lambda path: write(path, "wmv2", options={"qscale": "3"}),
    "images": _folder,
}
