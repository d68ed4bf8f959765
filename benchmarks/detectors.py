"""How the face detectors do on clips: ``python -m benchmarks.detectors [CLIP ...]``.

Without clips, on the demonstration's. Each sampled frame is looked at twice by each detector, cheaply
and thoroughly: the table has the share of frames with a face, and milliseconds per look (median).
Whether what was found is a face only a person can say: ``--boxes FOLDER`` draws every thorough look.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.errors import AssetError
from facedouble.faces.detectors.base import Detector
from facedouble.faces.registry import DETECTORS
from facedouble.types import Detection
from facedouble.video.frame import Frame
from facedouble.video.images import write_png
from facedouble.video.source import open_source


def sampled(clip: Path, every: int) -> Iterator[Frame]:
    """The first frame of a clip or folder of images and each ``every``-th after it."""
    return (frame for frame in open_source(clip).frames() if frame.index % every == 0)


def timed(detector: Detector, frame: Frame, thorough: bool) -> tuple[list[Detection], float]:
    """What a look finds, and its milliseconds; on grey where that is enough, as in extraction."""
    image = frame.rgb()
    if not detector.colour:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    start = time.perf_counter()
    found = detector.detect(image, thorough)
    return found, 1e3 * (time.perf_counter() - start)


def draw(frame: Frame, found: list[Detection], path: Path) -> None:
    """Write the frame with a box for each detection, and its confidence."""
    image = frame.rgb().copy()
    for box, confidence in ((detection.box, detection.confidence) for detection in found):
        cv2.rectangle(image, (box.left, box.top), (box.right - 1, box.bottom - 1), (0, 255, 0), 2)
        cv2.putText(image, f"{confidence:.2f}", (box.left, box.top - 4), 0, 0.6, (0, 255, 0), 2)
    write_png(path, image)


def measure(
    clips: Sequence[Path] = (),
    detectors: Sequence[str] = tuple(DETECTORS),
    every: int = 15,
    boxes: Path | None = None,
) -> list[Table]:
    """Every detector on every clip; one whose file cannot be had has no rows."""
    rows: list[list[Cell]] = []
    for name in detectors:
        try:
            detector = DETECTORS[name]("cpu")
        except AssetError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        for clip in clips or (*demo_clips().a, *demo_clips().b):
            cheap, thorough = [], []
            for frame in sampled(clip, every):
                cheap.append(timed(detector, frame, thorough=False))
                thorough.append(timed(detector, frame, thorough=True))
                if boxes:
                    draw(frame, thorough[-1][0], boxes / f"{clip.stem}_{frame.index:06d}_{name}.png")
            shares = [sum(bool(found) for found, _ in looks) / len(looks) for looks in (cheap, thorough)]
            times = [median(ms for _, ms in looks) for looks in (cheap, thorough)]
            rows.append([f"{clip.stem}, {name}", len(cheap), *(f"{share:.0%}" for share in shares), *times])
    columns = ["clip, detector", "frames", "cheap", "thorough", "cheap, ms", "thorough, ms"]
    return [Table("detectors", columns, rows)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detectors", description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="clips or folders of images")
    parser.add_argument("--detectors", nargs="+", default=list(DETECTORS), choices=DETECTORS)
    parser.add_argument("--every", type=int, default=15, help="look at one frame in so many")
    parser.add_argument("--boxes", type=Path, help="folder to draw what was found in")
    options = parser.parse_args()
    if options.boxes:
        options.boxes.mkdir(parents=True, exist_ok=True)
    print_tables(measure(options.clips, options.detectors, options.every, options.boxes))


if __name__ == "__main__":
    main()
