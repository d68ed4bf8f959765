"""Makes the next batch in a thread while the network trains on the current one.

Reading from disk, sampling on the CPU and launching GPU kernels all release the interpreter lock. The batches
are the same as without the thread, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from facedouble.training.schedule import StepConfig
from facedouble.training.side_threads import computing_threads
from facedouble.training.warp.pairs import Pairs
from facedouble.types import Side

_Made = Mapping[Side, Pairs]


class Prefetcher:
    """Batches from ``make``, which draws from ``random`` and depends on a step's augmentation strength.

    One batch is prefetched at a time: :meth:`take` that of a step, and while the step is taken :meth:`begin`
    that of the next. Meanwhile ``random`` belongs to the thread: call :meth:`rewind` before reading or
    setting its state.
    """

    def __init__(self, make: Callable[[StepConfig], _Made], random: torch.Generator) -> None:
        self._make, self._random = make, random
        # One thread: a pool of its own would compete with the network's.
        self._thread = computing_threads(1, 1, "batches")
        self._begun: tuple[StepConfig, Tensor, Future[_Made]] | None = None

    def take(self, config: StepConfig) -> _Made:
        """The batch of ``config``. Raises what making it raised; then it can be taken anew."""
        if self._begun is None or not _alike(self._begun[0], config):
            self.rewind()
            return self._make_or_rewind(config)
        try:
            made = self._begun[2].result()
        except Exception:
            self.rewind()
            raise
        self._begun = None
        return made

    def begin(self, after: StepConfig) -> None:
        """Start prefetching the batch of ``after``, the step expected next, unless one is begun."""
        if self._begun is None:
            state = self._random.get_state()
            self._begun = (after, state, self._thread.submit(self._make, after))

    def rewind(self) -> None:
        """Discard the prefetched batch, as if it had never been drawn."""
        if self._begun is not None:
            _, state, future = self._begun
            self._begun = None
            # An error in making it will occur again when the batch is made anew.
            future.exception()
            self._random.set_state(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rewind()
        self._thread.shutdown()

    def _make_or_rewind(self, config: StepConfig) -> _Made:
        state = self._random.get_state()
        try:
            return self._make(config)
        except Exception:
            self._random.set_state(state)
            raise


def _alike(expected: StepConfig, config: StepConfig) -> bool:
    """Whether a batch made for one step serves the other. With a limit of iterations the expected step is
    always the right one; with a limit of minutes it is slightly off, and a hundredth of the augmentation
    strength does not matter."""
    return abs(expected.augmentation - config.augmentation) < 0.01
