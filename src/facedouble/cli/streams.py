"""Standard streams as the program needs them, whatever it was started with."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO


def escaped(text: str) -> str:
    """``text`` with control characters as escapes, but for line ends and tabs."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text
    )


class Output(io.TextIOWrapper):
    """A stream for text to be read. Characters that its encoding does not have are written as escapes, and so
    are control characters where there should be none (``plain``). Once nobody reads it any more
    (``| head -1``), what is written is dropped, so that work and exit code stay what they are."""

    plain = False

    def write(self, text: str, /) -> int:
        try:
            super().write(escaped(text) if self.plain else text)
        except BrokenPipeError:
            self._drop()
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        with contextlib.suppress(OSError):
            super().flush()


def prepare_streams() -> None:
    """Make standard input, output and errors usable. Those that were closed read or write nothing: without
    that, the next file to be opened would take their place, and libraries that print would write into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)  # takes the lowest free number
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = _prepared(sys.stdout, 1, plain=True)
    sys.stderr = _prepared(sys.stderr, 2, plain=False)


def _prepared(stream: TextIO | None, number: int, *, plain: bool) -> Output:
    encoding, lines = "utf-8", False
    if isinstance(stream, io.TextIOWrapper):
        encoding, lines = stream.encoding, stream.line_buffering
        stream.flush()
        raw = stream.detach()
    else:
        raw = open(number, "wb", closefd=False)  # noqa: SIM115
    output = Output(raw, encoding=encoding, errors="backslashreplace", line_buffering=lines)
    output.plain = plain
    return output
