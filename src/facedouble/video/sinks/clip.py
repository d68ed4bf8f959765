"""A clip, written from its first frame to its last in one go."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from facedouble.config import VideoSettings
from facedouble.errors import OutputError
from facedouble.types import Frame
from facedouble.video.picture import Picture, Shown, size_of
from facedouble.video.sinks.base import Marking, Sink, alone, picture_of
from facedouble.video.sinks.container import ClipFile
from facedouble.video.sinks.encoder import Encoding
from facedouble.video.source import SourceInfo


class ClipSink(Sink):
    """A clip, written beside its final name and renamed when it is whole.

    *Times.* Every frame keeps its time, so a variable rate stays variable and the sound stays in
    step. MP4 and MOV keep the source's time base; Matroska and WebM count in milliseconds, and move
    sound and picture together where a time is below 0.

    *Colours.* Planes are encoded as they are, by the matrix and range that ``like`` names, and the tags
    are written as they were. RGB becomes YUV by the same rules as in ``ClipSource``. ``like`` may be held
    as RGB itself (a folder): the clip then has BT.709 from 720 lines up, BT.601 below, limited range, and
    says so.

    *Pixels.* As many bits as the source has, if the encoder has them. Encoders made for editing and
    those without loss (ProRes, FFV1) keep as much chroma as the source has; others write 4:2:0. H.264 and
    H.265 have that only for even sizes, so a clip of an odd width or height is 4:4:4, which VLC,
    FFmpeg and editors read but browsers and QuickTime may not. Interlaced clips become progressive ones.

    *The rest.* The packets of every sound stream of ``audio_from`` are copied as they are; of the source
    itself its subtitles and chapters too. Data streams are not; the timecode of MOV and MP4 and what the
    container can hold of the source's metadata are.

    *Quality.* ``settings.crf`` goes to the encoder's constant quality (``crf``, NVENC's ``cq``).
    Encoders without one are accepted when they are lossless or made for editing (FFV1, ProRes).
    """

    def __init__(
        self,
        path: Path,
        like: SourceInfo,
        settings: VideoSettings,
        *,
        audio_from: Path | None = None,
        marking: Marking | None = None,
        alpha: bool = False,
    ) -> None:
        self._path = path
        self._encoding = Encoding.choose(path, like, settings, alpha=alpha)
        self._frames = 0
        self._done = False
        draft = path.with_name(f".{path.stem}.partial{path.suffix}")
        with ExitStack() as held:
            held.enter_context(alone(path))
            self._file = ClipFile(path, draft, like, self._encoding, audio_from=audio_from, marking=marking)
            self._held = held.pop_all()

    def write(self, frame: Frame | Shown, picture: Picture | None = None) -> None:
        found = picture_of(frame, picture)
        check_size(self._path, frame, found, self._encoding)
        encoded = self._encoding.frame(found, frame.pts, frame.time_base)
        self._file.attempt(lambda: self._file.mux(self._file.stream.encode(encoded)))
        self._frames += 1

    def close(self) -> None:
        if self._done:
            return
        try:
            if not self._frames:
                raise OutputError(f"{self._path}: there was no frame to write")
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

    def _finish(self) -> None:
        self._file.mux(self._file.stream.encode(None))
        self._file.finish()


def check_size(path: Path, frame: Frame | Shown, picture: Picture, encoding: Encoding) -> None:
    """Raises ``OutputError`` for a picture of another size than the clip."""
    width, height = size_of(picture)
    if (width, height) != (encoding.width, encoding.height):
        raise OutputError(
            f"{path}: frame {frame.index} is {width}x{height}, the clip is "
            f"{encoding.width}x{encoding.height}; all frames of a clip have one size"
        )
