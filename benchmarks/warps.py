"""What making training pairs takes, and what they look like: ``python -m benchmarks.warps``.

Times are processor time for one side's batch on one core, as the thread has that makes batches ahead; the
shortest of many. ``--sheet OUT.jpg -A FACESET -B FACESET`` draws each warp on real faces instead.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.table import Cell, Table, print_tables
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.files import write_whole
from facedouble.settings.recipe import Warp, usual_warp
from facedouble.training.batch import Batch
from facedouble.training.loading import load
from facedouble.training.preprocess import cached_size
from facedouble.training.registry import RECIPES, WARPS
from facedouble.training.warp.pairs import make_pairs
from facedouble.types import Image

_SIZES = ((64, 64), (96, 8), (256, 8))  # resolution and faces of each side
_STILL = Warp(rotation=0, zoom=0, shift=0, flip=0)


def random_batch(count: int, resolution: int) -> Batch:
    """Noise with landmarks, as :meth:`SideDataset.draw` would return it."""
    random = torch.Generator().manual_seed(0)
    size = cached_size(resolution, resolution)
    pixels = torch.randint(256, (count, 5, size, size), generator=random, dtype=torch.uint8)
    landmarks = torch.rand(1, 68, 2, generator=random) - 0.5
    landmarks = landmarks + 0.02 * torch.randn(count, 68, 2, generator=random)
    return Batch(
        pixels, landmarks, landmarks[:, None].flip(0).expand(-1, 10, -1, -1), count, slice(0, count), DLIB68
    )


def best(work: Callable[[], object], seconds: float = 0.7) -> float:
    """Shortest processor time of ``work`` in seconds, of as many as fit into ``seconds``, five at least."""
    work()
    times: list[float] = []
    while len(times) < 5 or sum(times) < seconds:
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def measure() -> list[Table]:
    """Milliseconds of :func:`make_pairs` for each kind of warp."""
    torch.set_num_threads(1)
    quick = RECIPES["quick"].warp
    warps = {f"quick's own, {kind}": quick.replace(kind=kind) for kind in WARPS}
    warps["usual: grid and jitter in Oklab"] = usual_warp()
    warps["usual, with patches"] = usual_warp().replace(occlusion=0.3)
    batches = [(random_batch(count, resolution), resolution) for resolution, count in _SIZES]
    random = torch.Generator().manual_seed(0)
    rows: list[list[Cell]] = []
    for name, warp in warps.items():
        cells: list[Cell] = [name]
        for batch, resolution in batches:
            cells.append(1e3 * best(partial(make_pairs, batch, resolution, warp, 1.0, random)))
        rows.append(cells)
    heads = [f"{count} faces, {resolution} pixels, ms" for resolution, count in _SIZES]
    return [Table("warps", ["warp", *heads], rows)]


def sheet(facesets_a: list[Path], facesets_b: list[Path], faces: int = 7, side: int = 96) -> Image:
    """A row of the same faces of A for each warp, and for jitter and patches, with their names."""
    data = load({"a": facesets_a, "b": facesets_b}, resolution=side, coverage=0.7, device=torch.device("cpu"))
    batch = data.training["a"].draw(faces, torch.Generator().manual_seed(2))

    def drawn(warp: Warp) -> dict[str, Tensor]:
        return vars(make_pairs(batch, side, warp, 1.0, torch.Generator().manual_seed(3)))

    rows = {"target": drawn(_STILL)["targets"]}
    rows |= {kind: drawn(_STILL.replace(kind=kind))["inputs"] for kind in WARPS if kind != "none"}
    usual = usual_warp().replace(kind="none", lightness=0.12, chroma=0.25, hue=10)
    rows |= {"turned, in Oklab": drawn(usual)["inputs"], "its target": drawn(usual)["targets"]}
    patches = drawn(_STILL.replace(kind="none", occlusion=1))
    rows |= {"patches": patches["inputs"], "face": patches["face"].expand(-1, 3, -1, -1)}
    return np.vstack([_row(name, pictures) for name, pictures in rows.items()])


def _row(name: str, pictures: Tensor) -> Image:
    strip = (torch.cat(list(pictures.clamp(0, 1)), dim=2) * 255).round().byte().permute(1, 2, 0).numpy()
    head = np.full((strip.shape[0], 130, 3), 250, dtype=np.uint8)
    at = (6, strip.shape[0] // 2 + 5)
    cv2.putText(head, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (38, 42, 48), 1, cv2.LINE_AA)
    return np.hstack([head, strip])


def main() -> None:
    """Print the table, or draw the sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warps", description=__doc__)
    parser.add_argument("--sheet", type=Path, help="draw the warps into this .jpg")
    parser.add_argument("-A", dest="a", type=Path, action="append", help="faceset of A, for --sheet")
    parser.add_argument("-B", dest="b", type=Path, action="append", help="faceset of B, for --sheet")
    options = parser.parse_args()
    if options.sheet is None:
        print_tables(measure())
        return
    if not options.a or not options.b:
        parser.error("--sheet needs -A and -B")
    picture = cv2.cvtColor(sheet(options.a, options.b), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    write_whole(options.sheet, data.tobytes())


if __name__ == "__main__":
    main()
