"""What each option costs for one face: ``python -m benchmarks.compose -i CLIP -a FACESET -m MODEL``.

Milliseconds of one processor (CPU time, so other work on the machine does not count), the best of several
rounds, for the largest face of the clip's first frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from facedouble.config import ConvertSettings
from facedouble.conversion.blends import BLENDS
from facedouble.conversion.colours import COLOURS
from facedouble.conversion.compose import Compositor
from facedouble.conversion.outputs import OUTPUTS
from facedouble.conversion.plan import Choice, make_plan
from facedouble.conversion.ranges import Ranges
from facedouble.conversion.survey import survey
from facedouble.conversion.swapper import Swapper
from facedouble.faces.align import scale_of
from facedouble.video import open_source

_ROUNDS = 5
_TIMES = 20


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(_TIMES):
            work()
        best = min(best, (time.process_time() - start) / _TIMES)
    return 1000 * best


def main() -> None:
    """Print a line for each option."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-i", "--input", type=Path, required=True, help="clip")
    parser.add_argument("-a", "--faceset", type=Path, required=True, help="its faces")
    parser.add_argument("-m", "--model", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    frame = next(iter(open_source(options.input).frames()))
    swapper = Swapper.load(options.model, ConvertSettings())
    plan = make_plan(options.input, options.faceset, Choice(Ranges())).faces
    item = plan[frame.index][0]
    seen = swapper.view.of(item.face.alignment, item.face.crop_size)
    resolution = swapper.view.resolution
    print(f"a face of {resolution / scale_of(seen):.0f} pixels, a model of {resolution}")
    print(f"{'cut and look':28} {milliseconds(lambda: swapper.crop(frame.image, item)):5.1f} ms")
    variants: list[dict[str, Any]] = [
        {},
        *({"blend": name} for name in BLENDS if name != "alpha"),
        *({"colour": name} for name in COLOURS if name != "reinhard"),
        {"colour_space": "lab"},
        {"converter": "adjust"},
        *({"output_mode": name} for name in OUTPUTS if name != "composite"),
    ]
    for settings in variants:
        how = ConvertSettings(**settings)
        surveyed = survey({frame.index: [item]}, options.faceset, swapper, how)[frame.index]
        drawn = swapper.draw([swapper.crop(frame.image, surveyed[0])])
        faces = [(surveyed[0], drawn[0])]
        compositor = Compositor(how, swapper.view)
        name = ", ".join(f"{key.replace('_', '-')} {value}" for key, value in settings.items()) or "defaults"
        spent = milliseconds(lambda c=compositor, f=faces: c.compose(frame.image, f))  # type: ignore[misc]
        print(f"{name:28} {spent:5.1f} ms")


if __name__ == "__main__":
    main()
