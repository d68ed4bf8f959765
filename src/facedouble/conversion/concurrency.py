"""Pipeline stages that run side by side, each in threads of its own.

Queues between stages are bounded, so memory does not grow with the length of the input. Results come out in
input order. An exception surfaces at the position of the item that caused it, so everything before that item
is still delivered. Closing the last stage stops all of them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL_SECONDS = 0.1  # how often a blocked thread checks whether it should stop


@dataclass(slots=True)
class StageTimer:
    """Busy time of each stage in seconds, summed over its threads, and its number of threads."""

    busy: dict[str, float] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def measure(self, stage: str, threads: int = 1) -> Iterator[None]:
        """Count the time spent inside the ``with`` block as busy time of ``stage``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            with self._lock:
                self.busy[stage] = self.busy.get(stage, 0.0) + spent
                self.threads[stage] = threads

    def measure_each(self, stage: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield ``items``, counting the time it takes to produce them as busy time of ``stage``."""
        source = iter(items)
        while True:
            with self.measure(stage):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item

    def utilisation(self, seconds: float) -> dict[str, float]:
        """Fraction of ``seconds`` that each stage was busy, 0 to 1. The stage nearest to 1 is the
        bottleneck."""
        return {stage: busy / self.threads[stage] / max(seconds, 1e-9) for stage, busy in self.busy.items()}


def prefetch(items: Iterable[Item], limit: int) -> Generator[Item]:
    """Yield ``items``, produced by a thread that runs up to ``limit`` items ahead of the consumer."""
    ready: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(limit)
    stop = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None, bool]) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(entry, timeout=_POLL_SECONDS)
                return

    def fill() -> None:
        source = iter(items)
        try:
            for item in source:
                put((item, None, False))
                if stop.is_set():
                    return
            put((None, None, True))
        except BaseException as error:  # noqa: BLE001  (raised again in the consumer)
            put((None, error, True))
        finally:
            _close(source)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error, last = ready.get(timeout=_POLL_SECONDS)  # Ctrl-C cannot break an endless wait
            except queue.Empty:
                continue
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()


def map_ordered(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, limit: int
) -> Generator[Result]:
    """Apply ``work`` to each item in a pool of ``threads``, with up to ``limit`` items in flight. Results
    come in input order."""
    source = iter(items)
    pool = ThreadPoolExecutor(threads)
    in_flight: deque[Future[Result]] = deque()
    failure: Exception | None = None
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  (raised once the items before it are delivered)
                failure = error
                break
            in_flight.append(pool.submit(work, item))
            if len(in_flight) >= limit:
                yield in_flight.popleft().result()
        while in_flight:
            yield in_flight.popleft().result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)
        _close(source)


def _close(source: Iterator[object]) -> None:
    if isinstance(source, Generator):
        source.close()
