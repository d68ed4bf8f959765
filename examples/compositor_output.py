"""The new face with its alpha as images, composited outside facedouble.

    python examples/compositor_output.py a.mp4 faces/a model

The mode ``rgba`` writes the face with straight (not premultiplied) alpha, one image per frame, empty
where there is no face. A compositor lays it over the source by ``face * alpha + source * (1 - alpha)``;
this script does the same for one frame with NumPy, and writes it beside the images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import facedouble as fd
from facedouble.video.images import write_png
from facedouble.video.source import open_source


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, help="clip of A")
    parser.add_argument("faceset", type=Path, help="the clip's faceset")
    parser.add_argument("model", type=Path, help="folder of the trained model")
    parser.add_argument("--output", type=Path, default=Path("rgba"), help="folder for the images")
    parser.add_argument("--frame", type=int, default=0, help="frame to composite, counted from 0")
    options = parser.parse_args()

    settings = fd.ConvertSettings.read({"render": {"mode": "rgba"}, "encoding": {"format": "png"}})
    fd.convert(options.clip, options.model, options.output, settings, faceset=options.faceset)

    [source] = open_source(options.clip).frames(options.frame, options.frame + 1)
    layer = cv2.imread(str(sorted(options.output.glob("*.png"))[options.frame]), cv2.IMREAD_UNCHANGED)
    assert layer is not None
    most = 65535 if layer.dtype == np.uint16 else 255
    face, alpha = layer[..., 2::-1] / most, layer[..., 3:] / most  # OpenCV reads B, G, R and alpha
    frame = face * alpha + source.rgb() / 255 * (1 - alpha)
    composite = options.output.with_name(f"{options.output.name}-composite.png")
    write_png(composite, np.round(frame * 255).astype(np.uint8))
    print(f"{composite}: frame {options.frame}, {np.mean(alpha > 0):.1%} of it covered by the new face")


if __name__ == "__main__":
    main()
