"""The picture of docs/occlusion.md: ``python -m scripts.occlusion_pictures MODEL [CLIP] [OUTPUT]``.

A hand, a microphone and a dark glove are drawn in front of the face of CLIP, by default the demonstration's
last clip of A; MODEL swaps it with and without ``--occlusion auto``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.drawn_occluders import DrawnFrame, draw_clip
from facedouble.assets import demo_clips
from facedouble.cli.main import main as facedouble
from facedouble.faces.align import scale_of
from facedouble.types import Image
from facedouble.video.images import encode_png, read_image
from facedouble.video.opencv_codec import encode

THINGS = ("hand", "microphone", "dark hand")
SHOWN = {"hand": (0.35, 0.55, 0.8), "microphone": (0.35, 0.55)}
"""What is shown, and when, in shares of the time of each thing."""

WIDTH, HEIGHT = 250, 290


def main(model: Path, clip: Path, output: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _run("extract", "-i", clip, "-o", work / "clean")
        (work / "drawn").mkdir()
        frames = list(draw_clip(clip, work / "clean", THINGS))
        for number, drawn in enumerate(frames):
            (work / "drawn" / f"{number:04d}.png").write_bytes(encode_png(drawn.frame))
        _run("extract", "-i", work / "drawn", "-o", work / "faces")
        for kind in ("none", "auto"):
            given = ("-i", work / "drawn", "-a", work / "faces", "-m", model, "-o", work / kind)
            _run("convert", *given, "--occlusion", kind, "--image-format", "png")
        rows = [
            np.hstack([_cut(read_image(work / kind / f"{n:04d}.png"), frames[n]) for n in chosen(frames)])
            for kind in ("drawn", "none", "auto")
        ]
    output.write_bytes(encode(".jpg", np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]))
    print(f"{output}: {output.stat().st_size // 1024} kB")


def chosen(frames: list[DrawnFrame]) -> list[int]:
    """Numbers of the frames that are shown."""
    found = []
    for thing, moments in SHOWN.items():
        own = [number for number, drawn in enumerate(frames) if drawn.thing == thing]
        found += [own[round(share * (len(own) - 1))] for share in moments]
    return found


def _cut(picture: Image, drawn: DrawnFrame) -> Image:
    """The face in its frame, the same part of it in all rows."""
    face = drawn.face
    x, y = face.smoothed.mean(axis=0)
    scale = HEIGHT / (0.62 * face.crop_size / scale_of(face.alignment))
    matrix = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
    return np.asarray(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA), np.uint8)


def _run(*words: object) -> None:
    code = facedouble([str(word) for word in words])
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]) if len(sys.argv) > 2 else demo_clips().a[-1],
        Path(sys.argv[3]) if len(sys.argv) > 3 else Path("docs/images/occlusion.jpg"),
    )
