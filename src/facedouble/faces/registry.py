"""What finding faces chooses from."""

from __future__ import annotations

from typing import Any

from facedouble.registry import Entry, Registry

DETECTORS: Registry[Any] = Registry(
    "detector",
    {
        "hog": Entry("facedouble.faces.detectors:HogDetector", "dlib, fast"),
        "cnn": Entry("facedouble.faces.detectors:CnnDetector", "dlib, slow"),
        "all": Entry("facedouble.faces.detectors:HogThenCnnDetector", "cnn where hog finds none"),
        "yunet": Entry("facedouble.faces.detectors:YunetDetector", "fetched once; small and turned faces"),
    },
)
"""Classes of detectors, made without arguments."""
