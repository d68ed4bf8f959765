"""Why ``double`` is as it is: ``python -m benchmarks.choices [--iterations N] [CHOICE ...]``.

Its smallest size, ``quick``, trained again and again on the demonstration's clips, each time with one choice
made otherwise, for as many iterations as the default (the first row); then measured on the faces held out
(``training/held_out_metrics.py``). Times are of this machine and only tell what a choice costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.extraction.extract import extract
from facedouble.models import checkpoint
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.files import parse_assignment
from facedouble.settings.train import TrainSettings
from facedouble.settings.tree import overlay
from facedouble.training.loop import train

ITERATIONS = 600

CHOICES: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "liae": ("architecture.topology=liae",),
    "a residual block after each upscale": ("architecture.residuals=1",),
    "128 pixels": ("architecture.resolution=128",),
    "code of 256": ("architecture.bottleneck=256",),
    "no noise on the code": ("architecture.noise=0",),
    "decoders apart from the start": ("recipe.shared_decoder_until=0",),
    "warps at full strength to the end": ("recipe.full_augmentation_until=1",),
    "patches before the face": ("recipe.warp.occlusion=0.1",),
    "no mask": ("recipe.losses.mask=0",),
    "no structural loss": ("recipe.losses.dssim=0",),
    "multi-scale structural loss": ("recipe.losses.dssim=0", "recipe.losses.ms_ssim=0.3"),
    "no loss of fine detail": ("recipe.losses.detail=0",),
    "adversary of swapped faces, last tenth": ("recipe.adversary.weight=0.05",),
    "adversary of swapped faces, last quarter": (
        "recipe.adversary.weight=0.2",
        "recipe.adversary.start=0.75",
    ),
    "adversary of restored faces, last quarter": (
        "recipe.adversary.weight=0.2",
        "recipe.adversary.start=0.75",
        "recipe.adversary.judges=restored",
    ),
}
"""Each choice: what differs from ``quick``, as ``--set`` takes it."""

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
    start = time.perf_counter()
    settings = _settings(CHOICES[name], iterations)
    train(facesets["a"], facesets["b"], folder, settings)
    minutes = (time.perf_counter() - start) / 60
    last = checkpoint.read_card(folder).measures[-1]
    figures = ("ssim", "ssim_eyes", "ssim_mouth", "to_b", "to_a", "mouth", "eyes", "pose")
    return [name, minutes, *(float(last[figure]) for figure in figures)]


def _settings(changes: Sequence[str], iterations: int) -> TrainSettings:
    values: dict[str, object] = {"limits": {"iterations": iterations}, "saving": {"interval": 0}}
    for change in changes:
        values = overlay(TrainSettings, values, parse_assignment(change))
    return TrainSettings.read(values)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="why double is as it is")
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("choices", nargs="*", metavar="CHOICE", default=list(CHOICES))
    given = parser.parse_args()
    print_tables(measure(given.iterations, given.choices))


if __name__ == "__main__":
    main()
