"""Why ``double`` is as it is: ``python -m benchmarks.choices [--iterations N] [CHOICE ...]``.

Its smallest size, ``quick``, trained again and again on the demonstration's clips, each time with one choice
made otherwise, for as many iterations as the default (the first row); then measured on the faces held out
(``training/measure.py``). Times are of this machine and only tell what a choice costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.config import ExtractSettings, TrainSettings
from facedouble.extraction.extract import extract
from facedouble.models import MODELS, checkpoint
from facedouble.models.recipe import Recipe
from facedouble.training.loop import train

ITERATIONS = 1500
_NAME = "quick-choice"

CHOICES: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "as it is": ({}, {}),
    "liae": ({"topology": "liae"}, {}),
    "a residual block after each upscale": ({"residuals": 1}, {}),
    "128 pixels": ({"resolution": 128}, {}),
    "code of 256": ({"bottleneck": 256}, {}),
    "no noise on the code": ({"noise": 0.0}, {}),
    "decoders apart from the start": ({}, {"shared_until": 0.0}),
    "warps at full strength to the end": ({}, {"hard_until": 1.0}),
    "no adversary": ({}, {"adversarial": 0.0}),
    "adversary of restored faces": ({}, {"adversarial_of": "restored"}),
    "no structural loss": ({}, {"dssim": 0.0}),
    "no loss of fine detail": ({}, {"detail": 0.0}),
    "no mask, no patches": ({}, {"mask": 0.0, "warp": None}),
}
"""Each choice: arguments of the model, and fields of its recipe, that differ from ``quick``'s."""

_COLUMNS = (
    "choice",
    "minutes",
    "SSIM",
    "eyes",
    "mouth",
    "to B",
    "to A",
    "mouth off",
    "eyes off",
    "pose off",
)


def measure(iterations: int = ITERATIONS, names: Sequence[str] = tuple(CHOICES)) -> list[Table]:
    """Train and measure each of the choices named."""
    clips = demo_clips()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        facesets: dict[str, list[Path]] = {}
        for side, sources in (("a", clips.a), ("b", clips.b)):
            facesets[side] = [folder / source.stem for source in sources]
            for source, path in zip(sources, facesets[side], strict=True):
                extract(source, path, ExtractSettings())
        rows = [_row(name, facesets, folder / str(number), iterations) for number, name in enumerate(names)]
    return [Table("choices", _COLUMNS, rows)]


def _row(name: str, facesets: Mapping[str, Sequence[Path]], folder: Path, iterations: int) -> list[Cell]:
    arguments, changes = CHOICES[name]
    known = MODELS["quick"]
    MODELS[_NAME] = replace(
        known, arguments={**known.arguments, **arguments}, recipe=_changed(known.recipe, changes)
    )
    try:
        start = time.perf_counter()
        settings = TrainSettings(trainer=_NAME, iterations=iterations, save_interval=0)
        train(facesets["a"], facesets["b"], folder, settings)
        minutes = (time.perf_counter() - start) / 60
    finally:
        del MODELS[_NAME]
    last = checkpoint.read_card(folder).measures[-1]
    figures = ("ssim", "ssim_eyes", "ssim_mouth", "to_b", "to_a", "mouth", "eyes", "pose")
    return [name, minutes, *(float(last[figure]) for figure in figures)]


def _changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    changed = {key: value for key, value in changes.items() if key != "warp"}
    if "warp" in changes:
        changed["warp"] = replace(recipe.warp, patches=0.0)
    return replace(recipe, **changed)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="why double is as it is")
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("choices", nargs="*", metavar="CHOICE", default=list(CHOICES))
    given = parser.parse_args()
    print_tables(measure(given.iterations, given.choices))


if __name__ == "__main__":
    main()
