"""Messages in the words of the running command: fields become options."""

from __future__ import annotations

from facedouble.errors import render
from facedouble.settings.base import Settings
from facedouble.settings.registry import COMMANDS
from facedouble.settings.schema import option_names

_current: list[type[Settings]] = []


def speak_for(settings: type[Settings]) -> None:
    """The command that runs from now on is that of these settings."""
    _current[:] = [settings]


def in_words(text: str) -> str:
    """A message in which settings are called as the running command calls them; those of another command have
    its name before them."""

    def name(path: str, value: str | None) -> str | None:
        if _current and (own := option_names(_current[0], path, value)):
            return own
        if "." not in path:
            return None
        for command in COMMANDS:
            if other := option_names(COMMANDS[command], path, value):
                return f"{command} {other}"
        return path if value is None else f"{path}={value}"

    return render(text, name)
