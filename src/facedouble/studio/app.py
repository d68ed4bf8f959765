"""The application: the pages, the calls, and the gate in front of both."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from facedouble._version import __version__
from facedouble.errors import FacedoubleError
from facedouble.studio import (
    convert_calls,
    faces_calls,
    job_calls,
    project_calls,
    proxy_calls,
    report_calls,
    train_calls,
)
from facedouble.studio.access import Access
from facedouble.studio.assets import page_routes
from facedouble.studio.calls import Body, Call, failure
from facedouble.studio.editor import calls as editor_calls
from facedouble.studio.guard import Guard
from facedouble.studio.job_calls import Feed
from facedouble.studio.remote import PasswordGate
from facedouble.studio.state import Studio


class EnterBody(Body):
    """The key to the studio, or the password for other machines."""

    key: str = ""
    password: str = ""


def make_app(
    studio: Studio, access: Access, closing: asyncio.Event, password: PasswordGate | None = None
) -> ASGIApp:
    """The studio as an ASGI application. ``closing`` is set when it ends, so that streams end too.
    ``password``: what else lets in, besides the key."""

    async def session(request: Request) -> Response:
        token = access.token(request.scope["session_id"])
        if token is None:
            return JSONResponse({"open": False, "password": password is not None})
        return JSONResponse({"open": True, "token": token, "version": __version__})

    async def enter(request: Request) -> Response:
        try:
            body = Call({}, {}, await request.body()).body(EnterBody)
        except FacedoubleError as error:
            return failure(error)
        if password is not None and body.password:
            client = request.client.host if request.client else ""
            if wait := password.wait(client):
                return JSONResponse({"error": f"too many wrong passwords; wait {wait:.0f} s"}, 429)
            if not password.opens(client, body.password):
                return JSONResponse({"error": "this password is wrong"}, 403)
            cookie: str | None = access.new_session()
        else:
            cookie = access.enter(body.key)
        if cookie is None:
            return JSONResponse({"error": "this key opens nothing, or was used already"}, 403)
        answer = JSONResponse({"open": True, "token": access.token(cookie), "version": __version__})
        answer.set_cookie(
            access.cookie, cookie, httponly=True, samesite="strict", secure=access.secure, path="/"
        )
        return answer

    routes = [
        Route("/api/session", session, methods=["GET"]),
        Route("/api/enter", enter, methods=["POST"]),
        *project_calls.ROUTES,
        *job_calls.ROUTES,
        *convert_calls.ROUTES,
        *proxy_calls.ROUTES,
        *faces_calls.ROUTES,
        *editor_calls.ROUTES,
        *train_calls.ROUTES,
        *report_calls.ROUTES,
        *page_routes(),
    ]
    app = Starlette(routes=routes, exception_handlers={Exception: _unexpected, 404: _not_found})
    app.state.studio, app.state.closing, app.state.feed = studio, closing, Feed(studio)
    return Guard(app, access)


async def _not_found(_request: Request, _error: Any) -> Response:
    return JSONResponse({"error": "there is nothing here"}, 404)


async def _unexpected(_request: Request, error: Exception) -> Response:
    text = f"{type(error).__name__}: {error}"[:500]
    return JSONResponse({"error": f"this should not happen ({text}); the terminal has the details"}, 500)
