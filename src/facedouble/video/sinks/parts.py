"""Results made in parts that survive the run that made them.

A clip's part is encoded on its own and kept in the work folder; at the end the parts are concatenated without
re-encoding. Every part gets a fresh encoder, so its packets do not depend on which run made the parts in
front of it, and the result is bit-identical. The images of a folder lie in their final place; a part is a
list of their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from facedouble.errors import OutputError
from facedouble.files import claim, sync_path
from facedouble.settings.video import ClipEncoding
from facedouble.video.frame import Frame
from facedouble.video.image_formats import ImageFormat
from facedouble.video.info import SourceInfo
from facedouble.video.libav import LIBAV_ERRORS
from facedouble.video.sinks.base import Marking, Sink, may_pass, write_error
from facedouble.video.sinks.clip import check_size
from facedouble.video.sinks.container import ClipFile
from facedouble.video.sinks.encoder import Encoder, Encoding, is_held
from facedouble.video.sinks.folder import FolderSink, remove_images
from facedouble.video.sinks.packets import concatenate, write_packets
from facedouble.video.sinks.stream_copy import Span
from facedouble.video.sinks.work_folder import WorkFolder

_PACKETS = ".packets"


class PartsSink(Sink, Protocol):
    """A sink whose finished parts survive it."""

    @property
    def parts(self) -> Sequence[dict[str, Any]]:
        """The records of all finished parts, those of earlier runs included."""
        ...

    def finish_part(self, record: dict[str, Any]) -> None:
        """Store what was written since the last part as a part with this ``record``.

        Raises ``OutputError``.
        """
        ...

    def trim(self, spans: Sequence[Span]) -> None:
        """Before ``close``: keep only these spans of the source's sound, subtitles and chapters."""
        ...


class ClipParts(PartsSink):
    """A clip made in parts; see :class:`.clip.ClipSink` for its properties."""

    def __init__(
        self,
        path: Path,
        like: SourceInfo,
        settings: ClipEncoding,
        work: WorkFolder,
        *,
        audio_from: Path | None,
        marking: Marking | None,
        alpha: bool,
    ) -> None:
        self._path, self._like, self._work = path, like, work
        self._audio_from, self._marking = audio_from, marking
        self._encoding = Encoding.choose(path, like, settings, alpha=alpha)
        self._encoder: Encoder | None = None
        self._last: Frame | None = None  # of the part; written once it is known whether another follows
        self._spans: Sequence[Span] | None = None
        self._done = False
        work.make()
        try:
            trial = self._open_file()  # fail now if the container cannot hold a stream
            self.remarks: Sequence[str] = trial.remarks
            trial.abort()
        except BaseException:
            work.remove_if_empty()
            raise

    @property
    def parts(self) -> Sequence[dict[str, Any]]:
        return self._work.parts

    def write(self, frame: Frame) -> None:
        frame = frame.loaded()
        check_size(self._path, frame, self._encoding)
        try:
            if self._encoder is None:
                self._encoder = Encoder(self._encoding)
                claim(self._draft)
                self._packets = self._draft.open("wb")
            if self._last is not None:
                write_packets(self._packets, self._encoder.encode(self._last))
            self._last = frame
        except LIBAV_ERRORS as error:
            raise self._failed(error) from error

    def finish_part(self, record: dict[str, Any]) -> None:
        try:
            if self._encoder is not None and self._last is not None:
                if is_held(self._last, self._encoding):
                    write_packets(self._packets, self._encoder.flush())
                    write_packets(self._packets, Encoder(self._encoding).encode_held(self._last))
                else:
                    write_packets(self._packets, self._encoder.encode(self._last))
                    write_packets(self._packets, self._encoder.flush())
                self._last = None
                self._packets.close()
                self._encoder = None
                sync_path(self._draft)
                self._draft.replace(self._work.file(len(self.parts), _PACKETS))
            self._work.record(record)
        except LIBAV_ERRORS as error:
            raise self._failed(error) from error

    def trim(self, spans: Sequence[Span]) -> None:
        self._spans = spans

    def close(self) -> None:
        if self._done:
            return
        files = [self._work.file(number, _PACKETS) for number in range(len(self.parts))]
        files = [file for file in files if file.exists()]  # a part whose frames were all discarded has none
        try:
            if not files:
                raise OutputError(f"{self._path}: there is no frame to write")
            self._concatenate(files)
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
        self._work.remove_if_empty()

    def _concatenate(self, files: list[Path]) -> None:
        clip = self._open_file()
        try:
            clip.mux(concatenate(files, self._encoding.time_base, clip.stream))
            clip.finish()
        except LIBAV_ERRORS as error:
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

    def _failed(self, error: BaseException) -> OutputError:
        resumes = self.parts and may_pass(error)
        kept = "; finished parts are kept, and the same command resumes" if resumes else ""
        return OutputError(f"{write_error(self._path, error)}{kept}")


class FolderParts(FolderSink, PartsSink):
    """A folder of images made in parts."""

    def __init__(
        self,
        path: Path,
        work: WorkFolder,
        *,
        format: ImageFormat,
        overwrite: bool,
        marking: Marking | None,
        alpha: bool,
        like: SourceInfo | None = None,
    ) -> None:
        self._work = work
        self._resumes = work.exists
        for record in work.discarded_parts:
            remove_images(path, record.get("images"))
        super().__init__(
            path,
            format=format,
            overwrite=overwrite or self._resumes,
            marking=marking,
            alpha=alpha,
            like=like,
        )
        for number, record in enumerate(work.parts):
            if not self.adopt(record["images"]):
                work.discard_from(number)
                break
        work.make()

    @property
    def parts(self) -> Sequence[dict[str, Any]]:
        return self._work.parts

    def finish_part(self, record: dict[str, Any]) -> None:
        try:
            for name in self._unfinished:
                sync_path(self._path / name)
            self._work.record({**record, "images": self._unfinished})
        except OSError as error:
            raise write_error(self._path, error) from error
        self._unfinished = []

    def trim(self, spans: Sequence[Span]) -> None:
        """Does nothing: a folder has no other streams."""

    def close(self) -> None:
        super().close()
        self._work.remove()

    def abort(self) -> None:
        super().abort()
        # As long as images of a run that was killed may lie there, the work folder says whose they are:
        # without it the same command would be refused.
        if not (self._resumes and self._path.exists() and any(self._path.iterdir())):
            self._work.remove_if_empty()
