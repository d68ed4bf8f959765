"""A clip written from first frame to last in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from facedouble.errors import OutputError
from facedouble.files import hidden_beside
from facedouble.run.locks import hold
from facedouble.settings.video import ClipEncoding
from facedouble.video.frame import Frame
from facedouble.video.info import SourceInfo
from facedouble.video.sinks.base import Marking, Sink
from facedouble.video.sinks.container import ClipFile
from facedouble.video.sinks.encoder import Encoder, Encoding, is_held


class ClipSink(Sink):
    """A clip, written under a temporary name and renamed when it is complete.

    *Times.* Every frame keeps its time, so a variable rate stays variable and the sound stays in sync. MP4
    and MOV keep the source's time base. Matroska and WebM count in milliseconds, and shift sound and
    picture together where a time is negative.

    *Colours.* Planes are encoded unchanged, with the matrix and range of ``like``, and its tags are written
    unchanged. RGB becomes YUV by the rules of ``ClipSource``. If ``like`` is RGB itself (a folder), the clip
    gets BT.709 from 720 lines up, BT.601 below, limited range, and the matching tags.

    *Pixels.* As many bits as the source has, if the encoder supports them. Intermediate and lossless codecs
    (ProRes, FFV1) keep the source's chroma subsampling; others write 4:2:0. H.264 and H.265 support that
    for even sizes only, so a clip of odd width or height is 4:4:4, which VLC, FFmpeg and editors read but
    browsers and QuickTime may not. Interlaced clips become progressive.

    *Other streams.* The packets of every sound stream of ``audio_from`` are copied; if that is the source
    itself, its subtitles and chapters too. Data streams are not copied; the timecode of MOV and MP4 and as
    much of the source's metadata as the container can hold are.

    *Quality.* ``settings.crf`` sets the encoder's constant quality (``crf``, NVENC's ``cq``). Encoders
    without one are accepted when they are lossless or intermediate codecs (FFV1, ProRes).
    """

    def __init__(
        self,
        path: Path,
        like: SourceInfo,
        settings: ClipEncoding,
        *,
        audio_from: Path | None = None,
        marking: Marking | None = None,
        alpha: bool = False,
    ) -> None:
        self._path = path
        self._encoding = Encoding.choose(path, like, settings, alpha=alpha)
        self._last: Frame | None = None  # written once it is known whether another follows
        self._done = False
        draft = hidden_beside(path.with_name(path.stem), f".partial{path.suffix}")
        with ExitStack() as held:
            held.enter_context(hold(path))
            self._file = ClipFile(path, draft, like, self._encoding, audio_from=audio_from, marking=marking)
            self.remarks: Sequence[str] = self._file.remarks
            self._held = held.pop_all()

    def write(self, frame: Frame) -> None:
        frame = frame.loaded()
        check_size(self._path, frame, self._encoding)
        if self._last is not None:
            self._encode(self._last)
        self._last = frame

    def close(self) -> None:
        if self._done:
            return
        try:
            if self._last is None:
                raise OutputError(f"{self._path}: there is no frame to write")
            self._file.attempt(self._finish)
        except BaseException:
            self.abort()
            raise
        self._done = True
        self._held.close()

    def abort(self) -> None:
        if self._done:
            return
        self._done = True
        self._file.abort()
        self._held.close()

    def _encode(self, frame: Frame) -> None:
        encoded = self._encoding.frame(frame)
        self._file.attempt(lambda: self._file.mux(self._file.stream.encode(encoded)))

    def _finish(self) -> None:
        last = self._last
        assert last is not None
        held = is_held(last, self._encoding)
        if not held:
            self._encode(last)
        self._file.mux(self._file.stream.encode(None))
        if held:
            for packet in Encoder(self._encoding).encode_held(last):
                packet.dts, packet.stream = packet.pts, self._file.stream
                self._file.mux([packet])
        self._file.finish()


def check_size(path: Path, frame: Frame, encoding: Encoding) -> None:
    """Raises ``OutputError`` when a frame differs in size from the clip."""
    width, height = frame.size
    if (width, height) != (encoding.width, encoding.height):
        raise OutputError(
            f"{path}: frame {frame.index} is {width}x{height}, the clip is "
            f"{encoding.width}x{encoding.height}; all frames of a clip have one size"
        )
