"""Pictures of a finished demonstration for the documentation:

    python scripts/demonstration_pictures.py --source sample_02.mp4 --faceset demo/faces-a/sample_02 \\
        --result demo/swap.mp4 --report demo/swap.html -o docs/images

writes eight frames beside their source, as large as they are (``full-size.jpg``), the contact sheet, and the
head of the report (``report.jpg``, which needs Chromium; left out without ``--report``).
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from facedouble.demo import contact_sheet
from facedouble.faceset.store import Faceset
from facedouble.types import Image
from facedouble.video.opencv_codec import decode, encode
from facedouble.video.sampling import frames_at
from facedouble.video.source import open_source

FRAMES = (24, 40, 49, 57, 65, 81, 90, 112)
"""Shouts, blinks, squints, a turned head, and what is wrong."""
SIZE = (400, 540)
"""Width and height in pixels of what is shown of a frame."""
QUALITY = 89
REPORT = {"width": 1100, "height": 1256}


def full_size(source: Path, result: Path, faceset: Path, frames: Sequence[int] = FRAMES) -> Image:
    """Parts of ``frames`` around the face, without any change of size, each beside its source: two pairs in a
    row."""
    with Faceset.open(faceset) as store:
        faces = {face.frame_index: face for face in reversed(store.faces())}
    chosen = [number for number in frames if number in faces]
    parts: dict[int, list[Image]] = {number: [] for number in chosen}
    for clip in (source, result):
        for frame in frames_at(open_source(clip), sorted(parts)):
            image = frame.rgb()
            middle = faces[frame.index].smoothed.mean(axis=0).round().astype(int)
            left, top = (
                int(np.clip(place - size // 2, 0, max(side - size, 0)))
                for place, size, side in zip(middle, SIZE, image.shape[1::-1], strict=True)
            )
            parts[frame.index].append(image[top : top + SIZE[1], left : left + SIZE[0]])
    pairs = [np.hstack(parts[number]) for number in chosen]
    return np.vstack([np.hstack(pairs[row : row + 2]) for row in range(0, len(pairs) - 1, 2)])


def head_of(report: Path) -> Image:
    """The top of a report, as a browser shows it, in BGR."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium on this machine (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=REPORT, color_scheme="dark")  # type: ignore[arg-type]
        page.goto(report.resolve().as_uri())
        page.wait_for_timeout(2000)
        picture = np.asarray(decode(page.screenshot(), cv2.IMREAD_COLOR))
        browser.close()
    return picture


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="the clip that was converted")
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--faceset", type=Path, required=True, help="the clip's faces")
    parser.add_argument("--report", type=Path, help="what `evaluate` wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the pictures")
    options = parser.parse_args()
    clips = (options.source, options.result, options.faceset)
    pictures = {
        name: np.ascontiguousarray(picture[..., ::-1])
        for name, picture in (("full-size", full_size(*clips)), ("contact-sheet", contact_sheet(*clips)))
    }
    if options.report is not None:
        pictures["report"] = head_of(options.report)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        data = encode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        (options.output / f"{name}.jpg").write_bytes(data)
        print(f"{options.output / name}.jpg: {len(data) // 1024} kB")


if __name__ == "__main__":
    main()
