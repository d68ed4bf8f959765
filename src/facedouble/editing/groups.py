"""Which landmarks a person takes hold of together, and which are drawn joined by lines."""

from __future__ import annotations

from collections.abc import Mapping

from facedouble.faces.schemes.scheme import Eye, Indices, LandmarkScheme


def point_groups(scheme: LandmarkScheme) -> Mapping[str, Indices]:
    """The groups of a scheme's points by name, the whole face first. Left and right are the person's."""
    regions = scheme.regions
    right, left = (eye.contour + eye.iris for eye in regions.eyes)
    groups = {
        "face": regions.points,
        "jaw": regions.jaw,
        "brows": regions.brows,
        "right_brow": regions.right_brow,
        "left_brow": regions.left_brow,
        "nose": regions.nose,
        "eyes": right + left,
        "right_eye": right,
        "left_eye": left,
        "right_iris": regions.right_eye.iris,
        "left_iris": regions.left_eye.iris,
        "lips": regions.lips,
        "outer_lips": regions.outer_lips,
        "inner_lips": regions.inner_lips,
    }
    for side, eye in (("right", regions.right_eye), ("left", regions.left_eye)):
        groups[f"{side}_upper_lid"], groups[f"{side}_lower_lid"] = lids(eye, scheme)
    return {name: indices for name, indices in groups.items() if indices}


def lids(eye: Eye, scheme: LandmarkScheme) -> tuple[Indices, Indices]:
    """The points of the upper and of the lower lid, without the corners, in the contour's order."""
    first, second = (eye.contour.index(corner) for corner in eye.opening.corners)
    if first > second:
        first, second = second, first
    arcs = (eye.contour[first + 1 : second], eye.contour[second + 1 :] + eye.contour[:first])
    upper, lower = sorted(arcs, key=lambda arc: float(scheme.mean_shape[list(arc), 1].mean()))
    return upper, lower


def outlines(scheme: LandmarkScheme) -> Mapping[str, tuple[Indices, bool]]:
    """The lines that show a face, by name: their points in order, and whether the last joins the first. A
    nose is no line."""
    regions = scheme.regions
    return {
        "jaw": (regions.jaw, False),
        "right_brow": (regions.right_brow, False),
        "left_brow": (regions.left_brow, False),
        "right_eye": (regions.right_eye.contour, True),
        "left_eye": (regions.left_eye.contour, True),
        "outer_lips": (regions.outer_lips, True),
        "inner_lips": (regions.inner_lips, True),
    }
