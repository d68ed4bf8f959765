"""HTTP connections that do not wait for ever, and not in any number."""

from __future__ import annotations

import asyncio
import itertools

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0
"""For how long a connection may take to send the head of a request, or sit idle."""
MOST_CONNECTIONS = 96
"""A browser opens six. Where there are more, the one that has been idle for longest is closed."""

_numbers = itertools.count()


class PatientProtocol(H11Protocol):
    """Closes connections that send nothing, or too slowly, and idle ones where there are too many."""

    _timer: asyncio.TimerHandle | None = None
    _number = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._touch()
        if len(self.connections) > MOST_CONNECTIONS:
            others = [it for it in self.connections if isinstance(it, PatientProtocol) and it.idle]
            longest = min(others, key=lambda it: it._number, default=self)
            self.connections.discard(longest)  # it is closed a little later
            longest.transport.abort()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.idle:
            self._stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._stop()
        self._touch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _touch(self) -> None:
        self._number = next(_numbers)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.idle:
            self.transport.abort()
