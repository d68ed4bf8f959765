"""What curation chooses from."""

from __future__ import annotations

from typing import Any

from facedouble.registry import Entry, Registry

ORDERS: Registry[Any] = Registry(
    "sort order",
    {
        "frame": Entry("facedouble.curation.sorting:FRAME", "frame by frame, as extracted"),
        "identity": Entry("facedouble.curation.sorting:IDENTITY", "a folder for each person"),
        "track": Entry("facedouble.curation.sorting:TRACK", "a folder for each track"),
        "sharpness": Entry("facedouble.curation.sorting:SHARPNESS", "blurred ones first"),
        "yaw": Entry("facedouble.curation.sorting:YAW", "from the left of the image to the right"),
        "pitch": Entry("facedouble.curation.sorting:PITCH", "from down to up"),
        "mouth": Entry("facedouble.curation.sorting:MOUTH", "from shut to open"),
        "colour": Entry("facedouble.curation.sorting:COLOUR", "from dark to bright"),
        "size": Entry("facedouble.curation.sorting:SIZE", "from small in the frame to large"),
        "review": Entry("facedouble.curation.sorting:REVIEW", "what looks wrong first"),
    },
)
