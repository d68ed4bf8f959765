"""A run: its stream of events, its cancellation, and its locks on outputs."""

from __future__ import annotations

import logging
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from facedouble._version import __version__
from facedouble.run import locks
from facedouble.run.cancel import Cancelled, CancelToken, cancelled_by
from facedouble.run.control import Control
from facedouble.run.events import (
    Data,
    Event,
    Failed,
    Finished,
    Metrics,
    Notice,
    Progress,
    StageFinished,
    StageStarted,
    Started,
    Stopped,
    Subscriber,
    as_json,
)

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Run:
    """The context of an operation. One run is one command: an operation that calls others passes its run on.

    Subscribers get every event, in order, one at a time, on the thread that emits it; any thread may emit.
    A subscriber that raises stays subscribed and never stops the operation: the others get a notice
    (``subscriber.failed``), the log has the traceback, and its failures are reported again only after it has
    succeeded in between. ``Cancelled``, ``KeyboardInterrupt`` and the like pass through. A subscriber that is
    a context manager is entered when it subscribes and exited when it is removed or the run ends.

    ``control`` has an operation that supports it (training) pause or save.

    A run is a context manager, which closes its subscribers; without such subscribers ``with`` is optional.
    """

    def __init__(
        self,
        subscribers: Iterable[Subscriber] = (),
        *,
        token: CancelToken | None = None,
        control: Control | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.token = CancelToken() if token is None else token
        self.control = control
        self._subscribers: list[Subscriber] = []
        self._failing: set[int] = set()
        self._waiting: deque[Event] = deque()
        self._lock = threading.RLock()
        self._emitting = False
        self._open = ExitStack()
        self._depth = 0
        self._result: Any = None
        for subscriber in subscribers:
            self.subscribe(subscriber)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._subscribers.clear()
        self._open.close()

    # -- events --------------------------------------------------------------------------------------

    def subscribe(self, subscriber: Subscriber) -> None:
        """Send ``subscriber`` all events from now until the run ends."""
        if isinstance(subscriber, AbstractContextManager):
            self._open.enter_context(subscriber)
        with self._lock:
            self._subscribers.append(subscriber)

    @contextmanager
    def subscribed(self, *subscribers: Subscriber) -> Iterator[None]:
        """Send ``subscribers`` all events emitted inside the ``with``."""
        with ExitStack() as opened:
            for subscriber in subscribers:
                if isinstance(subscriber, AbstractContextManager):
                    opened.enter_context(subscriber)
            with self._lock:
                self._subscribers.extend(subscribers)
            try:
                yield
            finally:
                with self._lock:
                    for subscriber in subscribers:
                        self._subscribers.remove(subscriber)

    def emit(self, event: Event) -> None:
        """Send an event to all subscribers. One that a subscriber emits is sent after the current one."""
        with self._lock:
            self._waiting.append(event)
            if self._emitting:
                return
            self._emitting = True
            try:
                while self._waiting:
                    self._send(self._waiting.popleft())
            finally:
                self._emitting = False
                self._waiting.clear()

    def _send(self, event: Event) -> None:
        for subscriber in tuple(self._subscribers):
            key = id(subscriber)
            try:
                subscriber(event)
                self._failing.discard(key)
            except Exception as error:  # noqa: BLE001  (reported to the others, and logged)
                if key in self._failing:
                    continue
                self._failing.add(key)
                name = getattr(subscriber, "__qualname__", type(subscriber).__qualname__)
                _log.debug("subscriber %s failed", name, exc_info=True)
                text = f"{name} could not take an event ({type(error).__name__}: {error}); work continues"
                if len(self._subscribers) == 1:
                    _log.warning("%s", text)  # there is no other subscriber
                self._waiting.append(Notice("subscriber.failed", text, "warning", {"subscriber": name}))

    def notice(self, code: str, text: str, **data: Any) -> None:
        """Emit a :class:`Notice` for information."""
        self.emit(Notice(code, text, "info", _data(data)))

    def warn(self, code: str, text: str, **data: Any) -> None:
        """Emit a :class:`Notice` that warns."""
        self.emit(Notice(code, text, "warning", _data(data)))

    def stage(self, name: str, total: float | None, unit: str) -> Stage:
        """Begin a stage of ``total`` units, ``None`` or 0 where that is unknown; see :class:`Stage`."""
        stage = Stage(self, name, total or None, unit)
        self.emit(StageStarted(name, stage.total, unit))
        return stage

    # -- cancelling ----------------------------------------------------------------------------------

    def cancel(self, reason: str = "cancelled") -> None:
        """Ask the operation to stop at its next safe point; from any thread."""
        self.token.cancel(reason)

    @property
    def cancelled(self) -> bool:
        return bool(self.token)

    def check(self) -> None:
        """A safe point. Raises ``Cancelled`` if that was asked for."""
        self.token.check()

    def each(self, things: Iterable[Result]) -> Iterator[Result]:
        """``things``, with a safe point before each."""
        for thing in things:
            self.check()
            yield thing

    # -- locks ---------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, path: Path, *, inside: bool = False) -> Iterator[None]:
        """Keep every other run from writing ``path``; see :func:`facedouble.run.locks.hold`."""
        with locks.hold(path, inside=inside, run=self.id) as supported:
            if not supported:
                self.warn(
                    "lock.unsupported",
                    f"{path}: this file system has no locks; make sure that no other run writes there",
                    path=path,
                )
            yield

    def reading(self, path: Path) -> None:
        """Warn if another run is writing ``path``, which is about to be read."""
        writer = locks.writer_of(path)
        if writer is not None and writer.run != self.id:
            self.warn(
                "input.being_written",
                f"{path} is being written by another run ({writer}); what is read may be incomplete",
                path=path,
                writer=writer,
            )

    # -- operations ----------------------------------------------------------------------------------

    def finish(self, result: Result) -> Result:
        """``result``, which :class:`Finished` will report if this is the run's own operation."""
        if self._depth == 1:
            self._result = result
        return result

    @contextmanager
    def _operation(self, name: str) -> Iterator[None]:
        self._depth += 1
        try:
            if self._depth > 1:
                yield  # one operation as a step of another
                return
            self.emit(Started(name, f"facedouble {__version__}"))
            self._result = None
            try:
                yield
            except (Cancelled, KeyboardInterrupt) as stop:
                self.emit(Stopped(name, str(stop) or type(stop).__name__))
                raise
            except BaseException as error:
                self.emit(Failed(name, type(error).__name__, str(error)))
                raise
            self.emit(Finished(name, _data({} if self._result is None else self._result)))
        finally:
            self._depth -= 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a run, begun by :meth:`Run.stage`. One that raises is never finished."""

    run: Run
    name: str
    total: float | None
    unit: str
    start: float = field(default_factory=time.perf_counter)

    def progress(self, done: float, **values: float) -> None:
        """``done`` units are done; ``values`` are what has been counted so far."""
        self.run.emit(Progress(self.name, done, self.total, self.unit))
        if values:
            self.metrics(int(done), values)

    def metrics(self, step: int, values: Mapping[str, float], units: Mapping[str, str] | None = None) -> None:
        """Report ``values`` measured at ``step``, and the ``units`` of those that have one."""
        self.run.emit(Metrics(self.name, step, dict(values), dict(units or {})))

    def finish(self, **values: float) -> None:
        """The stage is done, and this is what it came to."""
        self.run.emit(StageFinished(self.name, time.perf_counter() - self.start, values))


@contextmanager
def operation(name: str, run: Run | None) -> Iterator[Run]:
    """The run that operation ``name`` works in: ``run``, or one of its own.

    Reports that it started, and how it ended. In a run of its own, the first Ctrl-C stops it at the next safe
    point with ``KeyboardInterrupt``, and a second one at once.
    """
    if run is not None:
        with run._operation(name):
            yield run
        return
    with Run() as own, cancelled_by(own.token, [signal.SIGINT]):
        try:
            with own._operation(name):
                yield own
        except Cancelled:
            if own.token.signal is not None:
                raise KeyboardInterrupt from None
            raise


def _data(value: Any) -> Data:
    data = as_json(value)
    return data if isinstance(data, Mapping) else {"value": data}
