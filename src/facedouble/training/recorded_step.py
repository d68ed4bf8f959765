"""A step recorded once as a CUDA graph and then replayed.

The layers of these models are so small that a card waits for the processor to launch them. A replay launches
all of a step at once. What a recording reads and writes lies at fixed places in memory, so new inputs are
copied to where it reads, and what changes from step to step must be a tensor (the learning rate, noise).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from facedouble.device import is_out_of_memory

Work = Callable[[Sequence[Tensor]], Tensor]
Replay = Callable[[], object]
Capture = Callable[[Callable[[], Tensor]], tuple[Replay, Tensor]]
"""Records a piece of work without doing it: what does it from then on, and where its result will lie."""

_WARM_UP = 3  # real steps before the recording, in which libraries choose their algorithms


class RecordedStep:
    """Does a piece of work: the first few times as it is, then by a recording.

    A recording holds for one ``key``. With another one (other shapes, other weights to learn) it is dropped,
    and the work is recorded anew.
    """

    def __init__(self, capture: Capture, warm_up: Callable[[Callable[[], Tensor]], Tensor]) -> None:
        self._capture, self._warm_up = capture, warm_up
        self._key: Hashable = None
        self._done = 0
        self._replay: Replay | None = None
        self._inputs: list[Tensor] = []
        self._result = torch.empty(0)

    def __call__(self, key: Hashable, inputs: Sequence[Tensor], work: Work) -> Tensor:
        """The result of ``work(inputs)``, a tensor of its own. ``work`` changes nothing but tensors that stay
        where they are."""
        if key != self._key:
            self.drop()
            self._key = key
        if self._done < _WARM_UP:
            self._done += 1
            return self._warm_up(lambda: work(inputs))
        if self._replay is None:
            self._inputs = [tensor.clone() for tensor in inputs]
            self._replay, self._result = self._capture(lambda: work(self._inputs))
        torch._foreach_copy_(self._inputs, list(inputs), non_blocking=True)
        self._replay()
        return self._result.clone()

    def ready(self, key: Hashable) -> bool:
        """Whether work with this ``key`` is recorded, and would be replayed."""
        return key == self._key and self._replay is not None

    def drop(self) -> None:
        """Drop the recording, and the memory that it holds."""
        self._key, self._done, self._replay, self._inputs = None, 0, None, []
        self._result = torch.empty(0)


def recorded_on_cuda(device: torch.device) -> RecordedStep:
    """A :class:`RecordedStep` of CUDA graphs on ``device``."""
    stream = torch.cuda.Stream(device)

    def warm_up(work: Callable[[], Tensor]) -> Tensor:
        # On the stream of the recording, since some libraries prepare themselves for each stream.
        current = torch.cuda.current_stream(device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            result = work()
        current.wait_stream(stream)
        result.record_stream(current)
        return result

    def capture(work: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
        graph = torch.cuda.CUDAGraph()
        try:
            # Another thread makes the next batch meanwhile, which is none of this recording's business.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = work()
        except RuntimeError as error:
            # A recording that ends in the middle fails once more, and hides why.
            if error.__context__ is not None and is_out_of_memory(error.__context__):
                raise error.__context__ from None
            raise
        return graph.replay, result

    return RecordedStep(capture, warm_up)
