"""Is the seam visible, and is the face as sharp as the shot?"""

from __future__ import annotations

import numpy as np

from facedouble.evaluation.measure import Evidence, Outcome, Values, mean_known, measure


@measure(
    group="seam",
    unit="levels/px",
    better="lower",
    good=(0, 0.8),
    fair=(0, 1.5),
    praise="No edge is visible.",
    blame="An edge is visible around the face ({}).",
    per_frame=True,
)
def seam_step(evidence: Evidence) -> Outcome:
    """How steeply brightness changes along the outline of the face where the source's does not
    (``seam.gradient_step``), in levels (0 to 255) per pixel, mean over the frames; lower is better, good up
    to 0.8.
    """
    return Outcome(mean_known(evidence.observed.step), evidence.observed.step)


@measure(
    group="seam",
    unit="ΔE00",
    better="lower",
    good=(0, 2.5),
    fair=(0, 5),
    praise="Colours match at the edge.",
    blame="Colours do not match at the edge ({}).",
    per_frame=True,
)
def seam_colour(evidence: Evidence) -> Outcome:
    """How much more the colours inside and outside the edge differ than they do in the source
    (``seam.ring_step``): CIEDE2000 (Luo, Cui and Rigg 2001), mean over twelve sectors of the outline and
    over the frames; lower is better, 1 is about a just noticeable difference side by side, good up to 2.5.
    """
    return Outcome(mean_known(evidence.observed.ring), evidence.observed.ring)


@measure(
    group="sharpness",
    better="between",
    good=(0.4, 1.6),
    fair=(0.15, 2.5),
    praise="The face is as sharp as the source's.",
    blame="The face has {} times the fine detail of the source's.",
    per_frame=True,
)
def sharpness(evidence: Evidence) -> Outcome:
    """Fine detail inside the face divided by that of the source's face, at the shot's own resolution: ratio
    of the energies of luma minus its Gaussian blur of one pixel (``image_quality.fine_detail``). 1 is as
    detailed as the source; good from 0.4 to 1.6, as people differ in skin and beard.
    """
    return _ratio(*evidence.observed.detail.T)


@measure(
    group="sharpness",
    better="between",
    good=(0.4, 1.6),
    fair=(0.15, 2.5),
    praise="The face is as sharp as what surrounds it.",
    blame="The face does not match the sharpness of what surrounds it ({} of what it is in the source).",
)
def sharpness_around(evidence: Evidence) -> Outcome:
    """The face's fine detail divided by that of its surroundings, relative to the same ratio in the source,
    so that the loss from re-encoding the whole frame does not count. 1 is as in the source, good from 0.4
    to 1.6.
    """
    of_face, around = evidence.observed.detail, evidence.observed.detail_around
    return _ratio(of_face[:, 0] * around[:, 1], of_face[:, 1] * around[:, 0])


@measure(
    group="sharpness",
    better="between",
    good=(0.7, 1.4),
    fair=(0.4, 2),
    praise="It is as detailed as B's real faces.",
    blame="It has {} times the fine detail of B's real faces.",
)
def detail_of_b(evidence: Evidence) -> Outcome:
    """Fine detail of the face divided by that of B's real faces, both 128 pixels wide
    (``gallery.DETAIL_CROP``); 1 is as detailed as they are, good from 0.7 to 1.4.
    """
    series = evidence.observed.detail_small / evidence.b.detail
    return Outcome(mean_known(series), series)


def _ratio(of_result: Values, of_source: Values) -> Outcome:
    """Means of both over each other, and frame by frame."""
    least = 1e-9
    series = of_result / np.maximum(of_source, least)
    return Outcome(float(of_result.mean() / max(float(of_source.mean()), least)), series)
