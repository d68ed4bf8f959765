"""Calls of the studio's interface: a plain function of the studio and what was sent, answered in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from facedouble.errors import BusyError, FacedoubleError, InputError, SettingsError, render
from facedouble.studio.state import Studio


class Body(BaseModel):
    """What a browser sends: nothing unknown, no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


AnyBody = TypeVar("AnyBody", bound=Body)


@dataclass(frozen=True, slots=True)
class Call:
    """What was sent: the parts of the path, the query, and the body."""

    path: Mapping[str, Any]
    query: Mapping[str, str]
    data: bytes

    def body(self, kind: type[AnyBody]) -> AnyBody:
        """The body as ``kind`` has it. Raises ``InputError``."""
        try:
            return kind.model_validate_json(self.data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{where or 'what was sent'}: {first['msg']}") from error

    def number(self, name: str, default: int = 0, most: int = 1 << 40) -> int:
        """A whole number of the query, from 0 to ``most``. Raises ``InputError``."""
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > most:
            raise InputError(f"{name} must be a number from 0 to {most}")
        return int(text)


Answer = Any
Function = Callable[[Studio, Call], Answer]


def call(path: str, function: Function, method: str = "GET") -> Route:
    """A route that answers with what ``function`` returns: JSON, or a response. It runs in a thread.

    What it raises on purpose becomes status 400 (409 where something is busy) and a line.
    """

    async def endpoint(request: Request) -> Response:
        sent = Call(request.path_params, request.query_params, await request.body())
        try:
            answer = await run_in_threadpool(function, request.app.state.studio, sent)
        except FacedoubleError as error:
            return failure(error)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return Route(path, endpoint, methods=[method])


def failure(error: FacedoubleError) -> Response:
    """An error as an answer: its line, and the setting it is about, if it is about one."""
    text = render(str(error), lambda path, value: path if value is None else f"{path} = {value}")
    answer: dict[str, Any] = {"error": " ".join(text.split())}
    if isinstance(error, SettingsError) and error.field:
        answer |= {"field": error.field, "problem": error.problem}
    return Response(
        json.dumps(answer), 409 if isinstance(error, BusyError) else 400, media_type="application/json"
    )
