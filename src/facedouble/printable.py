"""Text that comes from a file, made fit for a terminal and one line of a message."""

from __future__ import annotations

MAX_TEXT = 200
"""Characters of one text from a file that are shown."""

MAX_LINE = 4000
"""Characters of a whole line; a path of the system may have 4,096 bytes."""


def printable(text: object, limit: int = MAX_TEXT) -> str:
    """``text`` without what a terminal would act on, and cut to ``limit`` characters.

    Control characters, escape sequences, marks that turn the direction of writing, line ends and halves of
    surrogate pairs become ``\ufffd``.
    """
    whole = text if isinstance(text, str) else str(text)
    if len(whole) > limit:
        whole = f"{whole[: limit - 1]}…"
    return whole if whole.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in whole)
