"""The interface of sinks, the marks they write, and the lock and errors of outputs."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from facedouble.errors import OutputError
from facedouble.video.frame import Frame
from facedouble.video.libav import is_refusal, reason

_PASSING = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
        *(errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN),
    }
)


class Sink(Protocol):
    """Takes frames in presentation order. A context manager: leaving it by an exception aborts.

    ``remarks`` says what the result does not have of its source, or has otherwise, a line each.
    """

    remarks: Sequence[str]

    def write(self, frame: Frame) -> None:
        """Write a frame, at its time or under its name.

        Raises ``OutputError`` when it cannot be written, ``InputError`` when its file cannot be read.
        """
        ...

    def close(self) -> None:
        """Finish; the output is complete once this returns. Raises ``OutputError``."""
        ...

    def abort(self) -> None:
        """Remove what is unfinished. Does nothing after ``close``."""
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
    """How results are marked as synthetic, before they appear under their names.

    ``comment`` becomes a clip's ``comment`` and the text "Comment" of every PNG; ``tags`` are added to a
    clip's tags. ``image(data, name)`` returns the marked bytes of an image file; ``sidecar(data, name)``
    returns the sidecar of an image that cannot embed credentials; ``clip(draft, name)`` marks a finished
    clip that is about to get its name. ``remark`` says in a line what of the source's own marks is
    not carried over.
    """

    comment: str
    tags: Mapping[str, str] = field(default_factory=dict)
    image: Callable[[bytes, str], bytes] | None = None
    sidecar: Callable[[bytes, str], bytes] | None = None
    clip: Callable[[Path, Path], object] | None = None
    remark: str | None = None


def write_error(path: Path, error: BaseException) -> OutputError:
    """The error for an output that the system or the encoder refuses: the reason and what to do."""
    return OutputError(f"{path}: cannot be written ({reason(error)}){_advice(error)}")


def may_pass(error: BaseException) -> bool:
    """Whether the same work may succeed later: something is short or forbidden now, and the data is sound."""
    return getattr(error, "errno", None) in _PASSING


def _advice(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "; free some space there, or choose another place"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "; choose a folder that you may write to"
    if is_refusal(error):
        return "; the encoder refused: check the codec, its preset and crf"
    return ""
