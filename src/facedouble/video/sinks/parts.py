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
from facedouble.files import claim, move, sync_path
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
PART = "part.packets"
"""The packets of one part, in a folder of its own."""


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

    def take_part(self, folder: Path, record: dict[str, Any]) -> None:
        """Take over the next part from ``folder``, where a :class:`PartSink` has written it, with its
        ``record``. Raises ``OutputError``, and ``InputError`` where something of it is missing."""
        ...

    def trim(self, spans: Sequence[Span]) -> None:
        """Before ``close``: keep only these spans of the source's sound, subtitles and chapters."""
        ...


class PacketFile:
    """The packets of one part of the clip ``path``, encoded on their own into the file ``draft``."""

    def __init__(self, path: Path, draft: Path, encoding: Encoding) -> None:
        self._path, self._draft, self._encoding = path, draft, encoding
        self._encoder: Encoder | None = None
        self._last: Frame | None = None  # written once it is known whether another follows

    def write(self, frame: Frame) -> None:
        """Raises ``OutputError`` for a frame of another size, and what libav raises."""
        frame = frame.loaded()
        check_size(self._path, frame, self._encoding)
        if self._encoder is None:
            self._encoder = Encoder(self._encoding)
            claim(self._draft)
            self._packets = self._draft.open("wb")
        if self._last is not None:
            write_packets(self._packets, self._encoder.encode(self._last))
        self._last = frame

    def finish(self, file: Path) -> None:
        """Give the packets of what was written the name ``file``; does nothing if that was nothing."""
        if self._encoder is None or self._last is None:
            return
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
        self._draft.replace(file)

    def abort(self) -> None:
        """Delete what was written and not finished."""
        if self._encoder is not None:
            self._packets.close()
            self._draft.unlink(missing_ok=True)


class PartSink(Protocol):
    """A sink for the frames of one part, which another sink takes (:meth:`PartsSink.take_part`)."""

    def write(self, frame: Frame) -> None:
        """Raises ``OutputError``."""
        ...

    def finish(self) -> dict[str, Any]:
        """Finish the part; what its record has to say besides."""
        ...


class ClipPart(PartSink):
    """A part of the clip ``path``, in ``folder``."""

    def __init__(self, folder: Path, path: Path, encoding: Encoding) -> None:
        self._folder, self._path = folder, path
        self._packets = PacketFile(path, folder / "part.new", encoding)

    def write(self, frame: Frame) -> None:
        try:
            self._packets.write(frame)
        except LIBAV_ERRORS as error:
            raise write_error(self._path, error) from error

    def finish(self) -> dict[str, Any]:
        try:
            self._packets.finish(self._folder / PART)
        except LIBAV_ERRORS as error:
            raise write_error(self._path, error) from error
        return {}


class FolderPart(FolderSink, PartSink):
    """Images of a part, in a folder of their own."""

    def finish(self) -> dict[str, Any]:
        return {"images": self._unfinished}


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
        self._part = PacketFile(path, work.folder / "part.new", self._encoding)
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
        try:
            self._part.write(frame)
        except LIBAV_ERRORS as error:
            raise self._failed(error) from error

    def finish_part(self, record: dict[str, Any]) -> None:
        try:
            self._part.finish(self._work.file(len(self.parts), _PACKETS))
            self._work.record(record)
        except LIBAV_ERRORS as error:
            raise self._failed(error) from error

    def take_part(self, folder: Path, record: dict[str, Any]) -> None:
        packets = folder / PART
        try:
            if packets.exists():  # there is none if all its frames were discarded
                move(packets, self._work.file(len(self.parts), _PACKETS))
            self._work.record(record)
        except OSError as error:
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
        self._part.abort()
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

    def take_part(self, folder: Path, record: dict[str, Any]) -> None:
        for name in record["images"]:
            self.take(folder / name)
        self.finish_part(record)

    def trim(self, spans: Sequence[Span]) -> None:
        """Does nothing: a folder has no other streams."""

    def close(self) -> None:
        if not self._done:
            super().close()
            self._work.remove()

    def abort(self) -> None:
        super().abort()
        # As long as images of a run that was killed may lie there, the work folder says whose they are:
        # without it the same command would be refused.
        if not (self._resumes and self._path.exists() and any(self._path.iterdir())):
            self._work.remove_if_empty()
