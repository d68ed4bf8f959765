"""What a faceset shows of a face and what it lacks: poses, mouth, eyes, light, size, sharpness.

What a model never saw, it cannot draw. Alone, a faceset is held against what talking heads usually do;
beside another one (the clip to convert), against what that one shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from facedouble.curation.attributes import Array, FaceAttributes
from facedouble.faces.pose import PITCH_EDGES, YAW_EDGES, pose_bins

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One measure as a histogram: bins between ``edges``, what lies outside counted in the outermost.

    ``useful`` are the values that a training set should have whatever it is for; ``None`` where it needs
    no more than the other clip has. ``goal`` is whether having what the other has is of use: being as
    blurred or as small is not. ``ticks`` are the values written below the axis.
    """

    name: str
    measure: str
    edges: Array
    ticks: tuple[float, ...]
    useful: tuple[float, float] | None = None
    goal: bool = True
    logarithmic: bool = False

    def counts(self, measures: FaceAttributes) -> Counts:
        """How many faces fall into each bin."""
        values: Array = getattr(measures, self.measure)
        known = values[~np.isnan(values)]
        inside = np.clip(known, self.edges[0], np.nextafter(self.edges[-1], 0))
        return np.histogram(inside, self.edges)[0].astype(np.int64)


_OCTAVES = 2.0 ** np.arange(2, 12.5)
_HALF_OCTAVES = 2.0 ** np.arange(5, 10.25, 0.5)
AXES: tuple[Axis, ...] = (
    Axis("mouth opening", "mouth", np.linspace(0, 0.8, 11), (0, 0.2, 0.4, 0.6, 0.8), (0.0, 0.48)),
    Axis("eye opening", "eyes", np.linspace(0, 0.5, 11), (0, 0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.35)),
    Axis("brightness of the face", "brightness", np.linspace(0, 1, 11), (0, 0.2, 0.4, 0.6, 0.8, 1)),
    Axis("sharpness", "sharpness", _OCTAVES, (4, 16, 64, 256, 1024), goal=False, logarithmic=True),
    Axis("width, pixels", "width", _HALF_OCTAVES, (32, 64, 128, 256, 512), goal=False, logarithmic=True),
)


def pose_counts(measures: FaceAttributes) -> Counts:
    """Faces by pitch and yaw: (rows of ``PITCH_EDGES`` from looking up to down, columns of
    ``YAW_EDGES``), see ``faces/pose.py``."""
    across, up = pose_bins(measures.yaw, measures.pitch)
    counts = np.zeros((len(PITCH_EDGES) - 1, len(YAW_EDGES) - 1), dtype=np.int64)
    np.add.at(counts, (up, across), 1)
    return counts[::-1].copy()


def missing_poses(here: Counts, there: Counts | None) -> Mask:
    """Bins of :func:`pose_counts` that are empty, or nearly, and should not be.

    Beside another faceset those that it has. Alone, those within an ellipse of 45 degrees of yaw and
    25 of pitch, in which heads move that talk to somebody.
    """
    if there is not None:
        return missing_bins(here, there, None)
    yaw = (YAW_EDGES[:-1] + YAW_EDGES[1:]) / 2
    pitch = -(PITCH_EDGES[:-1] + PITCH_EDGES[1:]) / 2
    useful = (yaw[None] / 45) ** 2 + (pitch[:, None] / 25) ** 2 <= 1
    return missing_bins(here, None, useful)


def missing_values(axis: Axis, here: Counts, there: Counts | None) -> Mask:
    """Bins of an axis that are empty, or nearly, and should not be."""
    useful = np.zeros(len(here), dtype=np.bool_)
    if not axis.goal:
        return useful
    if axis.useful is not None:
        low, high = axis.useful
        centres = (axis.edges[:-1] + axis.edges[1:]) / 2
        useful = (centres >= low) & (centres <= high)
    return missing_bins(here, there, useful)


def missing_bins(here: Counts, there: Counts | None, useful: Mask | None) -> Mask:
    """Bins with nothing ``here`` among the useful ones; beside another faceset, bins in which it has at
    least a hundredth of its faces and an eighth of that share is not reached here."""
    if there is None:
        assert useful is not None
        return np.asarray((here == 0) & useful, dtype=np.bool_)
    share_here = here / max(int(here.sum()), 1)
    share_there = there / max(int(there.sum()), 1)
    return np.asarray((share_there >= 0.01) & (share_here < share_there / 8), dtype=np.bool_)


# -- in sentences ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Region:
    """A part of what faces do: values of a measure between ``low`` and ``high``. ``wanted`` is the share
    of faces that should be in it, ``what`` what they do, as the end of a sentence."""

    measure: str
    low: float
    high: float
    wanted: float
    what: str


_REGIONS = (
    _Region("yaw", -np.inf, -20, 0.05, "look to the left of the image (yaw under -20)"),
    _Region("yaw", 20, np.inf, 0.05, "look to the right of the image (yaw over 20)"),
    _Region("pitch", 10, np.inf, 0.05, "look up (pitch over 10)"),
    _Region("pitch", -np.inf, -10, 0.05, "look down (pitch under -10)"),
    _Region("mouth", 0.4, np.inf, 0.03, "have the mouth wide open (over 0.4)"),
    _Region("mouth", -np.inf, 0.08, 0.05, "have the mouth shut (under 0.08)"),
    _Region("eyes", -np.inf, 0.15, 0.01, "have the eyes shut (under 0.15); a blink may come out open"),
    _Region("eyes", 0.22, np.inf, 0.2, "have the eyes open (over 0.22)"),
)


def coverage_sentences(here: FaceAttributes, crop_face: float, *, limit: int = 5) -> list[str]:
    """What a faceset shows, and what it lacks most, in two to ``limit`` sentences.

    ``crop_face`` is the width of a face in its crops, in pixels.
    """
    found: list[tuple[float, str]] = []
    for region in _REGIONS:
        values: Array = getattr(here, region.measure)
        share = float(np.mean((values > region.low) & (values < region.high)))
        if share < region.wanted:
            few = f"Only {_percent(share)} of the faces" if share else "None of the faces"
            found.append((1 - share / region.wanted, f"{few} {region.what}."))
    light = _known(here.brightness)
    if len(light):
        low, high = np.quantile(light, [0.05, 0.95])
        if high - low < 0.1:
            found.append((0.1, f"Nearly all faces are equally bright ({low:.2f} to {high:.2f})."))
    enlarged = float(np.mean(here.width < crop_face))
    if enlarged > 0.5:
        half = f"half of the faces are under {np.median(here.width):.0f} pixels wide"
        found.append((0.5, f"{_percent(enlarged)} of the crops are enlarged: {half}."))
    return _summary_and_gaps(here, found, limit, "Nothing is missing that heads usually do when they talk.")


def comparison_sentences(
    here: FaceAttributes, there: FaceAttributes, other: str, *, limit: int = 5
) -> list[str]:
    """What a faceset lacks of what the one called ``other`` shows, in two to ``limit`` sentences."""
    found: list[tuple[float, str]] = []
    uncovered = _uncovered(
        np.column_stack([here.yaw, here.pitch]), np.column_stack([there.yaw, there.pitch]), (8, 8)
    )
    share = float(uncovered.mean())
    if share >= 0.01:
        ways = (
            ("to the left of the image", there.yaw < -15),
            ("to the right of the image", there.yaw > 15),
            ("up", there.pitch > 10),
            ("down", there.pitch < -10),
        )
        shares = sorted(((float((uncovered & way).mean()), name) for name, way in ways), reverse=True)
        where = ", ".join(f"{name} ({_percent(part)})" for part, name in shares if part >= 0.01)
        text = f"{_percent(share)} of the faces of {other} have a pose that no face here comes near"
        found.append((share, f"{text}; they look {where}." if where else f"{text}."))
    for measure, reach, above, below in (
        ("mouth", 0.08, "have the mouth open wider", "have the mouth shut more tightly"),
        ("eyes", 0.05, "have the eyes open wider", "have the eyes more shut"),
        ("brightness", 0.1, "are brighter", "are darker"),
    ):
        found.extend(_beyond(getattr(here, measure), getattr(there, measure), reach, above, below, other))
    sharp_here, sharp_there = np.median(here.sharpness), np.median(there.sharpness)
    if sharp_here < 0.5 * sharp_there:
        found.append(
            (0.02, f"Faces here are blurred: sharpness {sharp_here:.0f}, of {other} {sharp_there:.0f}.")
        )
    wide_here, wide_there = np.median(here.width), np.median(there.width)
    if wide_here < 0.6 * wide_there:
        found.append(
            (0.02, f"Faces here are small: {wide_here:.0f} pixels wide, of {other} {wide_there:.0f}.")
        )
    return _summary_and_gaps(here, found, limit, f"Everything that {other} does is here as well.")


def _beyond(
    here: Array, there: Array, reach: float, above: str, below: str, other: str
) -> list[tuple[float, str]]:
    """What is said of values ``there`` to which there are hardly any ``here`` within ``reach``, by the
    side of the median of ``here`` on which they lie."""
    here, there = _known(here), _known(there)
    if not len(here) or not len(there):
        return []
    uncovered = _uncovered(here[:, None], there[:, None], (reach,))
    result = []
    for phrase, side in ((above, there > np.median(here)), (below, there < np.median(here))):
        share = float((uncovered & side).mean())
        if share >= 0.01:
            about = float(np.median(there[uncovered & side]))
            text = f"{_percent(share)} of the faces of {other} {phrase} than here (about {about:.2f})."
            result.append((share, text))
    return result


def _uncovered(here: Array, there: Array, reach: Sequence[float]) -> Mask:
    """Which of M points ``there`` (M, K) have hardly any of the N ``here`` (N, K) within ``reach`` (K,)."""
    if not len(here):
        return np.ones(len(there), dtype=np.bool_)
    near = cKDTree(here / reach).query_ball_point(there / np.asarray(reach), 1.0, return_length=True)
    return np.asarray(near < max(1, 0.003 * len(here)))


def _summary_and_gaps(
    here: FaceAttributes, found: list[tuple[float, str]], limit: int, otherwise: str
) -> list[str]:
    """A sentence on the whole, and those found, the largest share first; ``otherwise`` if there are none."""
    yaw, pitch = np.quantile(here.yaw, [0.025, 0.975]), np.quantile(here.pitch, [0.025, 0.975])
    summary = (
        f"95% of the {len(here.yaw)} faces have a yaw of {_range_text(yaw)} "
        f"and a pitch of {_range_text(pitch)} degrees."
    )
    lacking = [text for _, text in sorted(found, key=lambda entry: -entry[0])]
    return [summary, *(lacking[: limit - 1] or [otherwise])]


def _range_text(ends: Array) -> str:
    low, high = (round(float(end)) for end in ends)
    return f"{low} to {high}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _known(values: Array) -> Array:
    return values[~np.isnan(values)]
