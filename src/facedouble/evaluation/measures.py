"""The registry of measures: what each is called, what is good, and what the verdict says of it."""

from __future__ import annotations

import math

from facedouble.evaluation import formulas
from facedouble.evaluation.rating import Measure

_INF = math.inf

# Entries are read as a table: what it is; direction and ranges; praise and blame; how it is shown.
# fmt: off
MEASURES: dict[str, Measure] = {
    "distance_to_b": Measure(
        formulas.distance_to_b, "distance to B", "identity", "",
        "lower", (0, 0.45), (0, 0.6),
        "The face reads as B (distance {}).", "The face is not B's: its distance to B is {}.",
        judges_frames=True,
    ),
    "distance_to_a": Measure(
        formulas.distance_to_a, "distance to A", "identity", "",
        "higher", (0.6, _INF), (0.5, _INF),
        "A is not recognised any more (distance {}).",
        "A can still be recognised: the distance to A is {}.",
    ),
    "nearer_to_b": Measure(
        formulas.nearer_to_b, "frames nearer to B than to A", "identity", "%",
        "higher", (0.99, 1), (0.9, 1),
        "{} of the frames are nearer to B than to A.", "Only {} of the frames are nearer to B than to A.",
        shown="{:.1f}",
    ),
    "retrieval": Measure(
        formulas.retrieval, "identity retrieval", "identity", "%",
        "higher", (0.98, 1), (0.85, 1),
        "Among everyone known, {} of the faces are found to be B.",
        "Among everyone known, only {} of the faces are found to be B.",
        shown="{:.1f}",
    ),
    "pose": Measure(
        formulas.pose, "turning of the head, error", "expression", "°",
        "lower", (0, 3), (0, 6),
        "The head turns as A's does.", "The head does not turn as A's does (off by {}).",
        shown="{:.1f}", judges_frames=True,
    ),
    "pose_offset": Measure(
        formulas.pose_offset, "turning of the head, constant offset", "expression", "°",
        "lower", (0, 6), (0, 10),
        "The head is held as A holds it.", "The head is held {} otherwise than A holds it, all the time.",
        shown="{:.1f}",
    ),
    "place": Measure(
        formulas.place, "place of the face, error", "expression", "%",
        "lower", (0, 0.07), (0, 0.14),
        "The face is where A's is.", "The face lies beside its place by {} of the eye distance.",
        shown="{:.1f}", judges_frames=True,
    ),
    "expression": Measure(
        formulas.expression_error, "expression, error", "expression", "%",
        "lower", (0, 0.035), (0, 0.06),
        "Expressions are A's.", "Expressions differ from A's by {} of the eye distance.",
        shown="{:.1f}", judges_frames=True,
    ),
    "mouth": Measure(
        formulas.mouth, "opening of the mouth, correlation", "expression", "",
        "higher", (0.88, 1), (0.7, 1),
        "The mouth speaks with A's (correlation {}).", "The mouth does not follow A's (correlation {}).",
        compares=True,
    ),
    "eyes": Measure(
        formulas.eyes, "opening of the eyes, correlation", "expression", "",
        "higher", (0.7, 1), (0.4, 1),
        "Blinks come through.", "The eyes do not open and shut with A's (correlation {}).",
        compares=True,
    ),
    "gaze": Measure(
        formulas.gaze, "gaze across, correlation", "expression", "",
        "higher", (0.6, 1), (0.3, 1),
        "The eyes look where A's look.", "The eyes do not look where A's look (correlation {}).",
        compares=True,
    ),
    "jitter": Measure(
        formulas.jitter, "trembling of the face", "steadiness", "%",
        "lower", (0, 0.02), (0, 0.04),
        "It does not tremble.", "It trembles: by {} of the eye distance.",
        judges_frames=True,
    ),
    "flicker": Measure(
        formulas.flicker, "flicker against the source's", "steadiness", "",
        "lower", (0, 1.3), (0, 2),
        "It does not flicker.", "It flickers {} times as much as the source.",
        judges_frames=True,
    ),
    "colour_drift": Measure(
        formulas.colour_drift, "drift of colour", "steadiness", "ΔE",
        "lower", (0, 1), (0, 2.5),
        "Its colour keeps to the light of the shot.", "Its colour changes by itself ({}).",
        judges_frames=True,
    ),
    "seam_step": Measure(
        formulas.seam_step, "step of brightness at the edge", "seam", "levels/px",
        "lower", (0, 0.8), (0, 1.5),
        "No edge is to be seen.", "An edge is to be seen around the face ({}).",
        judges_frames=True,
    ),
    "seam_colour": Measure(
        formulas.seam_colour, "step of colour at the edge", "seam", "ΔE00",
        "lower", (0, 2.5), (0, 5),
        "Colours meet at the edge.", "Colours do not meet at the edge ({}).",
        judges_frames=True,
    ),
    "sharpness": Measure(
        formulas.sharpness, "fine detail against the source's face", "sharpness", "",
        "between", (0.4, 1.6), (0.15, 2.5),
        "The face is as sharp as the source's.", "The face has {} times the fine detail of the source's.",
        judges_frames=True,
    ),
    "sharpness_around": Measure(
        formulas.sharpness_around, "fine detail against the surroundings", "sharpness", "",
        "between", (0.4, 1.6), (0.15, 2.5),
        "The face is as sharp as what surrounds it.",
        "The face does not match the sharpness of what surrounds it ({} of what it is in the source).",
    ),
    "detail_of_b": Measure(
        formulas.detail_of_b, "fine detail against B's real faces", "sharpness", "",
        "between", (0.7, 1.4), (0.4, 2),
        "It is as detailed as B's real faces.", "It has {} times the fine detail of B's real faces.",
    ),
    "psnr_outside": Measure(
        formulas.psnr_outside, "PSNR outside the face", "fidelity", "dB",
        "higher", (40, _INF), (34, _INF),
        "The rest of the picture is as it was.", "The picture outside the face is changed (PSNR {}).",
        shown="{:.1f}", judges_frames=True,
    ),
    "ssim_outside": Measure(
        formulas.ssim_outside, "SSIM outside the face", "fidelity", "",
        "higher", (0.98, 1), (0.95, 1),
        "Its structure is as it was.", "The picture outside the face is changed (SSIM {}).",
        shown="{:.4f}",
    ),
    "face_found": Measure(
        formulas.face_found, "frames with a face where the source has one", "fidelity", "%",
        "higher", (0.98, 1), (0.9, 1),
        "Every face is there.", "Only in {} of the frames a face is found where the source has one.",
        shown="{:.1f}", judges_frames=True,
    ),
    "frame_count": Measure(
        formulas.frame_count, "frames too many or missing", "fidelity", "",
        "between", (0, 0), (0, 0),
        "No frame is lost.", "The number of frames differs by {}.",
        shown="{:+.0f}",
    ),
    "times": Measure(
        formulas.times, "times of frames, largest error", "fidelity", "ms",
        "lower", (0, 1), (0, 10),
        "Every frame has its time.", "Frames are off their times by up to {}.",
        shown="{:.1f}",
    ),
    "sound": Measure(
        formulas.sound, "sound unchanged", "fidelity", "yes or no",
        "higher", (1, 1), (1, 1),
        "The sound is the original.", "The sound is not the original.",
    ),
    "tags": Measure(
        formulas.tags, "colour tags unchanged", "fidelity", "yes or no",
        "higher", (1, 1), (1, 1),
        "Colour tags are the original's.", "Colour tags differ from the original's.",
    ),
    "resolution": Measure(
        formulas.resolution, "what the model draws, against its place on screen", "model", "",
        "higher", (0.8, _INF), (0.5, _INF),
        "The model is large enough for the shot.",
        "The model is too small for the shot: it draws {} times the pixels across that the face fills.",
    ),
    "restored_ssim_a": Measure(
        formulas.restored_ssim_a, "A's faces restored, SSIM", "model", "",
        "higher", (0.85, 1), (0.7, 1),
        "A's faces come back well.", "A's own faces do not come back well from the model (SSIM {}).",
    ),
    "restored_ssim_b": Measure(
        formulas.restored_ssim_b, "B's faces restored, SSIM", "model", "",
        "higher", (0.85, 1), (0.7, 1),
        "B's faces come back well.", "B's own faces do not come back well from the model (SSIM {}).",
    ),
    "restored_psnr_a": Measure(
        formulas.restored_psnr_a, "A's faces restored, PSNR", "model", "dB",
        "higher", (25, _INF), (20, _INF),
        "A's faces come back well.", "A's own faces do not come back well from the model (PSNR {}).",
        shown="{:.1f}",
    ),
    "restored_psnr_b": Measure(
        formulas.restored_psnr_b, "B's faces restored, PSNR", "model", "dB",
        "higher", (25, _INF), (20, _INF),
        "B's faces come back well.", "B's own faces do not come back well from the model (PSNR {}).",
        shown="{:.1f}",
    ),
    "restored_identity_b": Measure(
        formulas.restored_identity_b, "B's faces restored, distance to B", "model", "",
        "lower", (0, 0.4), (0, 0.55),
        "B restored is B.", "Even restored from B's own faces, the model's B is {} from B: train longer.",
    ),
}
# fmt: on
"""Every measure by its name, in the order in which a report lists them."""
