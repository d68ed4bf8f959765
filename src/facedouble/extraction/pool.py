"""Map a function over items in parallel, with the results in the order of the items."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

import cv2

from facedouble.errors import ProcessError, setting
from facedouble.run.cancel import follow_parent, starting_helpers
from facedouble.run.run import Run

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL = 0.1  # seconds between looks at whether the run is cancelled
_QUEUED = 1  # items that wait for a process to be free


def _nothing() -> None:
    pass


def map_in_processes(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    processes: int,
    run: Run,
    *,
    prepare: Callable[[], None] = _nothing,
) -> Generator[Result]:
    """``work`` of each item, in the order of the items; errors in a process are raised here.

    ``processes`` 0 means one per core; 1 means this process itself. ``prepare`` is called once in each. Only
    a few items are in flight at a time, so memory does not grow with their number. ``work`` and ``prepare``
    must be module-level functions. Raises ``ProcessError`` if a process dies, and ``Cancelled`` if the run
    is cancelled, once the items in flight are done.
    """
    count = processes or os.cpu_count() or 1
    if sys.platform == "win32":
        count = min(count, 61)  # more than Windows can wait for
    if count == 1:
        prepare()
        yield from map(work, run.each(items))
        return
    # Spawned, not forked: the parent may hold threads of PyTorch or FFmpeg.
    executor = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_start, initargs=(prepare,)
    )

    def submit(item: Item) -> Future[Result]:
        with starting_helpers():  # at most one, as long as there are fewer than ``count``
            return executor.submit(work, item)

    try:
        yield from _map_in_order(submit, count + _QUEUED, items, run)
    except BrokenProcessPool as error:
        raise ProcessError(
            "a worker process died, perhaps out of memory "
            f"({setting('processes', 1)} needs the least); in a script of your own, calls belong under "
            'if __name__ == "__main__":'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def map_in_threads(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    run: Run,
    *,
    prepare: Callable[[], None] = _nothing,
    queued: int = _QUEUED,
) -> Generator[Result]:
    """The same in threads, for work that mostly runs outside Python (OpenCV, FFmpeg, files), so that nothing
    has to be sent and nothing to be started. ``threads`` 0 means one per core. ``queued`` items wait for one
    to be free."""
    count = threads or os.cpu_count() or 1
    executor = ThreadPoolExecutor(count, initializer=prepare)
    of_opencv = cv2.getNumThreads()
    try:
        yield from _map_in_order(lambda item: executor.submit(work, item), count + queued, items, run)
    finally:
        executor.shutdown(cancel_futures=True)
        cv2.setNumThreads(of_opencv)  # which a worker may have changed, and is the same for all threads


def _map_in_order(
    submit: Callable[[Item], Future[Result]], in_flight: int, items: Iterable[Item], run: Run
) -> Generator[Result]:
    """Results in the order of the items, with at most ``in_flight`` at a time."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(submit(item))
        if len(waiting) >= in_flight:
            yield _result(waiting.popleft(), run)
    while waiting:
        yield _result(waiting.popleft(), run)


def _result(future: Future[Result], run: Run) -> Result:
    while True:
        run.check()
        wait([future], _POLL)
        if future.done():
            return future.result()


def _start(prepare: Callable[[], None]) -> None:
    follow_parent()
    prepare()
