"""Both sides at once on a processor, each in a thread of its own.

Operations of a small model take fractions of a millisecond. Dividing each of them among the cores means that
all cores wait for each other some thousand times a second, and where one of them is busy with something else,
all of them stand still. Two threads that each take one side through the network meet once in a step.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Barrier
from typing import TypeVar

import torch

from facedouble.types import SIDES, Side

Result = TypeVar("Result")


def computing_threads(count: int, each: int, name: str) -> ThreadPoolExecutor:
    """``count`` threads, all started, in which an operation of PyTorch is divided among ``each`` threads."""
    own, started = torch.get_num_threads(), Barrier(count)

    def start() -> None:
        # A thread takes the number that was set last, by any thread, when it first needs one; only from
        # then on does it keep its own.
        torch.get_num_threads()
        torch.set_num_threads(each)
        started.wait()

    pool = ThreadPoolExecutor(count, name)
    wait([pool.submit(start) for _ in range(count)])
    torch.set_num_threads(own)
    return pool


class SideThreads:
    """A thread for each side; the caller's cores are shared evenly among them.

    ``cores_left``: whether there are more cores than sides. On two, a third thread that works meanwhile holds
    up one side, and with it the other.
    """

    def __init__(self) -> None:
        cores = torch.get_num_threads()
        self.cores_left = cores > len(SIDES)
        self._pool = computing_threads(len(SIDES), max(1, cores // len(SIDES)), "side")

    def run(self, work: Callable[[Side], Result]) -> dict[Side, Result]:
        """``work(side)`` for both sides at the same time. Raises what the first of them raised, when
        neither is running any more."""
        futures = {side: self._pool.submit(work, side) for side in SIDES}
        wait(futures.values())
        return {side: future.result() for side, future in futures.items()}

    def alone(self, work: Callable[[], Result]) -> Result:
        """``work()`` in one of the threads, so that it takes no more cores than a side does."""
        return self._pool.submit(work).result()
