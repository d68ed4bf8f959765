"""The weights that come with the program, in the folder ``weights`` beside this file (its README says from
where, and under which licence)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from facedouble.errors import AssetError

if TYPE_CHECKING:
    import torch

    from facedouble.networks.tflite_module import TfliteModule

FOLDER = Path(__file__).with_name("weights")

SHA256: Mapping[str, str] = {
    "dlib_face_descriptor.tflite": "50140c9df1a3e3dace890462dee686897686dc82c92708bb28030d48f6b65137",
    "face_blendshapes.tflite": "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
    "face_detection_full_range.tflite": "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    "face_landmarks_detector.tflite": "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
    "hand_landmark_full.tflite": "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    "occlusion.safetensors": "4b218f86e6397b1588f44a8737a55754987b69c4b2ad2fb6217dd59cbe3108b6",
    "palm_detection_full.tflite": "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
}
"""All files, with their checksums."""


def shipped_weights(name: str, folder: Path = FOLDER) -> Path:
    """The file ``name`` of ``SHA256``. Raises ``AssetError`` if it is missing or damaged."""
    path = folder / name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror}): reinstall facedouble") from error
    if found != SHA256[name]:
        raise AssetError(f"{path}: damaged (SHA-256 {found[:12]}...): reinstall facedouble")
    return path


def shipped_module(name: str, device: str = "cpu") -> TfliteModule:
    """The network in the file ``name`` as a PyTorch module, loaded once for each device."""
    import torch  # takes seconds, and extraction on a CPU does without it

    return _module(name, torch.device(device))


@cache
def _module(name: str, device: torch.device) -> TfliteModule:
    import torch

    from facedouble.networks.tflite_module import TfliteModule

    with torch.inference_mode(False):  # of which the caller's tensors may be, but not what others get later
        return TfliteModule(shipped_weights(name), known=True).to(device)
