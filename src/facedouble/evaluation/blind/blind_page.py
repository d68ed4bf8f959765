"""The page of a blind comparison: one HTML file with the clips in it, which needs nothing else."""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from string import Template

from facedouble._version import __version__
from facedouble.errors import InputError, OutputError
from facedouble.evaluation.blind.paired_clip import PairedClip, pair_clips
from facedouble.evaluation.report.embedded import script_json
from facedouble.files import write_whole
from facedouble.run.run import Run, operation
from facedouble.settings.evaluate import BlindSettings

MOST_CLIPS = 5
"""Five clips are ten pairs, a hundred choices: more than anybody makes with care."""

_PARTS = files("facedouble.evaluation.blind")
_MAILABLE = 20e6  # bytes; many mail servers take 25 MB, and mail adds a third to a file


def compare_blindly(
    clips: Sequence[Path], output: Path, settings: BlindSettings | None = None, *, run: Run | None = None
) -> Path:
    """Write a page on which a person picks the better of two unlabelled clips, several times.

    Of more than two ``clips``, each pair is compared. All are results of one source: of one size, with frames
    that belong together. The clips are in the page, encoded anew and alike, without sound: the page can be
    mailed and opens without a network. Raises ``InputError`` for clips that do not belong together,
    ``OutputError`` if the page cannot be written.
    """
    with operation("evaluate", run) as run:
        settings = settings or BlindSettings()
        _check(clips)
        for path in clips:
            run.reading(path)
        pairs: list[tuple[int, int, PairedClip]] = []
        with tempfile.TemporaryDirectory(prefix="facedouble-") as folder:
            for number, (a, b) in enumerate(combinations(range(len(clips)), 2)):
                stage = run.stage(f"pair {clips[a].name} with {clips[b].name}", None, "frames")
                written = Path(folder) / f"{number}.mp4"
                pair = pair_clips(clips[a], clips[b], written, settings.seconds, settings.reading, run)
                stage.finish(frames=len(pair.times) - 1)
                run.check()
                pairs.append((a, b, pair))
        text = blind_page([path.name for path in clips], pairs, settings.choices)
        try:
            write_whole(output, text.encode())
        except OSError as error:
            raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
        if len(text) > _MAILABLE:
            run.notice(
                "evaluate.large",
                f"{output} has {len(text) / 1e6:.0f} MB, too much for most mail; a lower setting seconds "
                "makes it smaller",
                bytes=len(text),
            )
        return run.finish(output)


def blind_page(names: Sequence[str], pairs: Sequence[tuple[int, int, PairedClip]], choices: int) -> str:
    """The page's HTML. ``pairs`` are the positions of two clips in ``names`` with both side by side; each
    pair is shown ``choices`` times."""
    data = {
        "names": _told_apart(names),
        "choices": choices,
        "program": f"facedouble {__version__}",
        "made": f"{datetime.now(UTC):%d %B %Y}",
        "pairs": [
            {
                "first": a,
                "second": b,
                "width": pair.width,
                "height": pair.height,
                "shown": pair.shown,
                "times": [round(time, 5) for time in pair.times],
                "focus": pair.focus,
            }
            for a, b, pair in pairs
        ],
    }
    clips = "\n".join(
        f'<script type="text/plain" id="clip-{number}">{base64.b64encode(pair.data).decode()}</script>'
        for number, (_, _, pair) in enumerate(pairs)
    )
    return Template(_part("blind.html")).substitute(
        style=_part("blind.css"),
        script=_part("blind.js"),
        choices=choices * len(pairs),
        made=html.escape(f"{data['made']}, {data['program']}"),
        data=script_json(data),
        clips=clips,
    )


def _check(clips: Sequence[Path]) -> None:
    if not 2 <= len(clips) <= MOST_CLIPS:
        raise InputError(f"a blind comparison takes two to {MOST_CLIPS} clips, not {len(clips)}")
    for path in clips:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, numbered where two are the same."""
    return [f"{name} ({number + 1})" if names.count(name) > 1 else name for number, name in enumerate(names)]


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
