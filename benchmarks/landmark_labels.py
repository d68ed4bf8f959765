"""The lids and lips that a person marked in 40 frames, and how far landmarks are from them.

``data/README.md`` says how they were marked. Pure functions on curves: open lines (N, 2) of points from
left to right in the frame, in frame pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facedouble.faces.schemes.scheme import Indices, LandmarkScheme
from facedouble.types import Landmarks

Curve = npt.NDArray[np.float64]

LABELS = Path(__file__).parent / "data" / "lids_and_lips.json"
_STEPS = 24  # points of the smooth curve for each piece between two marked points
_PLACES = np.linspace(0.1, 0.9, 9)  # of a curve's length, where it is compared


@dataclass(frozen=True, slots=True)
class Part:
    """An eye or a mouth: its two ``corners`` (2, 2), left to right, and its ``curves`` by name, each from
    corner to corner. ``shut``: upper and lower inner edge are one line."""

    corners: Curve
    curves: Mapping[str, Curve]
    shut: bool


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One labelled frame. Parts that are hidden are left out; ``unsure`` are those whose lids could not be
    told from lashes and shadow."""

    clip: str
    sha256: str
    frame: int
    parts: Mapping[str, Part]
    unsure: frozenset[str]

    @property
    def eye_distance(self) -> float | None:
        """Distance between the middles of the eyes' corners; ``None`` with one eye hidden."""
        if not {"right_eye", "left_eye"} <= self.parts.keys():
            return None
        right, left = (self.parts[name].corners.mean(axis=0) for name in ("right_eye", "left_eye"))
        return float(np.linalg.norm(left - right))


def load(path: Path = LABELS, which: str = "labels") -> list[LabelledFrame]:
    """The labelled frames; with ``which`` "again", those that were marked a second time."""
    return [_frame(value) for value in json.loads(path.read_text(encoding="utf-8"))[which]]


def find_clips(frames: Sequence[LabelledFrame], paths: Sequence[Path]) -> dict[str, Path]:
    """The clip of each name among ``paths``. A file of that name with other content is left out."""
    expected = {frame.clip: frame.sha256 for frame in frames}
    return {
        path.name: path
        for path in paths
        if path.is_file()
        and path.name in expected
        and hashlib.sha256(path.read_bytes()).hexdigest() == expected[path.name]
    }


def smooth(curve: Curve) -> Curve:
    """A Catmull-Rom spline (centripetal, Yuksel et al. 2011) through the points of a curve (N, 2)."""
    if len(curve) < 3:
        return np.asarray(curve[:1] + np.linspace(0, 1, _STEPS)[:, None] * (curve[-1:] - curve[:1]))
    points = np.vstack([2 * curve[0] - curve[1], curve, 2 * curve[-1] - curve[-2]])
    pieces = [_piece(points[i : i + 4]) for i in range(len(points) - 3)]
    return np.vstack([*pieces, curve[-1:]])


def _piece(p: Curve) -> Curve:
    """The spline between the second and the third of four points, without its end."""
    steps = np.maximum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)), 1e-6)
    knots = np.concatenate([[0], np.cumsum(steps)])
    t = np.linspace(knots[1], knots[2], _STEPS, endpoint=False)[:, None]

    def between(a: Curve, b: Curve, start: float, end: float) -> Curve:
        return np.asarray(((end - t) * a + (t - start) * b) / (end - start))

    first = [between(p[i], p[i + 1], knots[i], knots[i + 1]) for i in range(3)]
    second = [between(first[i], first[i + 1], knots[i], knots[i + 2]) for i in range(2)]
    return between(second[0], second[1], knots[1], knots[2])


def along(curve: Curve, places: npt.NDArray[np.float64] = _PLACES) -> Curve:
    """The points (K, 2) of a line at these shares of its length."""
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    wanted = places * steps[-1]
    return np.column_stack([np.interp(wanted, steps, curve[:, i]) for i in range(2)])


def distances(points: Curve, line: Curve) -> npt.NDArray[np.float64]:
    """Distance of each point (K, 2) to a line (N, 2)."""
    start, step = line[:-1], np.diff(line, axis=0)
    length = np.maximum((step**2).sum(axis=1), 1e-12)
    share = np.clip(((points[:, None] - start) * step).sum(axis=2) / length, 0, 1)
    nearest = start + share[..., None] * step
    return np.asarray(np.linalg.norm(points[:, None] - nearest, axis=2).min(axis=1))


def curve_error(found: Curve, marked: Curve) -> float:
    """Mean distance in pixels of a found curve to a marked one: of nine places spread evenly over each to the
    other, so that the number of points in a scheme does not matter."""
    lines = smooth(found), smooth(marked)
    there, back = (distances(along(a), b).mean() for a, b in (lines, lines[::-1]))
    return float(there + back) / 2


def gap(upper: Curve, lower: Curve) -> float:
    """Height of an opening in pixels: mean distance of its edges at the quarters of the line between the
    corners, perpendicular to it."""
    start, end = upper[0], upper[-1]
    across = (end - start) / np.linalg.norm(end - start)
    down = np.array([-across[1], across[0]])
    heights = []
    for line in (smooth(upper), smooth(lower)):
        x, y = (line - start) @ across, (line - start) @ down
        order = np.argsort(x)
        heights.append(
            np.interp(np.linalg.norm(end - start) * np.array([0.25, 0.5, 0.75]), x[order], y[order])
        )
    return float(np.mean(heights[1] - heights[0]))


def part_of(landmarks: Landmarks, scheme: LandmarkScheme, name: str) -> Part:
    """An eye or the mouth of landmarks (P, 2), with the same curves as a labelled part."""
    points = landmarks.astype(np.float64)
    regions = scheme.regions
    if name == "mouth":
        inner = _edges(regions.inner_lips, regions.mouth.corners, scheme)
        outer = _edges(regions.outer_lips, regions.mouth.corners, scheme)
        curves = dict(
            zip(("outer_upper", "outer_lower", "inner_upper", "inner_lower"), outer + inner, strict=True)
        )
        corners = points[[outer[0][0], outer[0][-1]]]
    else:
        eye = regions.right_eye if name == "right_eye" else regions.left_eye
        lids = _edges(eye.contour, eye.opening.corners, scheme)
        curves = dict(zip(("upper_lid", "lower_lid"), lids, strict=True))
        corners = points[[lids[0][0], lids[0][-1]]]
    return Part(corners, {key: points[list(line)] for key, line in curves.items()}, False)


def _edges(contour: Indices, corners: tuple[int, int], scheme: LandmarkScheme) -> tuple[Indices, Indices]:
    """Upper and lower edge of a closed contour, each from its left end to its right one: ``corners`` if they
    belong to the contour, else its outermost points on the mean face."""
    mean = scheme.mean_shape.astype(np.float64)
    if set(corners) <= set(contour):
        left, right = (contour.index(corner) for corner in corners)
    else:
        across = [mean[point, 0] for point in contour]
        left, right = int(np.argmin(across)), int(np.argmax(across))
    turned = contour[left:] + contour[:left]
    split = (right - left) % len(contour)
    one, other = turned[: split + 1], (turned[0], *turned[: split - 1 : -1])
    upper_first = mean[list(one[1:-1])][:, 1].mean() < mean[list(other[1:-1])][:, 1].mean()
    return (one, other) if upper_first else (other, one)


def _frame(value: Mapping[str, Any]) -> LabelledFrame:
    parts = {
        name: _part(value[name]) for name in ("right_eye", "left_eye", "mouth") if value[name] is not None
    }
    return LabelledFrame(value["clip"], value["sha256"], value["frame"], parts, frozenset(value["unsure"]))


def _part(value: Mapping[str, Any]) -> Part:
    left, right = value["corners"]
    curves = {
        name: np.array([left, *points, right], dtype=np.float64)
        for name, points in value.items()
        if name not in ("corners", "shut")
    }
    return Part(np.array(value["corners"], dtype=np.float64), curves, value["shut"])


def part_errors(found: Part, marked: Part) -> Iterator[tuple[str, float]]:
    """Errors in pixels by kind: of corners, of each curve, and of the opening's height."""
    yield "corners", float(np.linalg.norm(found.corners - marked.corners, axis=1).mean())
    for name, curve in marked.curves.items():
        yield name, curve_error(found.curves[name], curve)
    edges = ("inner_upper", "inner_lower") if "inner_upper" in marked.curves else ("upper_lid", "lower_lid")
    heights = [0.0 if part.shut else gap(*(part.curves[edge] for edge in edges)) for part in (found, marked)]
    yield "opening", abs(heights[0] - heights[1])
