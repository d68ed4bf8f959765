"""The gate in front of the application: checks every request and every answer, and bounds what comes in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedouble.studio.access import Access, Refusal

MOST_BYTES = 1 << 20
"""The longest body that a request may have."""
PUBLIC = ("/api/enter", "/api/session")
_BODY_SECONDS = 10.0

_HEADERS: Mapping[bytes, bytes] = {
    b"content-security-policy": b"default-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'; object-src 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Lets a request through to ``app`` if ``access`` allows it, its body is whole, and not too long."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # there are none
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["session_id"] = session = _session(scope, self._access.cookie)
        refusal = self._access.refusal_of_sender(scope["headers"])
        if refusal is None and str(scope["path"]).startswith("/api/"):
            public = scope["path"] in PUBLIC
            refusal = self._access.refusal_of_call(scope["method"], scope["headers"], session, public=public)
        if refusal is None and any(name == b"upgrade" for name, _ in scope["headers"]):
            refusal = Refusal(400, "nothing here is spoken but HTTP")
        if refusal is not None:
            await _refuse(send, refusal)
            return
        body = await _read(scope, receive)
        if isinstance(body, Refusal):
            await _refuse(send, body)
            return
        await self._app(scope, _again(body, receive), _with_headers(send))


async def _read(scope: Scope, receive: Receive) -> bytes | Refusal:
    """The whole body, or why it is refused."""
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > MOST_BYTES):
            return Refusal(413, "too long")
    if scope["method"] in ("GET", "HEAD"):
        return b""
    parts: list[bytes] = []

    async def gather() -> Refusal | None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return Refusal(400, "broken off")
            parts.append(message.get("body", b""))
            if sum(map(len, parts)) > MOST_BYTES:
                return Refusal(413, "too long")
            if not message.get("more_body"):
                return None

    try:
        refusal = await asyncio.wait_for(gather(), _BODY_SECONDS)
    except TimeoutError:
        return Refusal(408, "too slow")
    return b"".join(parts) if refusal is None else refusal


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, for the application; then whatever comes."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", ())}
            caching = {} if b"cache-control" in own else {b"cache-control": b"no-store"}
            message = {**message, "headers": [*message["headers"], *_HEADERS.items(), *caching.items()]}
        await send(message)

    return sent


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))  # what may still come of the body is not read
    start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": body})


def _session(scope: Scope, name: str) -> str | None:
    try:
        cookie = SimpleCookie()
        for key, value in scope["headers"]:
            if key == b"cookie":
                cookie.load(value.decode("latin-1"))
    except CookieError:
        return None
    return cookie[name].value if name in cookie else None
