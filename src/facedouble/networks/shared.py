"""One network for many threads, whose questions are answered together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from facedouble.types import FloatArray, Image

Network = Callable[[Image | FloatArray], dict[str, FloatArray]]


@dataclass(slots=True)
class _Request:
    """What a thread asks. ``ready`` is set when it has its ``answer``, an ``error``, or its turn to ask for
    all that wait (``leads``)."""

    batch: Image | FloatArray
    ready: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    answer: dict[str, FloatArray] | None = None
    error: BaseException | None = None


class SharedNetwork:
    """Runs ``network``, from a batch (N, ...) to outputs (N, ...) by name, for threads that ask at once.

    A GPU takes hardly longer for twenty faces than for one. So whatever is asked while it works is collected,
    and run as one batch of up to ``largest`` samples as soon as it is free; nobody waits for a batch to fill.
    Whoever has waited longest runs it, so no thread has to be started or ended. An error of the network is
    raised in each thread whose samples were in that batch.
    """

    def __init__(self, network: Network, largest: int = 64) -> None:
        self._network, self._largest = network, largest
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._busy = False

    def __call__(self, batch: Image | FloatArray) -> dict[str, FloatArray]:
        request = _Request(batch)
        with self._lock:
            self._waiting.append(request)
            request.leads = not self._busy
            self._busy = True
        if not request.leads:
            request.ready.wait()
        if request.leads:
            self._run_waiting()
        if request.error is not None:
            raise request.error
        assert request.answer is not None
        return request.answer

    def _run_waiting(self) -> None:
        """Run what waits, the oldest first, and let the next thread lead."""
        with self._lock:
            taken = self._take()
        try:
            found = self._network(np.concatenate([request.batch for request in taken]))
            first = 0
            for request in taken:
                last = first + len(request.batch)
                request.answer = {name: values[first:last] for name, values in found.items()}
                first = last
        except BaseException as error:  # noqa: BLE001  (raised in every thread that asked)
            for request in taken:
                request.error = error
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._busy = following is not None
            if following is not None:
                following.leads = True
                following.ready.set()
            for request in taken:
                request.ready.set()

    def _take(self) -> list[_Request]:
        """The oldest requests that fit into one batch, at least one."""
        count, samples = 0, 0
        for request in self._waiting:
            samples += len(request.batch)
            if count and samples > self._largest:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken
