"""Networks on arrays: LiteRT and PyTorch give the same, for batches of any size."""

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
from facedouble.types import FloatArray, Image

NETWORKS = {
    "landmarks": (inference.face_landmarks, mediapipe.face_landmarks, (256, 256, 3), (0, 1)),
    "blendshapes": (inference.blendshapes, mediapipe.blendshapes, (146, 2), None),
    "descriptor": (inference.face_descriptor, face_descriptor, (150, 150, 3), (0, 1)),
    "full range": (inference.full_range, mediapipe.full_range, (192, 192, 3), (-1, 1)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_runtimes_agree(name: str) -> None:
    on_arrays: Callable[[str], ArrayNetwork]
    module: Callable[[], TfliteModule]
    on_arrays, module, shape, span = NETWORKS[name]
    generator = np.random.default_rng(0)
    if span is None:
        points = 200 * generator.random((3, *shape), dtype=np.float32)  # in pixels
        batch: Image | FloatArray = points
        given = points
    else:
        pictures = generator.integers(0, 256, (3, *shape), dtype=np.uint8)
        batch = pictures
        low, high = span
        given = low + pictures.astype(np.float32).transpose(0, 3, 1, 2) * np.float32((high - low) / 255)
    with torch.inference_mode():
        expected = {output: values.numpy() for output, values in module()(torch.from_numpy(given)).items()}
    for device in ("cpu", "cpu:0"):  # under the second name PyTorch runs them
        network = on_arrays(device)
        for count in (3, 1, 2):
            found = network(batch[:count])
            assert found.keys() <= expected.keys()
            for output, values in found.items():
                assert values.dtype == np.float32
                assert np.allclose(values, expected[output][:count], rtol=1e-3, atol=2e-3)


def test_results_are_not_overwritten_by_the_next_call() -> None:
    network = inference.blendshapes()
    points = 200 * np.random.default_rng(1).random((2, 146, 2), dtype=np.float32)
    first = network(points[:1])[mediapipe.BLENDSHAPES]
    kept = first.copy()
    network(points[1:])
    assert np.array_equal(first, kept)


@pytest.mark.subprocess
def test_a_cpu_needs_no_pytorch_and_no_notice_is_printed() -> None:
    script = (
        "import os, sys, numpy; from facedouble.networks.inference import face_landmarks;"
        "face_landmarks()(numpy.zeros((1, 256, 256, 3), numpy.uint8)); assert 'torch' not in sys.modules;"
        "os.write(2, b'still there')"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert result.stderr == b"still there"
    assert result.stdout == b""


@pytest.mark.subprocess
def test_what_others_write_while_a_network_is_loaded_is_kept() -> None:
    script = (
        "import os; from facedouble.networks.litert import _without_notice\n"
        "with _without_notice():\n"
        "    os.write(2, b'INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\nsomething else\\n')\n"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert result.stderr == b"something else\n"
