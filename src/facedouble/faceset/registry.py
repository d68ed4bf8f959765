"""The kinds of layers that a face can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.faceset.layer_kinds import LayerKind

LAYER_KINDS: Registry[LayerKind] = Registry(
    "layer",
    {
        "occlusion": Entry(
            "facedouble.faceset.layer_kinds:OCCLUSION",
            "mask of what is visible of the face: 0 hidden, 255 visible",
        ),
        "polygons": Entry(
            "facedouble.faceset.layer_kinds:POLYGONS",
            "outlines drawn by hand that include or exclude parts of the face",
        ),
    },
)
