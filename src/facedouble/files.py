"""Writing files so that a name never stands for half a file."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write ``data`` under another name beside ``path`` and rename it, so that ``path`` is whole or
    not there. ``durable`` waits for the disk first, so that this outlives a loss of power as well.

    Raises ``OSError``; what ``path`` held before is then still there, and nothing is left beside it.
    """
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
