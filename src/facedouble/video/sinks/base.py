"""What every sink offers, and what is said of a result in all its files."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av.error

from facedouble.errors import OutputError
from facedouble.files import locked
from facedouble.types import Frame
from facedouble.video.picture import Picture, Shown
from facedouble.video.source import reason


class Sink(Protocol):
    """Takes frames in presentation order. A context manager: leaving it by an exception aborts."""

    def write(self, frame: Frame | Shown, picture: Picture | None = None) -> None:
        """Write ``picture``, or the frame's own, with the frame's time or name.

        Raises ``OutputError`` when it cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish: the output is whole once this returns. Raises ``OutputError``."""
        ...

    def abort(self) -> None:
        """Give up: what is unfinished is removed. After ``close`` it does nothing."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


@dataclass(frozen=True, slots=True)
class Marking:
    """How what is written is marked as synthetic, before it appears under its name.

    ``comment`` goes into a clip's ``comment`` and the text "Comment" of every PNG, ``tags`` among the
    other tags of a clip. ``image`` is called with the data of an image file and its name and returns what
    to write, ``beside`` with those of an image that cannot hold its credentials and returns what to
    write beside it; ``clip`` with the finished clip and the name it is about to get.
    """

    comment: str
    tags: Mapping[str, str] = field(default_factory=dict)
    image: Callable[[bytes, str], bytes] | None = None
    beside: Callable[[bytes, str], bytes] | None = None
    clip: Callable[[Path, Path], object] | None = None


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every other run from writing ``path`` meanwhile. Raises ``OutputError`` when one is at it, or the
    place cannot be written to."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(path.with_name(f".{path.name}.lock")))
        except BlockingIOError as error:
            raise OutputError(
                f"{path}: another run is writing it; wait for its end, or choose another output"
            ) from error
        except OSError as error:
            raise unwritable(path, error) from error
        yield


def picture_of(frame: Frame | Shown, picture: Picture | None) -> Picture:
    """What is to be written for a frame."""
    if picture is not None:
        return picture
    return frame.image if isinstance(frame, Frame) else frame.picture


def unwritable(path: Path, error: Exception) -> OutputError:
    """What to raise where the system or the encoder says that ``path`` cannot be written: why, and what to
    do about it."""
    return OutputError(f"{path}: cannot be written ({reason(error)}){_advice(error)}")


def _advice(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "; make room there, or choose another place"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "; choose a place where you may write"
    if isinstance(error, av.error.ExternalError):
        return "; the encoder refused: check the codec, its preset and crf"
    return ""
