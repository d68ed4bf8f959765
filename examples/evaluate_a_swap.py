"""Measuring a swap that another program made.

    python examples/evaluate_a_swap.py source.mp4 their-swap.mp4 another-swap.mp4 --b b.mp4

Needed are the source that was swapped, the results (of the same length, frame by frame), and footage of
the person whose face was put there. No model is needed. Several results are compared side by side.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import facedouble as fd
from facedouble.evaluation.registry import MEASURES, title


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="the clip before the swap")
    parser.add_argument("results", type=Path, nargs="+", help="the clip after it; several are compared")
    parser.add_argument("--b", type=Path, nargs="+", required=True, help="clips of B")
    parser.add_argument("--report", type=Path, default=Path("report.html"), help="report to write")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        facesets = [Path(folder) / f"{number}-{clip.stem}" for number, clip in enumerate(options.b)]
        for clip, faces in zip(options.b, facesets, strict=True):
            fd.extract(clip, faces)
        evaluation = fd.evaluate(options.results, options.source, facesets)
    for result in evaluation.results:
        print(f"{result.path}: {result.verdict.sentences[0]}")
        for name in ("distance_to_b", "mouth", "flicker"):
            known = MEASURES[name]
            print(f"  {title(name)}: {known.describe(result.value(name))} ({result.rate(name)})")
    fd.write_report(evaluation, options.report)
    print(f"Open {options.report} in a browser.")


if __name__ == "__main__":  # extraction starts processes, and each of them imports this file
    main()
