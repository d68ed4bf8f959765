"""Does it do what A does? Measures of pose, position and expression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facedouble.evaluation import expression
from facedouble.evaluation.measure import Evidence, Outcome, judged_by, mean_known, measure
from facedouble.faces.landmarks import eye_distance, eye_opening, mouth_opening
from facedouble.faces.pose import head_poses

_MIN_SPREAD = {"mouth": 0.02, "eyes": 0.015, "gaze": 0.1}
"""Standard deviation of the source's own series below which there is nothing to follow."""


@measure(
    group="expression",
    by_landmarks=True,
    unit="°",
    better="lower",
    good=(0, 3),
    fair=(0, 6),
    praise="The head moves as A's does.",
    blame="The head does not move as A's does (error {}).",
    number_format="{:.1f}",
    per_frame=True,
)
def pose(evidence: Evidence) -> Outcome:
    """How far the motion of the head differs from the source's: Euclidean distance between yaw, pitch and
    roll of result and source in degrees, as in FaceShifter (Li et al. 2019), after subtracting the median
    difference, because a person's features shift the estimated pose by some degrees (see ``pose_offset``).
    Mean over the frames; lower is better, good up to 3. Landmarks that have depth show heads turned by up to
    65 degrees within 3; without it, yaw is exaggerated by up to 9 from 20 degrees on, in both clips alike.
    """
    apart = _poses_apart(evidence)
    series = expression.euler_distance(apart, np.median(apart, axis=0))
    return Outcome(mean_known(series), series)


@measure(
    group="expression",
    by_landmarks=True,
    unit="°",
    better="lower",
    good=(0, 6),
    fair=(0, 10),
    praise="The head is held as A holds it.",
    blame="The head is constantly rotated by {} from how A holds it.",
    number_format="{:.1f}",
)
def pose_offset(evidence: Evidence) -> Outcome:
    """The constant part of the pose difference: norm of the median over the frames of the differences in yaw,
    pitch and roll, in degrees. Another person's features alone account for up to about 5; lower is better,
    good up to 6.
    """
    return Outcome(float(np.linalg.norm(np.median(_poses_apart(evidence), axis=0))))


@measure(
    group="expression",
    by_landmarks=True,
    unit="%",
    better="lower",
    good=(0, 0.07),
    fair=(0, 0.14),
    praise="The face is where A's is.",
    blame="The face is displaced by {} of the eye distance.",
    number_format="{:.1f}",
    per_frame=True,
)
def place(evidence: Evidence) -> Outcome:
    """How far the face is from its position in the source: distance between the means of the landmarks within
    the face, in percent of the eye distance. Mean over the frames; lower is better. Another person's
    features alone account for about 3; good up to 7.
    """
    seen = judged_by(evidence)
    inner = [i for i in seen.scheme.inner if i not in seen.scheme.optional]
    apart = np.take(seen.landmarks - seen.source_landmarks, inner, axis=1).mean(axis=1)
    size = np.array([eye_distance(points, seen.scheme) for points in seen.source_landmarks])
    series = np.linalg.norm(apart, axis=1).astype(np.float64) / size
    return Outcome(mean_known(series), series)


@measure(
    group="expression",
    by_landmarks=True,
    unit="%",
    better="lower",
    good=(0, 0.035),
    fair=(0, 0.06),
    praise="Expressions are A's.",
    blame="Expressions differ from A's by {} of the eye distance.",
    number_format="{:.1f}",
    per_frame=True,
)
def expression_error(evidence: Evidence) -> Outcome:
    """Mean distance between the landmarks within the face of result and source, after both were turned to a
    frontal pose and each person's own shape was subtracted (``expression.expression_distance``), in percent
    of the eye distance, the normalisation of 300-W (Sagonas et al. 2013). Lower is better; landmark
    detection alone contributes 0.1 with ``mediapipe478`` and 1 with ``dlib68``; good up to 3.5 by the latter.
    """
    seen = judged_by(evidence)
    series = expression.expression_distance(seen.landmarks, seen.source_landmarks, seen.scheme)
    return Outcome(mean_known(series), series)


@measure(
    group="expression",
    by_landmarks=True,
    better="higher",
    good=(0.88, 1),
    fair=(0.7, 1),
    praise="The mouth follows A's (correlation {}).",
    blame="The mouth does not follow A's (correlation {}).",
    with_source=True,
)
def mouth(evidence: Evidence) -> Outcome:
    """Pearson correlation over time of the mouth opening with the source's (``faces.landmarks``), -1 to 1;
    higher is better. From 0.88 it is good and reads as the same speech. Not available if the source's mouth
    hardly moves. The curves show the openings themselves.
    """
    return _follows(evidence, "mouth")


@measure(
    group="expression",
    by_landmarks=True,
    better="higher",
    good=(0.7, 1),
    fair=(0.4, 1),
    praise="Blinks come through.",
    blame="The eyes do not open and close with A's (correlation {}).",
    with_source=True,
)
def eyes(evidence: Evidence) -> Outcome:
    """The same correlation for the eye opening, the eye aspect ratio of Soukupová and Čech 2016; higher is
    better, good from 0.7: blinks come through.
    """
    return _follows(evidence, "eyes")


@measure(
    group="expression",
    by_landmarks=True,
    better="higher",
    good=(0.6, 1),
    fair=(0.3, 1),
    praise="The eyes look where A's look.",
    blame="The eyes do not look where A's look (correlation {}).",
    with_source=True,
)
def gaze(evidence: Evidence) -> Outcome:
    """The same correlation for the horizontal gaze, from the irises (``expression.gaze``). It is coarse: half
    a dozen pixels in a face of 300. Higher is better, good from 0.6. Not available if the source's eyes
    hardly move or are closed.
    """
    return _follows(evidence, "gaze")


def _poses_apart(evidence: Evidence) -> npt.NDArray[np.float64]:
    """Yaw, pitch and roll (N, 3) of the result less those of the source, the short way round."""
    seen = judged_by(evidence)
    result, source = (
        head_poses(points, seen.scheme, seen.depth[:, number])[:, :3]
        for number, points in enumerate((seen.landmarks, seen.source_landmarks))
    )
    return np.asarray((result - source + 180) % 360 - 180)


def _follows(evidence: Evidence, what: str) -> Outcome:
    seen = judged_by(evidence)
    if what == "gaze":
        of_result, of_source = seen.gaze.T
    else:
        opening = mouth_opening if what == "mouth" else eye_opening
        of_result, of_source = (
            np.array([opening(points, seen.scheme) for points in all_points])
            for all_points in (seen.landmarks, seen.source_landmarks)
        )
    known = ~(np.isnan(of_result) | np.isnan(of_source))
    still = known.sum() < 3 or of_source[known].std() < _MIN_SPREAD[what]
    value = None if still else expression.correlation(of_result[known], of_source[known])
    return Outcome(value, of_result, of_source)
