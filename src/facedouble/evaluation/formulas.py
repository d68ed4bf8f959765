"""The formulas of the measures of a swap, one function each. Each docstring says what is computed, its unit,
which way is better, where it comes from and what is good.

What is good was set by looking: at the demonstration's swap, at the source held against itself (encoded
anew), and at results made worse on purpose; see docs/evaluation.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facedouble.evaluation import expression, people, steadiness
from facedouble.evaluation.metrics import correlation
from facedouble.evaluation.rating import Evidence, Outcome, Values
from facedouble.faces.align import fit_similarity, map_points
from facedouble.faces.landmarks import eye_distance, eye_opening, mouth_opening
from facedouble.faces.pose import head_poses
from facedouble.types import Side

_LEAST_SPREAD = {"mouth": 0.02, "eyes": 0.015, "gaze": 0.1}
"""Standard deviation of the source's own series below which there is nothing to follow."""
_LEAST_CHANGE = 0.5  # levels: below it, what the source changes by itself is the encoder's


# -- is it B? -------------------------------------------------------------------------------------------


def distance_to_b(evidence: Evidence) -> Outcome:
    """Mean Euclidean distance of dlib's 128-d descriptor (King 2017) of the result's faces to the mean of
    B's; no unit, lower is better. Under 0.6 is one person to dlib; frames of one clip lie at 0.15 to 0.25
    of their mean, and up to 0.45 reads as the person, which is good.
    """
    return _distance(evidence, evidence.b)


def distance_to_a(evidence: Evidence) -> Outcome:
    """The same distance to the mean of A's faces, which the result should not be taken for: higher is
    better, good from 0.6 up, where dlib says that it is another person.
    """
    return _distance(evidence, evidence.a)


def nearer_to_b(evidence: Evidence) -> Outcome:
    """Share of the frames looked at whose descriptor is nearer to the mean of B's than to the mean of
    A's; higher is better, good from 99%.
    """
    described = evidence.seen.descriptor
    to = [np.linalg.norm(described - person.mean, axis=1) for person in (evidence.a, evidence.b)]
    series = np.where(np.isnan(to[0]), np.nan, (to[1] < to[0]).astype(np.float64))
    return Outcome(_mean(series), series)


def retrieval(evidence: Evidence) -> Outcome:
    """Identity retrieval as FaceShifter (Li et al. 2019) defines it for its tables on FaceForensics++:
    share of the result's faces whose nearest single face, of all faces of everyone known, is one of B's.
    The gallery is every faceset given and the actors of the demonstration's clips where they are on this
    machine; the descriptor is dlib's, not CosFace, and the gallery smaller, so compare runs with each
    other and not with papers. Higher is better, good from 98%.
    """
    described = evidence.seen.descriptor
    known = ~np.isnan(described[:, 0])
    series = np.full(len(described), np.nan)
    if known.any():
        gallery = (evidence.b, evidence.a, *evidence.others)
        series[known] = people.nearest(described[known], gallery) == 0
    return Outcome(_mean(series), series)


# -- does it do what A does? ----------------------------------------------------------------------------


def pose(evidence: Evidence) -> Outcome:
    """How much more or less than the source's the head turns: Euclidean distance of yaw, pitch and roll
    of result and source in degrees, as FaceShifter (Li et al. 2019) takes it, but after the median
    difference is taken off, because features of a face shift its estimated pose by some degrees (see
    ``pose_offset``). Mean over the frames; lower is better, good up to 2.5.
    """
    apart = _poses_apart(evidence)
    series = expression.euler_distance(apart, np.median(apart, axis=0))
    return Outcome(_mean(series), series)


def pose_offset(evidence: Evidence) -> Outcome:
    """The part of the pose's difference that stays: norm of the median over the frames of the differences
    of yaw, pitch and roll, in degrees. Another person's features alone make up to some 5; lower is
    better, good up to 6.
    """
    return Outcome(float(np.linalg.norm(np.median(_poses_apart(evidence), axis=0))))


def place(evidence: Evidence) -> Outcome:
    """How far the face lies from where the source has it: distance between the means of the landmarks
    within the face, in percent of the eye distance. Mean over the frames; lower is better. Another
    person's features alone make some 3; good up to 7.
    """
    seen = evidence.seen
    inner = [i for i in seen.scheme.inner if i not in seen.scheme.optional]
    apart = np.take(seen.points - seen.source_points, inner, axis=1).mean(axis=1)
    size = np.array([eye_distance(points, seen.scheme) for points in seen.source_points])
    series = np.linalg.norm(apart, axis=1).astype(np.float64) / size
    return Outcome(_mean(series), series)


def expression_error(evidence: Evidence) -> Outcome:
    """Mean distance of the landmarks within the face from the source's, both turned frontal by the
    pose and freed of each person's own shape (``expression.expression_distance``), in percent of the eye
    distance, the normalisation of 300-W (Sagonas et al. 2013). Lower is better; finding landmarks is
    itself uncertain by about 1; good up to 3.5.
    """
    seen = evidence.seen
    series = expression.expression_distance(seen.points, seen.source_points, seen.scheme)
    return Outcome(_mean(series), series)


def mouth(evidence: Evidence) -> Outcome:
    """Pearson correlation over time of the opening of the mouth with the source's (``faces.landmarks``),
    -1 to 1; higher is better. From 0.88 it is good and reads as the same speech. Nothing is said where
    the source's mouth rests. The curves are of the openings themselves.
    """
    return _follows(evidence, "mouth")


def eyes(evidence: Evidence) -> Outcome:
    """The same correlation of the opening of the eyes, by the eye aspect ratio of Soukupová and Čech
    2016; higher is better, good from 0.7: blinks come through.
    """
    return _follows(evidence, "eyes")


def gaze(evidence: Evidence) -> Outcome:
    """The same correlation of where the eyes look across, from the irises (``expression.gaze``). It is
    coarse, half a dozen pixels in a face of 300; higher is better, good from 0.6. Nothing is said where
    the source's eyes rest or are shut.
    """
    return _follows(evidence, "gaze")


# -- is it steady? --------------------------------------------------------------------------------------


def jitter(evidence: Evidence) -> Outcome:
    """Root mean square over the frames of how the face trembles against the source's: second difference
    in time of the similarity that takes the source's landmarks to the result's (``steadiness.jitter``),
    in percent of the eye distance; lower is better. The source encoded anew has about 1 from being found
    anew while the head is shaken; good up to 2.
    """
    seen = evidence.seen
    size = np.array([eye_distance(points, seen.scheme) for points in seen.source_points])
    # Single landmarks jitter by 2% because they are detected anew; the similarity they agree on does not.
    required = list(seen.scheme.required)
    source, weights = seen.source_points[:, required], np.ones(len(required))
    together_moved = [
        map_points(fit_similarity(own.astype(np.float64), new.astype(np.float64), weights), own)
        for own, new in zip(source, seen.points[:, required], strict=True)
    ]
    series = steadiness.jitter(np.stack(together_moved), source, size)
    together = np.diff(seen.index) == 1
    series[1:-1][~(together[1:] & together[:-1])] = np.nan
    value = float(np.sqrt(np.nanmean(series**2))) if not np.isnan(series).all() else None
    return Outcome(value, series)


def flicker(evidence: Evidence) -> Outcome:
    """Warping error inside the face along the optical flow of the source, over that of the source itself
    (``steadiness.flicker``, after Lai et al. 2018); no unit, 1 is as steady as the source and lower is
    better. A blurred face has less than 1, as what has no detail cannot flicker: read it beside the
    sharpness. It is good up to 1.3.
    """
    of_result, of_source = evidence.seen.change.T
    if np.isnan(of_result).all():
        return Outcome(None)
    series = of_result / np.maximum(of_source, _LEAST_CHANGE)
    value = float(np.nanmean(of_result) / max(float(np.nanmean(of_source)), _LEAST_CHANGE))
    # A clip whose own change is below the floor is as steady as itself.
    quiet = np.nanmean(of_source) < _LEAST_CHANGE and np.nanmean(of_result) <= np.nanmean(of_source)
    return Outcome(1.0 if quiet else value, series)


def colour_drift(evidence: Evidence) -> Outcome:
    """Root mean square over the frames of how far the mean colour of the face strays from its usual
    distance to the source's (``steadiness.colour_drift``), Delta E of CIE 1976; lower is better, 1 is
    about what an eye can tell, good up to 1.
    """
    series = steadiness.colour_drift(evidence.seen.lab[:, 0], evidence.seen.lab[:, 1])
    return Outcome(float(np.sqrt(np.mean(series**2))), series)


# -- does it show where it was put in? ------------------------------------------------------------------


def seam_step(evidence: Evidence) -> Outcome:
    """How steeply brightness changes along the outline of the face where the source's does not
    (``seam.gradient_step``), in levels (0 to 255) a pixel, mean over the frames; lower is better, good up
    to 0.8.
    """
    return Outcome(_mean(evidence.seen.step), evidence.seen.step)


def seam_colour(evidence: Evidence) -> Outcome:
    """How much more the colours inside and outside the edge differ than they do in the source
    (``seam.ring_step``): CIEDE2000 (Luo, Cui and Rigg 2001), mean over twelve parts of the outline and
    over the frames; lower is better, 1 is about what an eye can tell side by side, good up to 2.5.
    """
    return Outcome(_mean(evidence.seen.ring), evidence.seen.ring)


# -- is it as sharp as the shot? ------------------------------------------------------------------------


def sharpness(evidence: Evidence) -> Outcome:
    """Fine detail inside the face over that of the source's face, at the shot's own resolution: ratio of
    the energies of luma less its Gaussian blur of one pixel (``metrics.fine_detail``). 1 is as detailed
    as the source; good from 0.4 to 1.6, as people differ in skin and beard.
    """
    return _ratio(*evidence.seen.detail.T)


def sharpness_around(evidence: Evidence) -> Outcome:
    """The face's fine detail over that of what surrounds it, relative to the same in the source: so the
    loss of encoding the whole frame anew does not count. 1 is as in the source, good from 0.4 to 1.6.
    """
    of_face, around = evidence.seen.detail, evidence.seen.detail_around
    return _ratio(of_face[:, 0] * around[:, 1], of_face[:, 1] * around[:, 0])


def detail_of_b(evidence: Evidence) -> Outcome:
    """Fine detail of the face over that of B's real faces, both 128 pixels wide (``people.DETAIL_VIEW``);
    1 is as detailed as they are, good from 0.7 to 1.4.
    """
    series = evidence.seen.detail_small / evidence.b.detail
    return Outcome(_mean(series), series)


def resolution(evidence: Evidence) -> Outcome:
    """Side in pixels of what the model draws over the side in frame pixels of the place it fills, for the
    median face of the clip. Higher is better; under 1 the face is enlarged, and good from 0.8, and under
    0.5 the model is too small for the shot. Needs the model.
    """
    if not evidence.model_pixels:
        return Outcome(None)
    return Outcome(evidence.model_pixels / (float(np.median(evidence.seen.width)) * evidence.model_coverage))


# -- is everything else left alone? ---------------------------------------------------------------------


def face_found(evidence: Evidence) -> Outcome:
    """Share of frames in which dlib's HOG detector (Dalal and Triggs 2005) sees a face where the source
    has one; higher is better, good from 98%.
    """
    return Outcome(_mean(evidence.seen.found), evidence.seen.found)


def psnr_outside(evidence: Evidence) -> Outcome:
    """PSNR of the frames outside the face (its hull and a tenth of its size around it), in dB; higher is
    better. x264 at quality 15 gives 45 to 50, which nobody sees; good from 40, 100 is without any
    difference.
    """
    return Outcome(_mean(evidence.seen.psnr), evidence.seen.psnr)


def ssim_outside(evidence: Evidence) -> Outcome:
    """SSIM (Wang et al. 2004) of luma in the same area; up to 1, higher is better, good from 0.98."""
    return Outcome(_mean(evidence.seen.ssim), evidence.seen.ssim)


def frame_count(evidence: Evidence) -> Outcome:
    """Frames of the result less those of the source; good is 0."""
    return Outcome(float(evidence.result.frames - evidence.source.frames))


def times(evidence: Evidence) -> Outcome:
    """Largest difference of a frame's time from the source's, in milliseconds, both counted from the
    first frame; lower is better, good up to 1. Nothing is said of folders, which have no times.
    """
    pairs = [
        np.array(times[: min(len(evidence.result.times), len(evidence.source.times))])
        for times in (evidence.result.times, evidence.source.times)
    ]
    if not len(pairs[0]):
        return Outcome(None)
    return Outcome(1e3 * float(np.abs((pairs[0] - pairs[0][0]) - (pairs[1] - pairs[1][0])).max()))


def sound(evidence: Evidence) -> Outcome:
    """Whether every sound track is the source's, packet for packet. Nothing is said where the source has
    none or the result is a folder.
    """
    if not evidence.source.sound or not evidence.result.is_clip:
        return Outcome(None)
    return Outcome(float(evidence.result.sound == evidence.source.sound))


def tags(evidence: Evidence) -> Outcome:
    """Whether the colour tags (matrix, primaries, transfer, range) and the shape of a pixel are the
    source's. Nothing is said where one of the two is a folder.
    """
    if not (evidence.result.is_clip and evidence.source.is_clip):
        return Outcome(None)
    return Outcome(float(evidence.result.tags == evidence.source.tags))


# -- how good is the model by itself? -------------------------------------------------------------------


def restored_ssim_a(evidence: Evidence) -> Outcome:
    """SSIM (Wang et al. 2004) inside the face between A's faces and what A's own decoder makes of them,
    at the model's resolution, on the faces that training holds out, the last tenth of each faceset; up to
    1, higher is better, good from 0.85. Needs the model.
    """
    return _restored(evidence, "a", "ssim")


def restored_ssim_b(evidence: Evidence) -> Outcome:
    """The same of B's faces and decoder."""
    return _restored(evidence, "b", "ssim")


def restored_psnr_a(evidence: Evidence) -> Outcome:
    """PSNR of the same pictures of A in the network's colouring, in dB; higher is better, good from 25."""
    return _restored(evidence, "a", "psnr")


def restored_psnr_b(evidence: Evidence) -> Outcome:
    """The same of B's faces and decoder."""
    return _restored(evidence, "b", "psnr")


def restored_identity_b(evidence: Evidence) -> Outcome:
    """Mean distance of dlib's descriptor of B's restored faces to the mean of B's; lower is better, good
    up to 0.4. What the swap's distance to B cannot well be under.
    """
    return _restored(evidence, "b", "distance")


# -- what they share ------------------------------------------------------------------------------------


def _mean(series: Values) -> float | None:
    return None if np.isnan(series).all() else float(np.nanmean(series))


def _distance(evidence: Evidence, person: people.Person) -> Outcome:
    series = np.linalg.norm(evidence.seen.descriptor - person.mean, axis=1).astype(np.float64)
    return Outcome(_mean(series), series)


def _poses_apart(evidence: Evidence) -> npt.NDArray[np.float64]:
    """Yaw, pitch and roll (N, 3) of the result less those of the source, the short way round."""
    result, source = (
        head_poses(points, evidence.seen.scheme)[:, :3]
        for points in (evidence.seen.points, evidence.seen.source_points)
    )
    return np.asarray((result - source + 180) % 360 - 180)


def _follows(evidence: Evidence, what: str) -> Outcome:
    seen = evidence.seen
    if what == "gaze":
        of_result, of_source = seen.gaze.T
    else:
        opening = mouth_opening if what == "mouth" else eye_opening
        of_result, of_source = (
            np.array([opening(points, seen.scheme) for points in all_points])
            for all_points in (seen.points, seen.source_points)
        )
    known = ~(np.isnan(of_result) | np.isnan(of_source))
    still = known.sum() < 3 or of_source[known].std() < _LEAST_SPREAD[what]
    value = None if still else correlation(of_result[known], of_source[known])
    return Outcome(value, of_result, of_source)


def _ratio(of_result: Values, of_source: Values) -> Outcome:
    """Means of both over each other, and frame by frame."""
    least = 1e-9
    series = of_result / np.maximum(of_source, least)
    return Outcome(float(of_result.mean() / max(float(of_source.mean()), least)), series)


def _restored(evidence: Evidence, side: Side, what: str) -> Outcome:
    known = evidence.model.get(side)
    return Outcome(None if known is None else float(getattr(known, what)))
