"""Settings: one documented dataclass per command.

They are the only schema. The command line is built from them (``cli/options.py``), the Python API
takes them, and a saved model or faceset records them. Every field carries its help text, and where
it has one its short option. Settings are passed in, never read from globals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def option(help: str, default: Any = None, *, short: str = "", flag: str = "", **limits: float) -> Any:
    """A dataclass field with its help text, short option and limits (``min``, ``max``). ``flag`` is the
    option's name where it is not the field's (``from`` is a word of Python's own)."""
    metadata = {"help": help, "short": short, "flag": flag, **limits}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesSettings:
    """What is done with the faces of a faceset. With none of these, they are only counted."""

    sort: str = option(
        "rename the crops in faces/ in order of: frame, identity, track, sharpness, yaw, pitch, mouth, "
        "colour, size or review",
        "",
    )
    remove: tuple[str, ...] = option(
        "move to dropped/: person:1, track:3, a crop (000123_0) or a run of a track (000123_0..000130_0); "
        "repeat it",
        (),
    )
    restore: tuple[str, ...] = option("move back to faces/, named as for --remove; repeat it", ())
    review: bool = option("list what looks wrong, worst first, and show it in review.jpg", False)
    contact_sheet: Path | None = option("draw faces into one .jpg or .png, in their order now", None)
    most: int | None = option("faces that --review (20) or --contact-sheet (100) shows at most", None, min=1)
    coverage: Path | None = option("draw which poses and expressions there are and which lack (.png)", None)
    against: Path | None = option("for --coverage: the faceset to be like, of the other person", None)
    rebuild: bool = option("make a lost or damaged faceset.sqlite again from the crops", False)
    source: Path | None = option("for --rebuild: where the clip or folder of images is now", None)
