"""Is it B? Measures of identity."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from facedouble.evaluation import gallery
from facedouble.evaluation.measure import Evidence, Outcome, mean_known, measure


@measure(
    group="identity",
    better="lower",
    good=(0, 0.45),
    fair=(0, 0.6),
    praise="The face reads as B (distance {}).",
    blame="The face is not B's: its distance to B is {}.",
    per_frame=True,
    with_source=True,
)
def distance_to_b(evidence: Evidence) -> Outcome:
    """Mean Euclidean distance between dlib's 128-d descriptor (King 2017) of the result's faces and the mean
    of B's; no unit, lower is better. dlib takes faces below 0.6 for one person; frames of one clip lie at
    0.15 to 0.25 from their mean, and up to 0.45 reads as the person, which is good. A shout or a squint takes
    everybody away from their mean, so two baselines stand beside, where there are clips to take them from:
    the distance of A's own face in the same frames from the mean of A's other clips, and that of B's clips
    from the mean of each other. The curve of the source is the former.
    """
    outcome = _distance(evidence, evidence.b)
    beside = {}
    own = None
    others_of_a = evidence.a.mean_without(int(evidence.a.facesets.max()))
    if others_of_a is not None:
        own = np.linalg.norm(evidence.observed.source_descriptor - others_of_a, axis=1).astype(np.float64)
        if (usual := mean_known(own)) is not None:
            beside["for A's own face, to A's other clips"] = usual
    if (apart := evidence.b.apart()) is not None:
        beside["for B's clips, to each other"] = apart
    return replace(outcome, source_series=own, beside=beside)


@measure(
    group="identity",
    better="higher",
    good=(0.6, math.inf),
    fair=(0.5, math.inf),
    praise="A is no longer recognisable (distance {}).",
    blame="A is still recognisable: the distance to A is {}.",
)
def distance_to_a(evidence: Evidence) -> Outcome:
    """The same distance to the mean of A's faces, for whom the result should not be taken: higher is better,
    good from 0.6, where dlib sees another person.
    """
    return _distance(evidence, evidence.a)


@measure(
    group="identity",
    unit="%",
    better="higher",
    good=(0.99, 1),
    fair=(0.9, 1),
    praise="{} of the frames are nearer to B than to A.",
    blame="Only {} of the frames are nearer to B than to A.",
    number_format="{:.1f}",
)
def nearer_to_b(evidence: Evidence) -> Outcome:
    """Share of the examined frames whose descriptor is nearer to the mean of B's than to the mean of A's;
    higher is better, good from 99%.
    """
    described = evidence.observed.descriptor
    to = [np.linalg.norm(described - person.mean, axis=1) for person in (evidence.a, evidence.b)]
    series = np.where(np.isnan(to[0]), np.nan, (to[1] < to[0]).astype(np.float64))
    return Outcome(mean_known(series), series)


@measure(
    group="identity",
    unit="%",
    better="higher",
    good=(0.98, 1),
    fair=(0.85, 1),
    praise="Among all known people, {} of the faces are identified as B.",
    blame="Among all known people, only {} of the faces are identified as B.",
    number_format="{:.1f}",
)
def retrieval(evidence: Evidence) -> Outcome:
    """Identity retrieval as defined by FaceShifter (Li et al. 2019) for its tables on FaceForensics++: share
    of the result's faces whose nearest single face, among those of all known people, is one of B's. The
    gallery consists of all given facesets and of the actors of the demonstration's clips, if those are on
    this machine. The descriptor is dlib's, not CosFace, and the gallery is smaller, so compare runs with
    each other and not with papers. Higher is better, good from 98%.
    """
    described = evidence.observed.descriptor
    known = ~np.isnan(described[:, 0])
    series = np.full(len(described), np.nan)
    if known.any():
        everyone = (evidence.b, evidence.a, *evidence.others)
        series[known] = gallery.nearest_person(described[known], everyone) == 0
    return Outcome(mean_known(series), series)


def _distance(evidence: Evidence, person: gallery.Person) -> Outcome:
    series = np.linalg.norm(evidence.observed.descriptor - person.mean, axis=1).astype(np.float64)
    return Outcome(mean_known(series), series)
