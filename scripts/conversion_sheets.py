"""Contact sheets of what conversion can do, to be looked at:

    python scripts/conversion_sheets.py -i clip.mp4 -a faces/clip -m model -o sheets

draws one frame (``--frame``) with every mask, colour matching and blend together (``all.jpg``), and each
option by itself (``options.jpg``).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facedouble.conversion.compositor import Compositor
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.plan import ConversionPlan, FaceSelection, make_plan
from facedouble.conversion.registry import BLENDS, COLOUR_TRANSFERS, MASKS, SHARPENERS
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import fit_keys, fit_plan
from facedouble.errors import SettingsError
from facedouble.faces.align import crop_bounds
from facedouble.faces.network_input import InputCrop
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.types import Image
from facedouble.video.source import open_source

_LINE = 14  # height of a line of text

_OPTIONS: tuple[Sequence[dict[str, Any]], ...] = (
    [{"mask_type": name} for name in MASKS],
    [
        *({"erosion": pixels} for pixels in (-15.0, 30.0)),
        *({"blur_size": share} for share in (0.0, 0.03, 0.2)),
    ],
    [{"colour": name} for name in COLOUR_TRANSFERS],
    [
        *({"colour": name, "colour_space": "lab"} for name in COLOUR_TRANSFERS if name != "none"),
        {"match_histogram": True},
        *({"colour_contrast": share} for share in (0.0, 1.0)),
    ],
    [{"detail": "none"}, *({"detail": "sharpen", "sharpener": name} for name in SHARPENERS)],
    [
        *({"blend": name} for name in BLENDS),
        *({"colour": "none", "blend": name} for name in BLENDS if name != "alpha"),
    ],
    [{"output_mode": name} for name in ("face", "mask", "rgba")],
    [
        {"converter": "adjust"},
        {"converter": "adjust", "average_colour": False},
        {"converter": "adjust", "smooth_mask": False},
    ],
)


class Bench:
    """One frame, ready to be converted by any settings."""

    def __init__(self, clip: Path, faceset: Path, model: Path, index: int) -> None:
        self.frame = next(open_source(clip).frames(index, index + 1)).rgb()
        self._faceset, self._index = faceset, index
        self._swapper = Swapper.load(model, ConvertSettings())
        self._plan = make_plan(clip, faceset, FaceSelection(FrameRanges()), describe=self._swapper.describe)
        self._fitted: dict[str, ConversionPlan] = {}
        (item, *_), size = self._plan.faces[index], self.frame.shape[:2]
        face = item.face
        self._part = crop_bounds(
            InputCrop(100, 0.85).alignment(face.alignment, face.crop_size), 100, size[1], size[0], margin=0
        )

    def tile(self, side: int, **settings: Any) -> Image | None:
        """The part of the converted frame around the face, ``None`` where the model cannot do it."""
        compositor = Compositor(from_options(ConvertSettings, **settings), self._swapper)
        try:
            items = self._fit(compositor).faces[self._index]
        except SettingsError:
            return None
        crops = [self._swapper.crop(self.frame, item) for item in items]
        drawn = self._swapper.draw(crops, [item.geometry for item in items])
        result = compositor.compose(self.frame, list(zip(items, drawn, strict=True)))
        if result.shape[2] == 4:
            result = _over_chequers(result)
        return self.shown(result, side)

    def _fit(self, compositor: Compositor) -> ConversionPlan:
        """The plan fitted for the compositor's steps, made anew only for steps that are fitted otherwise."""
        needed = [step.needs_mask for step in compositor.steps]
        key = f"{fit_keys(self._swapper, compositor.steps, self._plan)} {needed}"
        if key not in self._fitted:
            self._fitted[key] = fit_plan(self._plan, self._faceset, self._swapper, compositor.steps)
        return self._fitted[key]

    def shown(self, picture: Image, side: int) -> Image:
        left, top, right, bottom = self._part
        part = picture[top:bottom, left:right]
        return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _over_chequers(rgba: Image) -> Image:
    y, x = np.indices(rgba.shape[:2])
    squares = np.where((y // 16 + x // 16) % 2, 200, 255)[..., None]
    alpha = rgba[..., 3:] / 255
    return np.asarray(rgba[..., :3] * alpha + squares * (1 - alpha), dtype=np.uint8)


def _named(tile: Image, text: str) -> Image:
    """A picture with a line of text above it."""
    strip = np.full((_LINE, tile.shape[1], 3), 255, dtype=np.uint8)
    cv2.putText(strip, text, (2, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([strip, tile])


def _words(settings: dict[str, Any]) -> str:
    words = []
    for name, value in settings.items():
        said = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(said if value else f"no {said}")
        else:
            words.append(f"{said} {value:g}" if isinstance(value, float) else str(value))
    return ", ".join(words)


def _sheet(rows: Sequence[Sequence[Image]]) -> Image:
    columns = max(map(len, rows))
    blank = np.full_like(rows[0][0], 255)
    return np.vstack([np.hstack([*row, *[blank] * (columns - len(row))]) for row in rows])


def every_combination(bench: Bench, side: int) -> Image:
    """A row for each mask and blend, a column for each matching."""
    rows = []
    for mask, blend in itertools.product(MASKS, BLENDS):
        tiles = [
            (colour, bench.tile(side, mask_type=mask, colour=colour, blend=blend))
            for colour in COLOUR_TRANSFERS
        ]
        row = [_named(tile, f"{mask}, {colour}, {blend}") for colour, tile in tiles if tile is not None]
        if row:
            rows.append(row)
    return _sheet(rows)


def every_option(bench: Bench, side: int) -> Image:
    """A row for each option, its first picture the frame as it was and the second the defaults."""
    before, default = bench.shown(bench.frame, side), bench.tile(side)
    rows = [[_named(before, "source"), *([] if default is None else [_named(default, "defaults")])]]
    for variants in _OPTIONS:
        row = []
        for settings in variants:
            tile = bench.tile(side, **settings)
            if tile is not None:
                row.append(_named(tile, _words(settings)))
        rows.append(row)
    return _sheet(rows)


def main() -> None:
    """Write both sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-i", "--input", type=Path, required=True, help="clip")
    parser.add_argument("-a", "--faceset", type=Path, required=True, help="its faces")
    parser.add_argument("-m", "--model", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("--frame", type=int, default=10)
    parser.add_argument("--side", type=int, default=200, help="pixels of a picture")
    options = parser.parse_args()
    bench = Bench(options.input, options.faceset, options.model, options.frame)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, draw in (("all", every_combination), ("options", every_option)):
        sheet = cv2.cvtColor(draw(bench, options.side), cv2.COLOR_RGB2BGR)
        path = options.output / f"{name}.jpg"
        if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88]):
            raise SystemExit(f"{path}: cannot be written")
        print(path)


if __name__ == "__main__":
    main()
