"""Serving the studio: to this machine alone, or to others over TLS with a password."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from facedouble.errors import InputError, OutputError
from facedouble.studio.access import Access, KeyFile
from facedouble.studio.allowed import AllowedFolders
from facedouble.studio.app import make_app
from facedouble.studio.patience import HEAD_SECONDS, PatientProtocol
from facedouble.studio.remote import PasswordGate, Remote
from facedouble.studio.state import Studio

HOST = "127.0.0.1"
PORT = 8765
"""Where it is served, or on the next port that is free."""
_TRIES = 20
_HTTPS = 443


class StudioServer(uvicorn.Server):
    """The studio of the project in ``folder``, on this machine's own address, or where ``remote`` says.

    ``port``: ``None`` for the usual one or the next, 0 for any. ``started`` is called once it answers. Raises
    ``OutputError`` where the port is taken, or the key cannot be written, and ``InputError`` for a host that
    is not this machine.
    """

    def __init__(
        self,
        folder: Path,
        allowed: Sequence[Path],
        port: int | None = None,
        started: Callable[[], None] = lambda: None,
        remote: Remote | None = None,
    ) -> None:
        self._own = _bound(HOST if remote is None else remote.host, port)
        self._started = started
        self._closing = asyncio.Event()
        self.address = _address(self._own.getsockname()[1], remote)
        self.key = KeyFile(folder, self.address)
        studio = Studio(folder, AllowedFolders(allowed))
        password = None if remote is None else PasswordGate(remote.password)
        app = make_app(studio, Access(self.address, self.key), self._closing, password)
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                loop="asyncio",
                ssl_certfile=None if remote is None else remote.certificate,
                ssl_keyfile=None if remote is None else remote.key,
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
        # What strangers send is not worth a line, nor are the requests that are cut off at the end.
        logging.getLogger("uvicorn.error").addFilter(
            lambda record: record.levelno > logging.WARNING and not self._closing.is_set()
        )

    def serve_studio(self) -> None:
        """Serve until Ctrl-C, SIGTERM or ``should_exit``."""
        try:
            self.run(sockets=[self._own])
        finally:
            self._own.close()
            self.key.remove()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.is_ssl:  # who connects and then says nothing holds no connection for a minute
            loop: Any = asyncio.get_running_loop()
            loop.create_server = partial(loop.create_server, ssl_handshake_timeout=HEAD_SECONDS)
        await super().startup(sockets=sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets=sockets)


def _address(port: int, remote: Remote | None) -> str:
    """The address as browsers have it in ``Origin`` and ``Host``."""
    if remote is None:
        return f"http://{HOST}:{port}"
    host = f"[{remote.host}]" if ":" in remote.host else remote.host.lower()
    return f"https://{host}" if port == _HTTPS else f"https://{host}:{port}"


def _bound(host: str, port: int | None) -> socket.socket:
    """A socket at ``host``. Raises ``OutputError`` where it is taken, ``InputError`` where it is not here."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"{host!r:.200} is no address of this machine") from error
    tries = range(PORT, PORT + _TRIES) if port is None else [port]
    for number in tries:
        own = socket.socket(family, socket.SOCK_STREAM)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind((place[0], number, *place[2:]))
            return own
        except OSError as error:
            own.close()
            if error.errno == errno.EADDRNOTAVAIL:
                raise InputError(f"{host!r:.200} is no address of this machine") from error
    raise OutputError(f"port {tries[0]} of {host} is taken; choose another")
