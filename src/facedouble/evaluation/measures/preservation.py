"""Is everything else left alone? Measures of the picture outside the face, times, sound and tags."""

from __future__ import annotations

import math

import numpy as np

from facedouble.evaluation.measure import Evidence, Outcome, mean_known, measure


@measure(
    group="fidelity",
    unit="dB",
    better="higher",
    good=(40, math.inf),
    fair=(34, math.inf),
    praise="The rest of the picture is unchanged.",
    blame="The picture outside the face has changed (PSNR {}).",
    number_format="{:.1f}",
    per_frame=True,
)
def psnr_outside(evidence: Evidence) -> Outcome:
    """PSNR of the frames outside the face (its hull plus a tenth of its size), in dB; higher is better. x264
    at quality 15 gives 45 to 50, which nobody sees; good from 40, and 100 means identical.
    """
    return Outcome(mean_known(evidence.observed.psnr), evidence.observed.psnr)


@measure(
    group="fidelity",
    better="higher",
    good=(0.98, 1),
    fair=(0.95, 1),
    praise="Its structure is unchanged.",
    blame="The picture outside the face has changed (SSIM {}).",
    number_format="{:.4f}",
)
def ssim_outside(evidence: Evidence) -> Outcome:
    """SSIM (Wang et al. 2004) of luma in the same area; up to 1, higher is better, good from 0.98."""
    return Outcome(mean_known(evidence.observed.ssim), evidence.observed.ssim)


@measure(
    group="fidelity",
    unit="%",
    better="higher",
    good=(0.98, 1),
    fair=(0.9, 1),
    praise="Every face is there.",
    blame="A face is detected in only {} of the frames in which the source has one.",
    number_format="{:.1f}",
    per_frame=True,
)
def face_found(evidence: Evidence) -> Outcome:
    """Share of the frames in which the default detector, MediaPipe's (Bazarevsky et al. 2019), finds a face
    where the source has one; higher is better, good from 98%.
    """
    return Outcome(mean_known(evidence.observed.detected), evidence.observed.detected)


@measure(
    group="fidelity",
    better="between",
    good=(0, 0),
    fair=(0, 0),
    praise="No frame is lost.",
    blame="The number of frames differs by {}.",
    number_format="{:+.0f}",
)
def frame_count(evidence: Evidence) -> Outcome:
    """Number of frames of the result minus that of the source; good is 0."""
    return Outcome(float(evidence.result.frames - evidence.source.frames))


@measure(
    group="fidelity",
    unit="ms",
    better="lower",
    good=(0, 1),
    fair=(0, 10),
    praise="Every frame has its original time.",
    blame="Frames deviate from their original times by up to {}.",
    number_format="{:.1f}",
)
def times(evidence: Evidence) -> Outcome:
    """Largest difference between a frame's time and its time in the source, in milliseconds, both counted
    from the first frame; lower is better, good up to 1. Not available for folders, which have no times.
    """
    pairs = [
        np.array(times[: min(len(evidence.result.times), len(evidence.source.times))])
        for times in (evidence.result.times, evidence.source.times)
    ]
    if not len(pairs[0]):
        return Outcome(None)
    return Outcome(1e3 * float(np.abs((pairs[0] - pairs[0][0]) - (pairs[1] - pairs[1][0])).max()))


@measure(
    group="fidelity",
    unit="yes or no",
    better="higher",
    good=(1, 1),
    fair=(1, 1),
    praise="The sound is the original.",
    blame="The sound is not the original.",
)
def sound(evidence: Evidence) -> Outcome:
    """Whether every audio track is the source's, packet for packet. Not available if the source has none or
    the result is a folder.
    """
    if not evidence.source.sound or not evidence.result.is_clip:
        return Outcome(None)
    return Outcome(float(evidence.result.sound == evidence.source.sound))


@measure(
    group="fidelity",
    unit="yes or no",
    better="higher",
    good=(1, 1),
    fair=(1, 1),
    praise="Colour tags are the original's.",
    blame="Colour tags differ from the original's.",
)
def tags(evidence: Evidence) -> Outcome:
    """Whether the colour tags (matrix, primaries, transfer, range) and the pixel aspect ratio are the
    source's. Not available if one of the two is a folder.
    """
    if not (evidence.result.is_clip and evidence.source.is_clip):
        return Outcome(None)
    return Outcome(float(evidence.result.tags == evidence.source.tags))
