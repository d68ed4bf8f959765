"""Networks that come with the program, on arrays: by LiteRT on the CPU, by PyTorch on any other device.

LiteRT takes two thirds of the time of OpenCV and a third of that of PyTorch, and is imported in a tenth of
a second, PyTorch in two. Where gradients are wanted, :mod:`.mediapipe` and :mod:`.face_descriptor` have the
same networks as PyTorch modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from facedouble.networks import mediapipe
from facedouble.networks.face_descriptor import DESCRIPTOR, DESCRIPTOR_FILE
from facedouble.networks.face_descriptor import face_descriptor as descriptor_module
from facedouble.networks.litert import run_with_litert
from facedouble.networks.shared import SharedNetwork
from facedouble.types import FloatArray, Image

if TYPE_CHECKING:
    from facedouble.networks.tflite_module import TfliteModule

ArrayNetwork = Callable[[Image | FloatArray], dict[str, FloatArray]]
"""From a batch to the outputs by name, each (N, ...) float32. A batch is pictures (N, rows, columns, 3), RGB
uint8, or points (N, P, 2) float32."""


@dataclass(frozen=True, slots=True)
class _Network:
    """A network: its file, the outputs that are wanted and their shapes without the batch, and what a picture
    is multiplied by before ``offset`` is added."""

    file: str
    load: Callable[[str], TfliteModule]
    outputs: Mapping[str, tuple[int, ...]]
    scale: float = 1.0
    offset: float = 0.0


_LANDMARKS = _Network(
    mediapipe.LANDMARKS_FILE,
    mediapipe.face_landmarks,
    {mediapipe.LANDMARKS: (1, 1, 1434), mediapipe.PRESENCE: (1, 1, 1)},
    scale=1 / 255,
)
_BLENDSHAPES = _Network(mediapipe.BLENDSHAPES_FILE, mediapipe.blendshapes, {mediapipe.BLENDSHAPES: (52,)})
_DETECTOR = _Network(
    mediapipe.DETECTOR_FILE,
    mediapipe.full_range,
    {mediapipe.BOXES: (2304, 16), mediapipe.SCORES: (2304, 1)},
    scale=1 / 127.5,
    offset=-1.0,
)
_PALMS = _Network(
    mediapipe.PALMS_FILE,
    mediapipe.palms,
    {mediapipe.PALM_BOXES: (2016, 18), mediapipe.PALM_SCORES: (2016, 1)},
    scale=1 / 255,
)
_HAND = _Network(
    mediapipe.HAND_FILE,
    mediapipe.hand_joints,
    {mediapipe.JOINTS: (63,), mediapipe.HAND_PRESENCE: (1,)},
    scale=1 / 255,
)
_DESCRIPTOR = _Network(DESCRIPTOR_FILE, descriptor_module, {DESCRIPTOR: (128,)}, scale=1 / 255)
_ALL = (_LANDMARKS, _BLENDSHAPES, _DETECTOR, _PALMS, _HAND, _DESCRIPTOR)
_BY_FILE = {network.file: network for network in _ALL}


def face_landmarks(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.face_landmarks` for arrays. On a CPU what these functions return is for one thread at
    a time; on any other device it is one object, which runs what several threads ask as one batch."""
    return _on(device, _LANDMARKS)


def blendshapes(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.blendshapes` for arrays."""
    return _on(device, _BLENDSHAPES)


def full_range(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.full_range` for arrays."""
    return _on(device, _DETECTOR)


def palms(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.palms` for arrays."""
    return _on(device, _PALMS)


def hand_joints(device: str = "cpu") -> ArrayNetwork:
    """:func:`.mediapipe.hand_joints` for arrays."""
    return _on(device, _HAND)


def face_descriptor(device: str = "cpu") -> ArrayNetwork:
    """:func:`.face_descriptor.face_descriptor` for arrays: the descriptor alone."""
    return _on(device, _DESCRIPTOR)


def _on(device: str, network: _Network) -> ArrayNetwork:
    if device == "cpu":
        return run_with_litert(network.file, network.outputs, network.scale, network.offset)
    return _shared(network.file, device)


@cache
def _shared(file: str, device: str) -> ArrayNetwork:
    """The network in ``file`` on a device, for all threads."""
    return SharedNetwork(_in_torch(_BY_FILE[file], device))


def _in_torch(network: _Network, device: str) -> ArrayNetwork:
    import torch

    module = network.load(device)

    def run(batch: Image | FloatArray) -> dict[str, FloatArray]:
        with torch.inference_mode():
            # A quarter of the bytes travel if pictures become floats on the device.
            given = torch.from_numpy(batch).to(device).float()
            if given.ndim == 4:
                given = (given * network.scale + network.offset).permute(0, 3, 1, 2)
            found = module(given)
        return {output: found[output].float().cpu().numpy() for output in network.outputs}

    return run
