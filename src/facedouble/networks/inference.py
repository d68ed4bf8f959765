"""Networks that come with the program, on arrays: by OpenCV on the CPU, by PyTorch on any other device.

On a CPU, OpenCV is as fast as PyTorch, which takes seconds to import. Where gradients are wanted,
:mod:`.mediapipe` and :mod:`.face_descriptor` have the same networks as PyTorch modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from facedouble.networks import mediapipe
from facedouble.networks.face_descriptor import DESCRIPTOR, DESCRIPTOR_FILE
from facedouble.networks.face_descriptor import face_descriptor as descriptor_module
from facedouble.networks.shipped import shipped_weights
from facedouble.types import FloatArray

if TYPE_CHECKING:
    from facedouble.networks.tflite_module import TfliteModule

ArrayNetwork = Callable[[FloatArray], dict[str, FloatArray]]
"""From a batch (N, ...) to the outputs by name, each (N, ...), all float32."""

_OUTPUTS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    DESCRIPTOR_FILE: {DESCRIPTOR: (128,)},
    mediapipe.LANDMARKS_FILE: {mediapipe.LANDMARKS: (1, 1, 1434), mediapipe.PRESENCE: (1, 1, 1)},
    mediapipe.BLENDSHAPES_FILE: {mediapipe.BLENDSHAPES: (52,)},
    mediapipe.DETECTOR_FILE: {mediapipe.BOXES: (2304, 16), mediapipe.SCORES: (2304, 1)},
}
"""Shapes of each network's outputs that are wanted here, without the batch."""


def face_landmarks(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.face_landmarks` for arrays. What these functions return is for one thread at a
    time."""
    return _network(mediapipe.LANDMARKS_FILE, mediapipe.face_landmarks, device)


def blendshapes(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.blendshapes` for arrays."""
    return _network(mediapipe.BLENDSHAPES_FILE, mediapipe.blendshapes, device)


def full_range(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.full_range` for arrays."""
    return _network(mediapipe.DETECTOR_FILE, mediapipe.full_range, device)


def face_descriptor(device: str = "cpu") -> ArrayNetwork:
    """:func:`.face_descriptor.face_descriptor` for arrays: the descriptor alone."""
    return _network(DESCRIPTOR_FILE, descriptor_module, device)


def _network(name: str, load: Callable[[str], TfliteModule], device: str) -> ArrayNetwork:
    return _in_opencv(name) if device == "cpu" else _in_torch(name, load(device), device)


def _in_opencv(name: str) -> ArrayNetwork:
    network = cv2.dnn.readNetFromTFLite(str(shipped_weights(name)), cv2.dnn.ENGINE_CLASSIC)
    shapes = _OUTPUTS[name]

    def run(batch: FloatArray) -> dict[str, FloatArray]:
        network.setInput(batch)
        # Its reshaping operations know of one sample only, and put all of a batch into that.
        return {
            output: np.asarray(values, dtype=np.float32).reshape(len(batch), *shape)
            for (output, shape), values in zip(shapes.items(), network.forward(list(shapes)), strict=True)
        }

    def run_each(batch: FloatArray) -> dict[str, FloatArray]:
        found = [run(batch[number : number + 1]) for number in range(len(batch))]
        return {output: np.concatenate([one[output] for one in found]) for output in shapes}

    # The operations of this one know of one sample only, altogether.
    return run_each if name == mediapipe.BLENDSHAPES_FILE else run


def _in_torch(name: str, module: TfliteModule, device: str) -> ArrayNetwork:
    import torch

    def run(batch: FloatArray) -> dict[str, FloatArray]:
        with torch.inference_mode():
            found = module(torch.from_numpy(batch).to(device))
        return {output: found[output].float().cpu().numpy() for output in _OUTPUTS[name]}

    return run
