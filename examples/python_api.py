"""The Python API at work: settings, progress, cancelling, errors, and the faces of a faceset as arrays.

    python examples/python_api.py a.mp4 --output faces/a

Extracts the faces of a clip with settings of its own, shows what the run reports, and stops cleanly after
``--seconds``: run it again to resume. Then it looks at the faceset: who is where, and how sharp.
"""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

import numpy as np

import facedouble as fd
from facedouble.faceset.store import Faceset
from facedouble.run.events import Notice, Progress, StageFinished
from facedouble.video.images import read_image


def show(event: fd.Event) -> None:
    """A subscriber: events carry numbers and units, and it formats them in its own way."""
    match event:
        case Progress(stage, done, total, unit):
            of = f" of {total:.0f}" if total else ""
            print(f"\r{stage}: {done:.0f}{of} {unit}", end="", file=sys.stderr)
        case StageFinished(stage, seconds):
            print(f"\r{stage}: {seconds:.1f} s{'':40}", file=sys.stderr)
        case Notice(code, text):
            print(f"\r{text} ({code})", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, help="clip to look for faces in")
    parser.add_argument("--output", type=Path, default=Path("faces"), help="faceset to make or to resume")
    parser.add_argument("--size", type=int, default=256, help="side of the crops, in pixels")
    parser.add_argument("--seconds", type=float, default=600, help="stop after this time, to be resumed")
    options = parser.parse_args()

    # Settings are checked when they are made. A dictionary, as a settings file has it, is read by
    # ExtractSettings.read.
    try:
        settings = fd.ExtractSettings(size=options.size, skip_existing=options.output.exists())
    except fd.FacedoubleError as error:
        sys.exit(f"error: {error}")

    run = fd.Run([show])
    timer = threading.Timer(options.seconds, run.cancel, ["time is up"])
    timer.start()
    try:
        found = fd.extract(options.clip, options.output, settings, run=run)
    except fd.Cancelled as stopped:
        sys.exit(f"stopped ({stopped}); the same command resumes it")
    except fd.FacedoubleError as error:  # one line that says what to do; anything else is a bug
        sys.exit(f"error: {error}")
    finally:
        timer.cancel()
    print(f"{found.faces} faces in {found.frames} frames")

    with Faceset.open(options.output) as faceset:
        for track in sorted({face.track for face in faceset.faces()}):
            faces = [face for face in faceset.faces() if face.track == track]
            best = max(faces, key=lambda face: face.sharpness)
            crop = read_image(faceset.crop_path(best))  # (H, W, 3) uint8, R, G, B
            left, top, right, bottom = best.box
            print(
                f"track {track}: {len(faces)} faces; the sharpest is in frame {best.frame_index} at "
                f"{left}, {top} to {right}, {bottom}, mean colour {np.round(crop.mean((0, 1))).tolist()}"
            )


if __name__ == "__main__":  # extraction starts processes, and each of them imports this file
    main()
