"""The measures of a swap, by name, in the order in which a report lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.evaluation.measure import Measure

_MEASURES = "facedouble.evaluation.measures"

MEASURES: Registry[Measure] = Registry(
    "measure",
    {
        "distance_to_b": Entry(f"{_MEASURES}.likeness:distance_to_b", "distance to B"),
        "distance_to_a": Entry(f"{_MEASURES}.likeness:distance_to_a", "distance to A"),
        "nearer_to_b": Entry(f"{_MEASURES}.likeness:nearer_to_b", "frames nearer to B than to A"),
        "retrieval": Entry(f"{_MEASURES}.likeness:retrieval", "identity retrieval"),
        "pose": Entry(f"{_MEASURES}.performance:pose", "head pose, error"),
        "pose_offset": Entry(f"{_MEASURES}.performance:pose_offset", "head pose, constant offset"),
        "place": Entry(f"{_MEASURES}.performance:place", "position of the face, error"),
        "expression": Entry(f"{_MEASURES}.performance:expression_error", "expression, error"),
        "mouth": Entry(f"{_MEASURES}.performance:mouth", "mouth opening, correlation"),
        "eyes": Entry(f"{_MEASURES}.performance:eyes", "eye opening, correlation"),
        "gaze": Entry(f"{_MEASURES}.performance:gaze", "horizontal gaze, correlation"),
        "jitter": Entry(f"{_MEASURES}.stability:jitter", "jitter of the face"),
        "flicker": Entry(f"{_MEASURES}.stability:flicker", "flicker relative to the source"),
        "flicker_own": Entry(f"{_MEASURES}.stability:flicker_own", "flicker along its own motion"),
        "colour_drift": Entry(f"{_MEASURES}.stability:colour_drift", "colour drift"),
        "seam_step": Entry(f"{_MEASURES}.blending:seam_step", "brightness step at the edge"),
        "seam_colour": Entry(f"{_MEASURES}.blending:seam_colour", "colour step at the edge"),
        "octave_fine": Entry(f"{_MEASURES}.texture:octave_fine", "detail of 1 to 2 px"),
        "octave_middle": Entry(f"{_MEASURES}.texture:octave_middle", "detail of 2 to 4 px"),
        "octave_coarse": Entry(f"{_MEASURES}.texture:octave_coarse", "detail of 4 to 8 px"),
        "sharpness_around": Entry(
            f"{_MEASURES}.texture:sharpness_around", "fine detail relative to the surroundings"
        ),
        "coherence_mouth": Entry(f"{_MEASURES}.texture:coherence_mouth", "mouth, distance to B's real ones"),
        "coherence_eyes": Entry(f"{_MEASURES}.texture:coherence_eyes", "eyes and brows, distance to B's"),
        "coherence_skin": Entry(f"{_MEASURES}.texture:coherence_skin", "skin, distance to B's"),
        "psnr_outside": Entry(f"{_MEASURES}.preservation:psnr_outside", "PSNR outside the face"),
        "ssim_outside": Entry(f"{_MEASURES}.preservation:ssim_outside", "SSIM outside the face"),
        "face_found": Entry(
            f"{_MEASURES}.preservation:face_found", "faces detected where the source has one"
        ),
        "frame_count": Entry(f"{_MEASURES}.preservation:frame_count", "frames added or missing"),
        "times": Entry(f"{_MEASURES}.preservation:times", "frame times, largest error"),
        "sound": Entry(f"{_MEASURES}.preservation:sound", "sound unchanged"),
        "tags": Entry(f"{_MEASURES}.preservation:tags", "colour tags unchanged"),
        "resolution": Entry(
            f"{_MEASURES}.model_quality:resolution", "model resolution relative to the face's size on screen"
        ),
        "restored_ssim_a": Entry(
            f"{_MEASURES}.model_quality:restored_ssim_a", "A's faces reconstructed, SSIM"
        ),
        "restored_ssim_b": Entry(
            f"{_MEASURES}.model_quality:restored_ssim_b", "B's faces reconstructed, SSIM"
        ),
        "restored_psnr_a": Entry(
            f"{_MEASURES}.model_quality:restored_psnr_a", "A's faces reconstructed, PSNR"
        ),
        "restored_psnr_b": Entry(
            f"{_MEASURES}.model_quality:restored_psnr_b", "B's faces reconstructed, PSNR"
        ),
        "restored_identity_b": Entry(
            f"{_MEASURES}.model_quality:restored_identity_b", "B's faces reconstructed, distance to B"
        ),
    },
)
"""The summary of an entry is the measure's title."""


def title(name: str) -> str:
    """The title of a measure, as a reader sees it."""
    return MEASURES.entries[name].summary
