"""From two clips to a swapped clip: every stage once.

    python examples/own_clips.py a.mp4 b.mp4 --minutes 10

A is the person in the footage, B the person whose face is put there. Both must have agreed to this use.
Run it again to resume: facesets that are complete are kept, and the model trains on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import facedouble as fd


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", type=Path, help="clip of A, which is converted")
    parser.add_argument("b", type=Path, help="clip of B")
    parser.add_argument("--output", type=Path, default=Path("own-clips"), help="folder for all results")
    parser.add_argument("--minutes", type=float, default=10, help="how long to train")
    options = parser.parse_args()

    faces_a, faces_b = options.output / "faces-a", options.output / "faces-b"
    model, swap = options.output / "model", options.output / "swap.mp4"
    for clip, faces in ((options.a, faces_a), (options.b, faces_b)):
        found = fd.extract(clip, faces, fd.ExtractSettings(skip_existing=faces.exists()))
        print(f"{clip}: {found.faces} faces in {found.frames} frames")

    fd.train([faces_a], [faces_b], model, fd.TrainSettings(limits=fd.Limits(minutes=options.minutes)))
    result = fd.convert(options.a, model, swap, fd.ConvertSettings(overwrite=True), faceset=faces_a)
    print(f"{swap}: {result.faces_swapped} faces swapped in {result.frames} frames")

    report = options.output / "report.html"
    evaluation = fd.evaluate([swap], options.a, [faces_b], faceset=faces_a, model=model)
    fd.write_report(evaluation, report)
    print(evaluation.results[0].verdict.sentences[0])
    print(f"Open {report} in a browser.")


if __name__ == "__main__":  # extraction starts processes, and each of them imports this file
    main()
