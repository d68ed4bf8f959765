"""How good is the model by itself?"""

from __future__ import annotations

import math

import numpy as np

from facedouble.evaluation.measure import Evidence, Outcome, measure
from facedouble.types import Side


@measure(
    group="model",
    better="higher",
    good=(0.8, math.inf),
    fair=(0.5, math.inf),
    praise="The model is large enough for the shot.",
    blame="The model is too small for the shot: it draws {} times as many pixels across as the face fills.",
)
def resolution(evidence: Evidence) -> Outcome:
    """Side in pixels of what the model draws, divided by the side in frame pixels of the area it fills, for
    the median face of the clip. Higher is better; below 1 the face is upscaled; good from 0.8, and below
    0.5 the model is too small for the shot. Needs the model.
    """
    if not evidence.model_resolution:
        return Outcome(None)
    return Outcome(
        evidence.model_resolution / (float(np.median(evidence.observed.width)) * evidence.model_coverage)
    )


@measure(
    group="model",
    better="higher",
    good=(0.85, 1),
    fair=(0.7, 1),
    praise="A's faces are reconstructed well.",
    blame="The model reconstructs A's own faces poorly (SSIM {}).",
)
def restored_ssim_a(evidence: Evidence) -> Outcome:
    """SSIM (Wang et al. 2004) inside the face between A's faces and their reconstruction by A's own decoder,
    at the model's resolution, on the faces held out from training, the last tenth of each faceset; up to 1,
    higher is better, good from 0.85. Needs the model.
    """
    return _restored(evidence, "a", "ssim")


@measure(
    group="model",
    better="higher",
    good=(0.85, 1),
    fair=(0.7, 1),
    praise="B's faces are reconstructed well.",
    blame="The model reconstructs B's own faces poorly (SSIM {}).",
)
def restored_ssim_b(evidence: Evidence) -> Outcome:
    """The same for B's faces and decoder."""
    return _restored(evidence, "b", "ssim")


@measure(
    group="model",
    unit="dB",
    better="higher",
    good=(25, math.inf),
    fair=(20, math.inf),
    praise="A's faces are reconstructed well.",
    blame="The model reconstructs A's own faces poorly (PSNR {}).",
    number_format="{:.1f}",
)
def restored_psnr_a(evidence: Evidence) -> Outcome:
    """PSNR of the same pictures of A in the network's standard colours, in dB; higher is better, good from
    25."""
    return _restored(evidence, "a", "psnr")


@measure(
    group="model",
    unit="dB",
    better="higher",
    good=(25, math.inf),
    fair=(20, math.inf),
    praise="B's faces are reconstructed well.",
    blame="The model reconstructs B's own faces poorly (PSNR {}).",
    number_format="{:.1f}",
)
def restored_psnr_b(evidence: Evidence) -> Outcome:
    """The same for B's faces and decoder."""
    return _restored(evidence, "b", "psnr")


@measure(
    group="model",
    better="lower",
    good=(0, 0.4),
    fair=(0, 0.55),
    praise="B reconstructed is recognisable as B.",
    blame="Even reconstructed from B's own faces, the model's B has a distance of {} to B: train longer.",
)
def restored_identity_b(evidence: Evidence) -> Outcome:
    """Mean distance between dlib's descriptor of B's reconstructed faces and the mean of B's; lower is
    better, good up to 0.4. The swap's distance to B can hardly be lower.
    """
    return _restored(evidence, "b", "distance")


def _restored(evidence: Evidence, side: Side, what: str) -> Outcome:
    known = evidence.reconstructions.get(side)
    return Outcome(None if known is None else float(getattr(known, what)))
