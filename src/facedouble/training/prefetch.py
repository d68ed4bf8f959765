"""The next batch made by a thread of its own while the network learns from this one.

Reading from disk, sampling on a processor and starting work on a GPU all let go of Python's lock. What is
drawn is the same as without the thread, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from facedouble.training.schedule import StepConfig
from facedouble.training.warp.pairs import Pairs
from facedouble.types import Side

_Made = Mapping[Side, Pairs]


class Prefetcher:
    """Batches from ``make``, which draws from ``random`` and looks at a config's augmentation.

    One batch is under way at a time. While it is, ``random`` is the thread's: call :meth:`rewind` before
    its state is read or set.
    """

    def __init__(self, make: Callable[[StepConfig], _Made], random: torch.Generator) -> None:
        self._make, self._random = make, random
        # One core: its own team of threads would only get into the way of the network's.
        self._thread = ThreadPoolExecutor(1, "batches", torch.set_num_threads, (1,))
        self._begun: tuple[StepConfig, Tensor, Future[_Made]] | None = None

    def take(self, config: StepConfig, after: StepConfig) -> _Made:
        """The batch of ``config``; that of ``after``, the one expected next, is begun."""
        made = self._taken(config)
        state = self._random.get_state()
        self._begun = (after, state, self._thread.submit(self._make, after))
        return made

    def rewind(self) -> None:
        """Drop what was made ahead, as if it had never been drawn."""
        if self._begun is not None:
            _, state, future = self._begun
            self._begun = None
            # An error of its making would come again where the batch is made anew.
            future.exception()
            self._random.set_state(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rewind()
        self._thread.shutdown()

    def _taken(self, config: StepConfig) -> _Made:
        if self._begun is None or not _alike(self._begun[0], config):
            self.rewind()
            return self._make(config)
        made = self._begun[2].result()
        self._begun = None
        return made


def _alike(expected: StepConfig, config: StepConfig) -> bool:
    """Whether a batch made for one config serves the other. By iterations what is expected is what comes;
    by the clock it is a step late, and a bend weaker or stronger by a hundredth of all there is will do."""
    return abs(expected.augmentation - config.augmentation) < 0.01
