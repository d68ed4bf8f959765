"""How the inputs of an exported model are made, in words and in the numbers that the program uses."""

from __future__ import annotations

from typing import Any

from facedouble.faces.colour import SMALLEST_DEVIATION, STANDARD_DEVIATION, STANDARD_MEAN
from facedouble.faces.hull import FOREHEAD
from facedouble.faces.network_input import EDGE, GRID, INSIDE, REACH
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.models.card import ModelCard


def describe_preprocessing(card: ModelCard, scheme: LandmarkScheme) -> dict[str, Any]:
    """The steps from a frame to the inputs of the graph, and from its outputs back, for faces whose landmarks
    follow ``scheme``."""
    side, coverage = card.resolution, card.coverage
    return {
        "colours": "R, G, B as the frame is coded (BT.709 or sRGB transfer), 0..1",
        "landmarks": {
            "scheme": scheme.name,
            "version": scheme.version,
            "mean_shape": [[round(float(x), 6), round(float(y), 6)] for x, y in scheme.mean_shape],
            "weights": [round(float(weight), 6) for weight in scheme.weights.alignment],
            "unit": "shares of the side of the whole crop, from its left and upper edge",
        },
        "steps": [
            "Find the landmarks of the face in the frame, and smooth them over time.",
            "Fit the similarity (weighted least squares, no reflection) that takes them to mean_shape; for a "
            "turned head it is enlarged by what the turn makes it too small. It leads to the whole crop.",
            f"Cut the central {coverage:.6g} of that crop, resampled once from the frame to {side} x {side} "
            "pixels.",
            "Take mean and deviation of each channel over the face, smoothed along the clip, as statistics.",
            f"Standardise: (pixel - mean) / max(deviation, {SMALLEST_DEVIATION}) * {STANDARD_DEVIATION} + "
            f"{STANDARD_MEAN}, then clip to 0..1.",
            "Fill what is outside the face: the convex hull of the landmarks, with the brows raised by "
            f"{FOREHEAD} of the face for the forehead, eroded by {INSIDE} of the side. There the picture is "
            f"a Gaussian average (deviation {REACH} of the side, computed at {GRID} pixels) of the face's "
            f"own colours; the edge is blurred by {EDGE} of the side.",
            "Channels first, float32: face (N, 3, R, R).",
            f"Back: (picture - {STANDARD_MEAN}) / {STANDARD_DEVIATION} * max(deviation, {SMALLEST_DEVIATION})"
            " + mean, with the statistics of the frame's face.",
        ],
        "constants": {
            "coverage": coverage,
            "resolution": side,
            "standard_mean": STANDARD_MEAN,
            "standard_deviation": STANDARD_DEVIATION,
            "smallest_deviation": SMALLEST_DEVIATION,
            "forehead": FOREHEAD,
            "eroded": INSIDE,
            "fill_deviation": REACH,
            "fill_grid": GRID,
            "edge": EDGE,
        },
        "exact": f"{card.program}: facedouble.faces.network_input.network_input, "
        "facedouble.faces.geometry.describe_faces",
    }
