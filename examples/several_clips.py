"""Several clips of a person, and other people in the shot.

    python examples/several_clips.py --a a1.mp4 a2.mp4 --b b1.mp4 b2.mp4 --picture-of-a a.jpg

Each clip gets a faceset of its own. With a picture of a person, faces of others in their clips are set
aside into ``dropped/``. The picture of what B's facesets lack beside A's shows what is still to be
filmed. Then one model is trained on all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import facedouble as fd


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--a", type=Path, nargs="+", required=True, help="clips of A")
    parser.add_argument("--b", type=Path, nargs="+", required=True, help="clips of B")
    parser.add_argument("--picture-of-a", type=Path, action="append", default=[], help="who A is")
    parser.add_argument("--picture-of-b", type=Path, action="append", default=[], help="who B is")
    parser.add_argument("--output", type=Path, default=Path("several-clips"), help="folder for all results")
    parser.add_argument("--minutes", type=float, default=60, help="how long to train")
    options = parser.parse_args()

    facesets: dict[str, list[Path]] = {}
    for side, clips, pictures in (
        ("a", options.a, options.picture_of_a),
        ("b", options.b, options.picture_of_b),
    ):
        facesets[side] = []
        for clip in clips:
            faces = options.output / f"faces-{side}" / clip.stem
            facesets[side].append(faces)
            how = fd.ExtractSettings(
                faces=fd.FaceChoice(filter=tuple(pictures)), skip_existing=faces.exists()
            )
            found = fd.extract(clip, faces, how)
            print(f"{clip}: {found.faces} faces, {sum(found.left_out.values())} left out")

    training = fd.TrainSettings(limits=fd.Limits(minutes=options.minutes))
    fd.train(facesets["a"], facesets["b"], options.output / "model", training)


if __name__ == "__main__":  # extraction starts processes, and each of them imports this file
    main()
