"""Cancelling an operation: by Ctrl-C, by a signal, or by another thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

_POLL = 0.02  # seconds


class Cancelled(BaseException):
    """The operation was cancelled at a safe point: what was done is saved, and the same call resumes it.

    ``signal`` is the signal that did it, ``None`` for another reason. Not an ``Exception``, so that no
    handler for failures takes it for one (as ``asyncio.CancelledError``).
    """

    def __init__(self, reason: str = "cancelled", signal: int | None = None) -> None:
        super().__init__(reason)
        self.signal = signal


class CancelToken:
    """Set once, by any thread or by a signal handler; operations look at it at every safe point.

    Plain attributes, no lock: a signal handler may run while its own thread holds any lock.
    """

    __slots__ = ("_cancelled", "reason", "signal")

    def __init__(self) -> None:
        self._cancelled = False
        self.reason = ""
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self._cancelled

    def cancel(self, reason: str = "cancelled", signal: int | None = None) -> None:
        """Ask the operation to stop. The first reason counts."""
        if not self._cancelled:
            self.reason, self.signal = reason, signal
            self._cancelled = True

    def check(self) -> None:
        """A safe point: raises ``Cancelled`` if that was asked for."""
        if self._cancelled:
            raise Cancelled(self.reason, self.signal)

    def wait(self, seconds: float) -> None:
        """Sleep. Raises ``Cancelled`` as soon as that is asked for."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(_POLL, left))
        self.check()


def stop_signals() -> tuple[int, ...]:
    """Signals by which a person or the system ends a program, as far as this system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return tuple(int(getattr(signal, name)) for name in names if hasattr(signal, name))


@contextmanager
def cancelled_by(token: CancelToken, signals: Sequence[int]) -> Iterator[None]:
    """Let the first of ``signals`` set ``token``; a second one acts as it did before.

    A signal that is ignored stays so (``nohup`` ignores SIGHUP). Python delivers signals to the main thread
    alone; in another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in signals}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, _frame: FrameType | None) -> None:
        token.cancel(signal.Signals(number).name, number)
        restore()

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()


@contextmanager
def starting_helpers() -> Iterator[None]:
    """Start processes that will call :func:`follow_parent` inside this: a signal that reaches them before
    that waits, and is then ignored. Otherwise Ctrl-C would end them in the middle of their imports, each
    with a traceback on the terminal."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Its start, which Python leaves to the first process that needs it, would let the signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow_parent() -> None:
    """In a process that was started to help: leave signals to the parent, and end when it has ended.

    A terminal sends Ctrl-C to all processes of a command; the one that started the others decides.
    """
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
