"""Serving the studio on this machine, to this machine alone."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from facedouble.errors import OutputError
from facedouble.studio.access import Access, KeyFile
from facedouble.studio.allowed import AllowedFolders
from facedouble.studio.app import make_app
from facedouble.studio.patience import PatientProtocol
from facedouble.studio.state import Studio

HOST = "127.0.0.1"
PORT = 8765
"""Where it is served, or on the next port that is free."""
_TRIES = 20


class StudioServer(uvicorn.Server):
    """The studio of the project in ``folder``, on this machine's own address.

    ``port``: ``None`` for the usual one or the next, 0 for any. ``started`` is called once it answers. Raises
    ``OutputError`` where the port is taken, or the key cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        allowed: Sequence[Path],
        port: int | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        self._own = _bound(port)
        self._started = started
        self._closing = asyncio.Event()
        self.address = f"http://{HOST}:{self._own.getsockname()[1]}"
        self.key = KeyFile(folder, self.address)
        studio = Studio(folder, AllowedFolders(allowed))
        app = make_app(studio, Access(self.address, self.key), self._closing)
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=16 << 10,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=2,
            )
        )
        # What strangers send is not worth a line.
        logging.getLogger("uvicorn.error").addFilter(lambda record: record.levelno > logging.WARNING)

    def serve_studio(self) -> None:
        """Serve until Ctrl-C, SIGTERM or ``should_exit``."""
        try:
            self.run(sockets=[self._own])
        finally:
            self._own.close()
            self.key.remove()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets=sockets)


def _bound(port: int | None) -> socket.socket:
    """A socket on this machine's own address. Raises ``OutputError``."""
    tries = range(PORT, PORT + _TRIES) if port is None else [port]
    for number in tries:
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind((HOST, number))
            return own
        except OSError:
            own.close()
    raise OutputError(f"port {tries[0]} of {HOST} is taken; choose another")
