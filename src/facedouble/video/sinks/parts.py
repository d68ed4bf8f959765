"""Results that are made in parts, each of which outlives the run that made it.

A clip's part is encoded on its own and kept in the work folder; the parts are put in one row at the end,
without being encoded again. An encoder that begins anew with each part makes the same of it whether or
not the parts before were made in the same run, so the result is the same to the bit. A folder's images
lie where they belong; a part of it is the names of some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import av.error

from facedouble.config import VideoSettings
from facedouble.errors import OutputError
from facedouble.types import Frame
from facedouble.video.image_formats import ImageFormat
from facedouble.video.picture import Picture, Shown
from facedouble.video.sinks.base import Marking, Sink, picture_of, unwritable
from facedouble.video.sinks.clip import check_size
from facedouble.video.sinks.container import ClipFile, flush
from facedouble.video.sinks.encoder import Encoder, Encoding
from facedouble.video.sinks.folder import FolderSink
from facedouble.video.sinks.packets import in_a_row, write_packets
from facedouble.video.sinks.streams import Span
from facedouble.video.sinks.work import Work
from facedouble.video.source import SourceInfo

_PACKETS = ".packets"


class PartsSink(Sink, Protocol):
    """A sink whose finished parts outlive it."""

    @property
    def parts(self) -> Sequence[dict[str, Any]]:
        """What :meth:`end_part` was told of every part that is done, those of earlier runs included."""
        ...

    def end_part(self, record: dict[str, Any]) -> None:
        """What was written since the part before is a part: keep it, with ``record``.

        Raises ``OutputError``.
        """
        ...

    def cut(self, spans: Sequence[Span]) -> None:
        """Before the end: keep only this of the source's sound, subtitles and chapters."""
        ...


class ClipParts(PartsSink):
    """A clip made in parts; see :class:`.clip.ClipSink` for what it is like."""

    def __init__(
        self,
        path: Path,
        like: SourceInfo,
        settings: VideoSettings,
        work: Work,
        *,
        audio_from: Path | None,
        marking: Marking | None,
        alpha: bool,
    ) -> None:
        self._path, self._like, self._work = path, like, work
        self._audio_from, self._marking = audio_from, marking
        self._encoding = Encoding.choose(path, like, settings, alpha=alpha)
        self._encoder: Encoder | None = None
        self._spans: Sequence[Span] | None = None
        self._done = False
        work.make()
        try:
            self._open_file().abort()  # whatever the container cannot hold is known now
        except BaseException:
            work.tidy()
            raise

    @property
    def parts(self) -> Sequence[dict[str, Any]]:
        return self._work.parts

    def write(self, frame: Frame | Shown, picture: Picture | None = None) -> None:
        found = picture_of(frame, picture)
        check_size(self._path, frame, found, self._encoding)
        try:
            if self._encoder is None:
                self._encoder = Encoder(self._encoding)
                self._packets = self._draft.open("wb")
            write_packets(self._packets, self._encoder.encode(found, frame.pts, frame.time_base))
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def end_part(self, record: dict[str, Any]) -> None:
        try:
            if self._encoder is not None:
                write_packets(self._packets, self._encoder.flush())
                self._packets.close()
                self._encoder = None
                flush(self._draft)
                self._draft.replace(self._work.file(len(self.parts), _PACKETS))
            self._work.record(record)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def cut(self, spans: Sequence[Span]) -> None:
        self._spans = spans

    def close(self) -> None:
        if self._done:
            return
        files = [self._work.file(number, _PACKETS) for number in range(len(self.parts))]
        files = [file for file in files if file.exists()]  # a part whose frames were all left out has none
        try:
            if not files:
                raise OutputError(f"{self._path}: there was no frame to write")
            self._put_together(files)
            self._work.remove()
        except BaseException:
            self.abort()
            raise
        self._done = True

    def abort(self) -> None:
        if self._done:
            return
        self._done = True
        if self._encoder is not None:
            self._packets.close()
            self._draft.unlink(missing_ok=True)
        self._work.tidy()

    def _put_together(self, files: list[Path]) -> None:
        clip = self._open_file()
        try:
            clip.mux(in_a_row(files, self._encoding.time_base, clip.stream))
            clip.finish()
        except (av.error.FFmpegError, OSError) as error:
            clip.abort()
            raise self._failed(error) from error
        except BaseException:
            clip.abort()
            raise

    @property
    def _draft(self) -> Path:
        return self._work.folder / "part.new"

    def _open_file(self) -> ClipFile:
        return ClipFile(
            self._path,
            self._work.folder / f"whole{self._path.suffix}",
            self._like,
            self._encoding,
            audio_from=self._audio_from,
            marking=self._marking,
            spans=self._spans,
        )

    def _failed(self, error: Exception) -> OutputError:
        kept = "; what is done is kept, the same command goes on with it" if self.parts else ""
        return OutputError(f"{unwritable(self._path, error)}{kept}")


class FolderParts(FolderSink, PartsSink):
    """A folder of images made in parts."""

    def __init__(
        self,
        path: Path,
        work: Work,
        *,
        format: ImageFormat,
        overwrite: bool,
        marking: Marking | None,
        alpha: bool,
    ) -> None:
        self._work = work
        overwrite = overwrite or work.found
        super().__init__(path, format=format, overwrite=overwrite, marking=marking, alpha=alpha)
        self._names: list[str] = []
        for number, record in enumerate(work.parts):
            if not self.keep(record["images"]):
                work.forget(number)
                break
        work.make()

    @property
    def parts(self) -> Sequence[dict[str, Any]]:
        return self._work.parts

    def write(self, frame: Frame | Shown, picture: Picture | None = None) -> None:
        super().write(frame, picture)
        self._names.append(self.name_of(frame))

    def end_part(self, record: dict[str, Any]) -> None:
        try:
            for name in self._names:
                flush(self._path / name)
            self._work.record({**record, "images": self._names})
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._names = []

    def cut(self, spans: Sequence[Span]) -> None:
        """A folder holds nothing that could be cut."""

    def close(self) -> None:
        super().close()
        self._work.remove()

    def abort(self) -> None:
        super().abort()
        self._work.tidy()
