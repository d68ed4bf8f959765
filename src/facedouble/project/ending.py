"""How a command ended, from its exit code and its events."""

from __future__ import annotations

from facedouble.run.events import Failed, Finished, Stopped

PARTLY = 3
"""Exit code of a conversion that was written, with some frames as they were."""

STOPPED = 130
"""Exit code of a command that was stopped by Ctrl-C."""

BY_HAND = "stopped by hand"
"""Why a training ended that was asked to: it saves, and counts as an operation that succeeded."""

Ending = Finished | Stopped | Failed


def succeeded(code: int | None, ending: Ending | None) -> bool:
    """Whether a command did all that it was to do. ``code`` is ``None`` where nobody was there to get it."""
    if code is None:
        return isinstance(ending, Finished) and not was_stopped(code, ending)
    return code in (0, PARTLY) and not was_stopped(code, ending)


def was_stopped(code: int | None, ending: Ending | None) -> bool:
    """Whether a command was asked to stop and did."""
    if isinstance(ending, Finished):
        return ending.result.get("stopped") == BY_HAND
    return isinstance(ending, Stopped) or code == STOPPED
