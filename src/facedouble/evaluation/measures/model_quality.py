"""How good is the model by itself?"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from facedouble.evaluation.measure import Evidence, Measure, Outcome, measure
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


def _restored(side: Side, quantity: Literal["ssim", "psnr"], explained: str, **scale: Any) -> Measure:
    """How well one person's held-out faces are reconstructed; ``explained`` is the measure's explanation."""

    def compute(evidence: Evidence) -> Outcome:
        known = evidence.reconstructions.get(side)
        return Outcome(None if known is None else float(getattr(known, quantity)))

    compute.__doc__ = explained
    person = side.upper()
    return Measure(
        compute,
        group="model",
        better="higher",
        praise=f"{person}'s faces are reconstructed well.",
        blame=f"The model reconstructs {person}'s own faces poorly ({quantity.upper()} {{}}).",
        **scale,
    )


_SSIM: dict[str, Any] = {"good": (0.85, 1), "fair": (0.7, 1)}
_PSNR: dict[str, Any] = {
    "good": (25, math.inf),
    "fair": (20, math.inf),
    "unit": "dB",
    "number_format": "{:.1f}",
}

restored_ssim_a = _restored(
    "a",
    "ssim",
    "SSIM (Wang et al. 2004) inside the face between A's faces and their reconstruction by A's own decoder, "
    "at the model's resolution, on the faces held out from training, the last tenth of each faceset; up to "
    "1, higher is better, good from 0.85. Needs the model.",
    **_SSIM,
)
restored_ssim_b = _restored("b", "ssim", "The same for B's faces and decoder.", **_SSIM)
restored_psnr_a = _restored(
    "a",
    "psnr",
    "PSNR of the same pictures of A in the network's standard colours, in dB; higher is better, good from "
    "25.",
    **_PSNR,
)
restored_psnr_b = _restored("b", "psnr", "The same for B's faces and decoder.", **_PSNR)


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
    known = evidence.reconstructions.get("b")
    return Outcome(None if known is None else known.distance)
