"""How results are measured and compared."""

from __future__ import annotations

from facedouble.settings.base import File, Files, Settings, field
from facedouble.settings.reading import Reading


class EvaluateSettings(Settings):
    """How results are measured."""

    detailed_frames: int = field(
        60,
        "frames on which identity and the picture outside the face are measured, spread evenly; 0 for all",
        unit="frames",
        min=0,
    )
    pictures: int = field(
        120, "frames that the report shows at most, spread evenly", unit="frames", min=1, max=1000
    )
    reading: Reading = field(Reading(), "how clips and images are read")


class BlindSettings(Settings):
    """How clips are compared by somebody who does not know which is which."""

    choices: int = field(10, "choices between two clips of a blind comparison", min=1, max=100)
    seconds: float = field(
        20.0,
        "length of the clips that a blind comparison shows, from their start",
        unit="s",
        above=0,
        max=600,
    )
    reading: Reading = field(Reading(), "how clips and images are read")


class EvaluateCommand(BlindSettings, EvaluateSettings):
    """Measure how good a swap is, and write a report to look at.

    A blind comparison needs ``clips`` and ``output``, measuring needs ``results``, ``source`` and ``target``.
    """

    clips: Files = field((), "results that are compared blindly", argument=True, option="CLIP")
    blind: bool = field(
        False, "write a page on which a person picks the better of two unlabelled clips; nothing is measured"
    )
    results: Files = field((), "converted clip or folder; repeat it to compare", option="result", short="-r")
    source: File | None = field(None, "clip or folder that was converted", short="-i")
    target: Files = field((), "faceset of B, the face wanted; repeatable", short="-B")
    faceset: File | None = field(
        None, "faceset of this very source; faces are found anew if not given", short="-a"
    )
    a: Files = field((), "further faceset of A, who was seen; repeatable", option="known-a", short="-A")
    gallery: Files = field((), "faceset of somebody else, whom the result could be taken for; repeatable")
    model: File | None = field(None, "model that made the swap, to be measured too", short="-m")
    output: File | None = field(None, "report or page to write (.html)", short="-o")
    json_output: File | None = field(None, "the same values as JSON; - for the terminal", option="json")
