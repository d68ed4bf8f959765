"""Detectors, landmark schemes and their predictors, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from facedouble.faces.detectors.base import Detector
    from facedouble.faces.geometry import Geometry
    from facedouble.faces.schemes.predictor import LandmarkPredictor
    from facedouble.faces.schemes.scheme import LandmarkScheme

_DLIB = "facedouble.networks.dlib_extra:require_dlib"

DETECTORS: Registry[Callable[[str], Detector]] = Registry(
    "detector",
    {
        "mediapipe": Entry(
            "facedouble.faces.detectors.mediapipe:MediaPipeDetector", "small, turned and tilted faces"
        ),
        "hog": Entry("facedouble.faces.detectors.dlib:HogDetector", "dlib, fast; extra", _DLIB),
        "cnn": Entry("facedouble.faces.detectors.dlib:CnnDetector", "dlib, slow; extra", _DLIB),
        "all": Entry(
            "facedouble.faces.detectors.dlib:HogThenCnnDetector", "cnn where hog finds none; extra", _DLIB
        ),
        "yunet": Entry(
            "facedouble.faces.detectors.yunet:YunetDetector",
            "downloaded once, finds small and turned faces",
            "facedouble.assets:yunet_model",
        ),
    },
)
"""Detector classes; their constructors take the device to run on."""

DEFAULT_DETECTOR = "mediapipe"
"""The detector of a new faceset."""

LANDMARK_SCHEMES: Registry[LandmarkScheme] = Registry(
    "landmark scheme",
    {
        "mediapipe478": Entry(
            "facedouble.faces.schemes.mediapipe478:MEDIAPIPE478", "MediaPipe's face mesh with irises"
        ),
        "dlib68": Entry(
            "facedouble.faces.schemes.dlib68:DLIB68", "dlib's points, in the order of iBUG 300-W"
        ),
    },
)
"""What the points of a face are. A face names its scheme here."""

GEOMETRIES: Registry[Geometry] = Registry(
    "geometry",
    {
        "mediapipe478": Entry(
            "facedouble.faces.geometry:MEDIAPIPE478_GEOMETRY",
            "pose with depth, openings, gaze, frontal shape",
        ),
        "dlib68": Entry("facedouble.faces.geometry:DLIB68_GEOMETRY", "pose, openings, frontal shape"),
    },
)
"""How what a face does is described, by the name of its landmark scheme."""

DEFAULT_SCHEME = "mediapipe478"
"""The landmark scheme of a new faceset."""

LANDMARK_PREDICTORS: Registry[Callable[[str], LandmarkPredictor]] = Registry(
    "landmark predictor",
    {
        "mediapipe478": Entry(
            "facedouble.faces.schemes.mediapipe478_predictor:Mediapipe478Predictor", "MediaPipe's network"
        ),
        "dlib68": Entry(
            "facedouble.faces.schemes.dlib68_predictor:Dlib68Predictor", "dlib's regression trees", _DLIB
        ),
    },
)
"""Predictor classes by the name of the scheme whose points they find; their constructors take the device to
run on."""
