"""Threads that share a network get their own answers, in few batches."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facedouble.networks import inference, mediapipe
from facedouble.networks.shared import SharedNetwork
from facedouble.types import FloatArray, Image
from tests.waiting import wait_until


class _Gate:
    """Doubles its batch; the first call waits until it is opened."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.open = threading.Event()

    def __call__(self, batch: Image | FloatArray) -> dict[str, FloatArray]:
        self.sizes.append(len(batch))
        self.open.wait()
        if (batch < 0).any():
            raise ValueError("negative")
        return {"twice": np.asarray(2 * batch, dtype=np.float32)}


@pytest.mark.parametrize(("largest", "sizes"), [(64, [1, 12]), (7, [1, 6, 6]), (1, [1, *[2] * 6])])
def test_what_is_asked_meanwhile_is_one_batch(largest: int, sizes: list[int]) -> None:
    gate = _Gate()
    shared = SharedNetwork(gate, largest)
    batches = [np.full((1 if number == 0 else 2, 3), number, dtype=np.float32) for number in range(7)]
    with ThreadPoolExecutor(len(batches)) as pool:
        answers = [pool.submit(shared, batches[0])]
        wait_until(lambda: gate.sizes == [1])
        answers += [pool.submit(shared, batch) for batch in batches[1:]]
        wait_until(lambda: len(shared._waiting) == 6)
        gate.open.set()
        for batch, answer in zip(batches, answers, strict=True):
            assert np.array_equal(answer.result()["twice"], 2 * batch)
    assert gate.sizes == sizes
    assert np.array_equal(shared(batches[3])["twice"], 2 * batches[3]), "it is free again"


def test_an_error_is_raised_in_each_thread_of_its_batch_and_stops_no_other() -> None:
    gate = _Gate()
    gate.open.set()
    shared = SharedNetwork(gate)
    with pytest.raises(ValueError, match="negative"):
        shared(np.full((2, 3), -1, dtype=np.float32))
    assert shared(np.ones((1, 1), dtype=np.float32))["twice"].tolist() == [[2.0]]


def test_threads_on_a_device_share_a_network() -> None:
    one, other = inference.blendshapes("cpu:0"), inference.blendshapes("cpu:0")
    assert one is other
    points = 200 * np.random.default_rng(0).random((24, 146, 2), dtype=np.float32)
    expected = one(points)[mediapipe.BLENDSHAPES]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: one(points[n : n + 1])[mediapipe.BLENDSHAPES], range(24)))
    assert np.allclose(np.concatenate(found), expected, atol=1e-5)
