"""Does the face look like a photograph? Measures of fine detail and of whole parts."""

from __future__ import annotations

import math

import numpy as np

from facedouble.evaluation.coherence import REGIONS
from facedouble.evaluation.measure import Evidence, Outcome, mean_known, measure

_LEAST = 1e-9
_PERSON = 1.25  # people differ in skin and beard; what differs by more is their cameras
_DETAIL = {"group": "texture", "better": "between", "good": (0.75, 1.3), "fair": (0.5, 2.0)}
_WHOLE = {"group": "texture", "better": "lower", "good": (0, 1.1), "fair": (0, 1.45), "per_frame": True}


@measure(
    praise="Skin has the finest detail that it should have.",
    blame="The face has {} times the finest detail (1 to 2 px) that it should have.",
    **_DETAIL,
)
def octave_fine(evidence: Evidence) -> Outcome:
    """Detail of 1 to 2 pixels where the eyes are 128 pixels apart (``octaves.octave_energies``): energy of
    the result's faces over what it should be, between that of the source's faces, which are as blurred by
    motion and lens, and that of B's real faces, which have B's skin: their geometric mean, but no further
    from the source's than by a quarter, as cameras differ as well. 1 is right, less is soft, more is
    sharpened; good from 0.75 to 1.3. Both ratios stand beside.
    """
    return _octave(evidence, 0)


@measure(
    praise="Skin has the detail that it should have.",
    blame="The face has {} times the detail of 2 to 4 px that it should have.",
    **_DETAIL,
)
def octave_middle(evidence: Evidence) -> Outcome:
    """The same for detail of 2 to 4 pixels. Sharpening shows here: it lifts this band and the next, not the
    finest, which the model does not draw.
    """
    return _octave(evidence, 1)


@measure(
    praise="The face has the contrast that it should have.",
    blame="The face has {} times the detail of 4 to 8 px that it should have.",
    **_DETAIL,
)
def octave_coarse(evidence: Evidence) -> Outcome:
    """The same for detail of 4 to 8 pixels: lashes, lips and wrinkles rather than skin."""
    return _octave(evidence, 2)


@measure(
    group="texture",
    better="between",
    good=(0.4, 1.6),
    fair=(0.15, 2.5),
    praise="The face is as sharp as what surrounds it.",
    blame="The face does not match the sharpness of what surrounds it ({} of what it is in the source).",
)
def sharpness_around(evidence: Evidence) -> Outcome:
    """The face's fine detail (``image_quality.fine_detail``: luma minus its Gaussian blur of one pixel, at
    the shot's own resolution) divided by that of its surroundings, relative to the same ratio in the source,
    so that the loss from re-encoding the whole frame does not count. 1 is as in the source, good from 0.4
    to 1.6.
    """
    of_face, around = evidence.observed.detail, evidence.observed.detail_around
    of_result, of_source = of_face[:, 0] * around[:, 1], of_face[:, 1] * around[:, 0]
    value = float(of_result.mean() / max(float(of_source.mean()), _LEAST))
    return Outcome(value, of_result / np.maximum(of_source, _LEAST))


@measure(
    praise="The mouth is whole.",
    blame="The mouth is not whole: it is {} times as far from B's real mouths as they are from each other.",
    **_WHOLE,
)
def coherence_mouth(evidence: Evidence) -> Outcome:
    """How far the mouth is from B's real mouths (``coherence.RealPatches``): patches a quarter of the eye
    distance wide, each against the nearest one at its place in up to 120 real frames of B, divided by the
    same for frames of B's clips among each other. Every band of the picture is made equally strong first, so
    that neither blurring nor sharpening helps. 1 is what another clip of B would have; torn lips, two faces
    over each other and mouths that B never makes have more; lower is better, good up to 1.1.
    """
    return _coherence(evidence, "mouth")


@measure(
    praise="Eyes and brows are whole.",
    blame="Eyes and brows are not whole: they are {} times as far from B's as B's are from each other.",
    **_WHOLE,
)
def coherence_eyes(evidence: Evidence) -> Outcome:
    """The same for eyes and brows; lower is better, good up to 1.1."""
    return _coherence(evidence, "eyes")


@measure(
    praise="Skin looks like B's.",
    blame="Skin does not look real: it is {} times as far from B's as B's clips are from each other.",
    **_WHOLE,
)
def coherence_skin(evidence: Evidence) -> Outcome:
    """The same for nose, cheeks, chin and the skin between them; lower is better, good up to 1.1. A's own
    face has 3 to 7.
    """
    return _coherence(evidence, "skin")


def _octave(evidence: Evidence, band: int) -> Outcome:
    of_result, of_source = evidence.observed.octaves[:, :, band].T
    of_b = max(float(evidence.look.octaves[band]), _LEAST)
    to_source = float(of_result.mean()) / max(float(of_source.mean()), _LEAST)
    to_b = float(of_result.mean()) / of_b
    # Of B's energy over the source's, the root.
    wanted = math.sqrt(to_source / max(to_b, _LEAST))
    wanted = min(max(wanted, 1 / _PERSON), _PERSON)
    series = of_result / np.maximum(of_source, _LEAST) / wanted
    beside = {"of the source's face": to_source, "of B's real faces": to_b}
    return Outcome(to_source / wanted, series, beside=beside)


def _coherence(evidence: Evidence, region: str) -> Outcome:
    number = REGIONS.index(region)
    series = evidence.observed.coherence[:, number] / evidence.look.patches.usual[number]
    return Outcome(mean_known(series), series)
