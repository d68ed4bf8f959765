"""Networks on arrays: OpenCV and PyTorch give the same, for batches of any size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from facedouble.networks import inference, mediapipe
from facedouble.networks.face_descriptor import face_descriptor
from facedouble.networks.inference import ArrayNetwork
from facedouble.networks.tflite_module import TfliteModule

NETWORKS = {
    "landmarks": (inference.face_landmarks, mediapipe.face_landmarks, (3, 256, 256)),
    "blendshapes": (inference.blendshapes, mediapipe.blendshapes, (146, 2)),
    "descriptor": (inference.face_descriptor, face_descriptor, (3, 150, 150)),
    "full range": (inference.full_range, mediapipe.full_range, (3, 192, 192)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_opencv_gives_what_pytorch_gives(name: str) -> None:
    on_arrays: Callable[[], ArrayNetwork]
    module: Callable[[], TfliteModule]
    on_arrays, module, shape = NETWORKS[name]
    scale = 200 if name == "blendshapes" else 1  # its points are in pixels
    batch = scale * np.random.default_rng(0).random((3, *shape), dtype=np.float32)
    with torch.inference_mode():
        expected = {output: values.numpy() for output, values in module()(torch.from_numpy(batch)).items()}
    network = on_arrays()
    for count in (3, 1, 2):
        found = network(batch[:count])
        assert found.keys() <= expected.keys()
        for output, values in found.items():
            assert values.dtype == np.float32
            assert np.allclose(values, expected[output][:count], rtol=1e-3, atol=2e-3)


@pytest.mark.subprocess
def test_a_cpu_needs_no_pytorch() -> None:
    script = (
        "import sys, numpy; from facedouble.networks.inference import face_landmarks;"
        "face_landmarks()(numpy.zeros((1, 3, 256, 256), numpy.float32)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
