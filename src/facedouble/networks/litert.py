"""Networks of TensorFlow Lite run by LiteRT, Google's own runtime, on the CPU."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import numpy as np

from facedouble.networks.shipped import shipped_weights
from facedouble.types import FloatArray, Image

_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."

_quiet = threading.Lock()


def run_with_litert(
    file: str, outputs: Mapping[str, tuple[int, ...]], scale: float = 1.0, offset: float = 0.0
) -> Callable[[Image | FloatArray], dict[str, FloatArray]]:
    """A function that runs the shipped network ``file`` on one core, for one thread at a time.

    It takes a batch (N, ...), multiplies it by ``scale`` and adds ``offset``, and returns the ``outputs`` by
    their names in the file, (N, ...) float32; the mapping says their shapes without the batch. Samples are
    run one by one: on one core a larger batch is no faster.
    """
    from ai_edge_litert.interpreter import Interpreter  # not needed where networks run on a GPU

    with _without_notice():
        network = Interpreter(model_content=shipped_weights(file).read_bytes(), num_threads=1)
        network.allocate_tensors()
    given = network.tensor(network.get_input_details()[0]["index"])
    index_of = {detail["name"]: detail["index"] for detail in network.get_output_details()}
    results = {name: network.tensor(index_of[name]) for name in outputs}

    def run(batch: Image | FloatArray) -> dict[str, FloatArray]:
        found = {name: np.empty((len(batch), *shape), np.float32) for name, shape in outputs.items()}
        for number, sample in enumerate(batch):
            # Views of the network's own memory: it must not run while one of them exists.
            target = given()
            np.multiply(sample[None], np.float32(scale), out=target)
            if offset:
                np.add(target, np.float32(offset), out=target)
            del target
            network.invoke()
            for name, shape in outputs.items():
                found[name][number] = results[name]().reshape(shape)
        return found

    return run


@contextmanager
def _without_notice() -> Generator[None]:
    """Keep LiteRT's notice that it is ready, which cannot be turned off, from standard error. Everything else
    that is written there in the meantime, by whatever thread, is written afterwards."""
    with _quiet, tempfile.TemporaryFile() as held:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            real = os.dup(2)
        except OSError:  # there is none, as in a program without a console
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if line.strip() != _NOTICE:
                    os.write(2, line)
