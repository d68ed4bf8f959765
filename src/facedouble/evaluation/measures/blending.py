"""Is the seam visible?"""

from __future__ import annotations

from facedouble.evaluation.measure import Evidence, Outcome, mean_known, measure


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
