"""Playing a range of a result: a small clip of the preview's own frames."""

from __future__ import annotations

from typing import Any

from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from facedouble.errors import InputError
from facedouble.studio.calls import Body, Call, call, failure
from facedouble.studio.convert_calls import found_result, previews
from facedouble.studio.preview.preparation import Progressing
from facedouble.studio.preview.proxy import Proxy
from facedouble.studio.state import Studio


class ProxyBody(Body):
    """A range of frames, in the settings of a stamp."""

    stamp: str
    first: int
    last: int


def make_proxy(studio: Studio, sent: Call) -> Any:
    """Begin to make a range of the result that can be played."""
    _, _, step = found_result(studio, sent)
    body, preview = sent.body(ProxyBody), previews.of(studio, step)
    state = preview.look(previews.settings(body.stamp))
    if isinstance(state, Progressing):
        return failure(state.error) if state.error else JSONResponse({"error": "being prepared"}, 425)
    return _proxy(preview.proxy(body.stamp, body.first, body.last, state))


def show_proxy(studio: Studio, sent: Call) -> Any:
    """How far a proxy is."""
    return _proxy(_found_proxy(studio, sent))


def show_clip(studio: Studio, sent: Call) -> Any:
    """A proxy that is ready, for a player, which asks for parts of it."""
    found = _found_proxy(studio, sent)
    if not found.ready:
        raise InputError("this clip is not ready")
    return FileResponse(found.path, media_type="video/mp4", headers={"cache-control": "private, max-age=600"})


def _found_proxy(studio: Studio, sent: Call) -> Proxy:
    _, _, step = found_result(studio, sent)
    found = previews.of(studio, step).proxies.find(sent.path["proxy"])
    if found is None:
        raise InputError("there is no such clip any more")
    return found


def _proxy(found: Proxy) -> dict[str, Any]:
    if found.error is not None:
        raise found.error
    return {
        "id": found.id,
        "done": found.done,
        "total": found.total,
        "ready": found.ready,
        "note": found.note,
    }


ROUTES: list[Route] = [
    call("/api/results/{result}/proxies", make_proxy, "POST"),
    call("/api/results/{result}/proxies/{proxy}", show_proxy),
    call("/api/results/{result}/proxies/{proxy}/clip.mp4", show_clip),
]
