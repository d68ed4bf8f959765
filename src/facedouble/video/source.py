"""One way to read frames, whether they come from a clip or from a folder of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from facedouble.errors import InputError
from facedouble.run.run import Run
from facedouble.settings.reading import Reading
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame import Frame
from facedouble.video.images import IMAGE_SUFFIXES
from facedouble.video.index import SourceIndex
from facedouble.video.info import SourceInfo
from facedouble.video.sequences import is_there


class Source(Protocol):
    """Frames in presentation order, any span of them, as often as asked.

    ``first`` and ``last`` are frame numbers, ``last`` exclusive, ``None`` for the end. A span has the same
    frames, times and samples as the same part of the whole, but is reached without decoding all that is in
    front of it.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def remarks(self) -> Sequence[str]:
        """What has to be said of the source, a line each: what is converted, and what is lost."""
        ...

    @property
    def index(self) -> SourceIndex:
        """All frames by time. Raises ``InputError`` for a damaged source."""
        ...

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        """The frames of a span; times rise strictly. Raises ``InputError`` where a clip cannot be read; an
        image of a folder does so when its pixels are asked for."""
        ...


_told: WeakKeyDictionary[Run, set[str]] = WeakKeyDictionary()


@contextmanager
def reported(source: Source, run: Run) -> Iterator[None]:
    """Report what has to be said of a source, once in a run: what is known of it when it is opened, and after
    it was read what was seen in it."""
    told = _told.setdefault(run, set())

    def report() -> None:
        for remark in source.remarks:
            if remark not in told:
                told.add(remark)
                run.warn("source.remark", remark)

    report()
    yield
    report()


def open_source(path: Path, reading: Reading | None = None) -> Source:
    """Open a clip, a folder of images or a sequence in it, within the limits of ``reading``. Raises
    ``InputError`` with what is wrong."""
    if not is_there(path):
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return FolderSource(path, reading)
    return ClipSource(path, reading)
