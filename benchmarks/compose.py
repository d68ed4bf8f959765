"""What each option of ``convert`` costs for one face: ``python -m benchmarks.compose``.

Milliseconds of one processor's time, so other work on the machine hardly counts, the best of several rounds,
for the largest face in the first frame of a clip of the demonstration. The baseline is the first row: the
defaults.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from benchmarks.material import facesets_of_demo, hardly_trained
from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.conversion.compositor import Compositor
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.plan import ConversionPlan, FaceSelection, make_plan
from facedouble.conversion.registry import BLENDS, COLOUR_TRANSFERS, OUTPUT_MODES
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import fit_plan
from facedouble.faces.align import scale_of
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.video.source import open_source

_ROUNDS = 5
_TIMES = 20

VARIANTS: list[dict[str, Any]] = [
    {},
    *({"blend": name} for name in BLENDS if name != "alpha"),
    *({"colour": name} for name in COLOUR_TRANSFERS if name != "mkl"),
    {"colour_space": "lab"},
    {"match_histogram": True},
    {"mask_type": "learned"},
    {"occlusion": "learned"},
    {"detail": "none"},
    {"detail": "sharpen"},
    {"retargeting": 0.0},
    {"converter": "adjust"},
    *({"output_mode": name} for name in OUTPUT_MODES if name != "composite"),
]
"""Settings that are measured, each but for the defaults."""


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(_TIMES):
            work()
        best = min(best, (time.process_time() - start) / _TIMES)
    return 1000 * best


def _survey_times(plan: ConversionPlan, faceset: Path, swapper: Swapper) -> list[list[Cell]]:
    """What it costs for each face of a track to find out all that is steady in time, with real detail and
    without. References are drawn before, once in a conversion."""
    rows: list[list[Cell]] = []
    for name, settings in (
        ("", {}),
        (" without real detail and expression", {"detail": "none", "retargeting": 0.0}),
    ):
        steps = Compositor(from_options(ConvertSettings, **settings), swapper).steps
        first = dict(list(plan.faces.items())[:1])
        fit_plan(replace(plan, faces=first), faceset, swapper, steps)
        start = time.process_time()
        fit_plan(plan, faceset, swapper, steps)
        rows.append([f"surveyed{name}", 1000 * (time.process_time() - start) / len(plan.faces)])
    return rows


def measure() -> list[Table]:
    """Cutting a face out, and composing it with each option."""
    cv2.setNumThreads(1)
    clip = demo_clips().a[-1]
    frame = next(iter(open_source(clip).frames()))
    image = frame.rgb()
    with tempfile.TemporaryDirectory() as temporary:
        facesets = facesets_of_demo(Path(temporary))
        swapper = Swapper.load(
            hardly_trained(facesets, Path(temporary) / "model", "quick"), ConvertSettings()
        )
        faceset = facesets["a"][0]
        plan = make_plan(clip, faceset, FaceSelection(FrameRanges()), describe=swapper.describe)
        surveyed = _survey_times(plan, faceset, swapper)
        item = plan.faces[frame.index][0]
        plan = replace(plan, faces={frame.index: [item]})
        seen = swapper.view.alignment(item.face.alignment, item.face.crop_size)
        resolution = swapper.view.resolution
        size = f"a face of {resolution / scale_of(seen):.0f} pixels, a model of {resolution}"
        rows: list[list[Cell]] = [["cut out and looked at", milliseconds(lambda: swapper.crop(image, item))]]
        rows += surveyed
        for settings in VARIANTS:
            how = from_options(ConvertSettings, **settings)
            compositor = Compositor(how, swapper)
            fitted = fit_plan(plan, faceset, swapper, compositor.steps)
            planned = fitted.faces[frame.index][0]
            faces = [(planned, swapper.draw([swapper.crop(image, planned)], [planned.geometry])[0])]
            spent = milliseconds(lambda c=compositor, f=faces: c.compose(image, f))  # type: ignore[misc]
            rows.append([f"composed: {_name(settings)}", spent])
    return [Table("compose", (size, "ms"), rows)]


def _name(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', '-')} {value}" for key, value in settings.items()) or "defaults"


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(prog="python -m benchmarks.compose", description=__doc__).parse_args()
    print_tables(measure())


if __name__ == "__main__":
    main()
