"""Is it steady? Measures of jitter, flicker and colour drift."""

from __future__ import annotations

import numpy as np

from facedouble.evaluation import steadiness
from facedouble.evaluation.measure import Evidence, Outcome, judged_by, measure
from facedouble.faces.align import fit_similarity, map_points
from facedouble.faces.landmarks import eye_distance

_MIN_CHANGE = 0.5  # levels: below it, the changes of the source are the encoder's


@measure(
    group="steadiness",
    by_landmarks=True,
    unit="%",
    better="lower",
    good=(0, 0.02),
    fair=(0, 0.04),
    praise="The face does not jitter.",
    blame="The face jitters by {} of the eye distance.",
    per_frame=True,
)
def jitter(evidence: Evidence) -> Outcome:
    """Root mean square over the frames of the face's jitter relative to the source: second difference in time
    of the similarity that takes the source's landmarks to the result's (``steadiness.jitter``), in percent
    of the eye distance; lower is better. The re-encoded source has about 1 while the head is shaken, from
    landmark detection alone; good up to 2.
    """
    seen = judged_by(evidence)
    size = np.array([eye_distance(points, seen.scheme) for points in seen.source_landmarks])
    # Single landmarks jitter by 2% because they are detected anew; the similarity they agree on does not.
    required = list(seen.scheme.required)
    source, weights = seen.source_landmarks[:, required], np.ones(len(required))
    together_moved = [
        map_points(fit_similarity(own.astype(np.float64), new.astype(np.float64), weights), own)
        for own, new in zip(source, seen.landmarks[:, required], strict=True)
    ]
    series = steadiness.jitter(np.stack(together_moved), source, size)
    together = np.diff(seen.index) == 1
    series[1:-1][~(together[1:] & together[:-1])] = np.nan
    value = float(np.sqrt(np.nanmean(series**2))) if not np.isnan(series).all() else None
    return Outcome(value, series)


@measure(
    group="steadiness",
    better="lower",
    good=(0, 1.3),
    fair=(0, 2),
    praise="The face does not flicker.",
    blame="The face flickers {} times as much as the source.",
    per_frame=True,
)
def flicker(evidence: Evidence) -> Outcome:
    """Warping error inside the face along the optical flow of the source, divided by that of the source
    itself (``steadiness.flicker``, after Lai et al. 2018); no unit, 1 is as steady as the source, lower is
    better. A blurred face has less than 1, because what has no detail cannot flicker: read it together with
    the sharpness. It is good up to 1.3.
    """
    return _flicker(evidence, 0)


@measure(
    group="steadiness",
    better="lower",
    good=(0, 1.25),
    fair=(0, 1.8),
    praise="Nothing in the face comes and goes.",
    blame="Something in the face comes and goes: {} times as much changes as in the source.",
    per_frame=True,
)
def flicker_own(evidence: Evidence) -> Outcome:
    """The same along the result's own optical flow, divided by the source's along the source's: only what no
    motion explains counts, such as detail that pops in and out. Where this is low and the flicker along the
    source's flow is high, the new face slides or swims; lower is better, good up to 1.25.
    """
    return _flicker(evidence, 2)


@measure(
    group="steadiness",
    unit="ΔE",
    better="lower",
    good=(0, 1),
    fair=(0, 2.5),
    praise="Its colour follows the light of the shot.",
    blame="Its colour drifts independently of the shot ({}).",
    per_frame=True,
)
def colour_drift(evidence: Evidence) -> Outcome:
    """Root mean square over the frames of how far the mean colour of the face drifts from its median offset
    to the source's (``steadiness.colour_drift``), Delta E of CIE 1976; lower is better, 1 is about a just
    noticeable difference, good up to 1.
    """
    series = steadiness.colour_drift(evidence.observed.lab[:, 0], evidence.observed.lab[:, 1])
    return Outcome(float(np.sqrt(np.mean(series**2))), series)


def _flicker(evidence: Evidence, which: int) -> Outcome:
    of_result, of_source = evidence.observed.change[:, (which, 1)].T
    if np.isnan(of_result).all():
        return Outcome(None)
    series = of_result / np.maximum(of_source, _MIN_CHANGE)
    value = float(np.nanmean(of_result) / max(float(np.nanmean(of_source)), _MIN_CHANGE))
    # A clip whose own change is below the floor is as steady as itself.
    quiet = np.nanmean(of_source) < _MIN_CHANGE and np.nanmean(of_result) <= np.nanmean(of_source)
    return Outcome(1.0 if quiet else value, series)
