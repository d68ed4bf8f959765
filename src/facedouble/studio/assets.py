"""The pages: files that come with the program, read once, so that no request ever names a path."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".png": "image/png",
}


def page_routes() -> list[Route]:
    """A route for each file in ``static``; the page itself is at the root."""
    found = dict(_walk(files("facedouble.studio") / "static", ""))
    found["/"] = found.pop("/static/index.html")
    return [Route(path, _endpoint(data, kind), methods=["GET"]) for path, (data, kind) in found.items()]


def _walk(folder: Traversable, above: str) -> list[tuple[str, tuple[bytes, str]]]:
    below: list[tuple[str, tuple[bytes, str]]] = []
    for entry in folder.iterdir():
        kind = _TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if entry.is_dir():
            below += _walk(entry, f"{above}{entry.name}/")
        elif kind is not None:
            below.append((f"/static/{above}{entry.name}", (entry.read_bytes(), kind)))
    return below


def _endpoint(data: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "no-cache", "content-type": kind}

    async def endpoint(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers)

    return endpoint
