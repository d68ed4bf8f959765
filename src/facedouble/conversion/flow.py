"""Work that flows through stages side by side: each in threads of its own, with a few things between them.

What is between two stages is bounded, so memory does not grow with length; things come out in the order in
which they went in; and an error comes out where the thing would have that it belongs to, so what is before
it is done whatever the threads did. Leaving the last stage early stops them all.
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

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_TICK = 0.1  # seconds between looks at whether to stop


@dataclass(slots=True)
class Clock:
    """How long each stage was at work, in seconds added up over its threads, and how many it has."""

    busy: dict[str, float] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def measure(self, stage: str, threads: int = 1) -> Iterator[None]:
        """Time what is done inside the ``with`` as work of ``stage``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            with self._lock:
                self.busy[stage] = self.busy.get(stage, 0.0) + spent
                self.threads[stage] = threads

    def each(self, stage: str, things: Iterable[Thing]) -> Iterator[Thing]:
        """``things``, the time of getting each of them measured as work of ``stage``."""
        source = iter(things)
        while True:
            with self.measure(stage):
                try:
                    thing = next(source)
                except StopIteration:
                    return
            yield thing

    def shares(self, seconds: float) -> dict[str, float]:
        """How much of ``seconds`` each stage was at work, 0 to 1; the one nearest to 1 is what the others
        wait for."""
        return {stage: busy / self.threads[stage] / max(seconds, 1e-9) for stage, busy in self.busy.items()}


def ahead(things: Iterable[Thing], most: int) -> Generator[Thing]:
    """``things``, got in a thread of its own, up to ``most`` ahead of who takes them."""
    ready: queue.Queue[tuple[Thing | None, BaseException | None, bool]] = queue.Queue(most)
    stop = threading.Event()

    def put(entry: tuple[Thing | None, BaseException | None, bool]) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(entry, timeout=_TICK)
                return

    def fill() -> None:
        source = iter(things)
        try:
            for thing in source:
                put((thing, None, False))
                if stop.is_set():
                    return
            put((None, None, True))
        except BaseException as error:  # noqa: BLE001  (raised again where the thing is taken)
            put((None, error, True))
        finally:
            _close(source)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while True:
            try:
                thing, error, last = ready.get(timeout=_TICK)  # a wait without end cannot be broken off
            except queue.Empty:
                continue
            if error is not None:
                raise error
            if last:
                return
            yield thing  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()


def mapped(
    work: Callable[[Thing], Result], things: Iterable[Thing], threads: int, most: int
) -> Generator[Result]:
    """``work`` done on each of ``things`` in a number of threads, up to ``most`` at a time; the results
    in order."""
    source = iter(things)
    pool = ThreadPoolExecutor(threads)
    under_way: deque[Future[Result]] = deque()
    failure: Exception | None = None
    try:
        while True:
            try:
                thing = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  (raised when what came before it is out)
                failure = error
                break
            under_way.append(pool.submit(work, thing))
            if len(under_way) >= most:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)
        _close(source)


def _close(source: Iterator[object]) -> None:
    if isinstance(source, Generator):
        source.close()
