"""The jobs screen: the queue, its order, progress and logs; stop, resume, move, clear."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from facedouble.errors import FacedoubleError, InputError
from facedouble.project.dispatch import forget_ended, queue_now, submit, up_to_date
from facedouble.project.follow import read_events
from facedouble.project.jobs import CONTROL, Job, JobState
from facedouble.project.look import look
from facedouble.project.registry import EXECUTORS
from facedouble.run.control import ControlRequest, read_request, write_request
from facedouble.run.events import Notice
from facedouble.studio.calls import Body, Call, call
from facedouble.studio.state import Studio, identify

_LOG_BYTES = 1 << 18  # of a log in one answer
_LOOK = 0.5  # seconds between looks at the queue
_ALIVE = 15.0  # seconds after which something is sent though nothing has changed
_MOST_STREAMS = 16
_MOST_NOTICES = 50


class RunBody(Body):
    """Steps to do, by id, with what they need; all that are missing if none is named. ``stale``: outdated
    ones too."""

    steps: list[str] | None = None
    stale: bool = False


class PauseBody(Body):
    """Whether a training waits."""

    pause: bool


class MoveBody(Body):
    """Before which job a job is put; at the end if none is named."""

    before: int | None = None


def show_jobs(studio: Studio, _: Call) -> Any:
    """All jobs, in the order in which they run."""
    return _jobs(studio)


def _jobs(studio: Studio) -> list[dict[str, Any]]:
    if not studio.has_project:
        return []
    with studio.queue() as queue:
        return [_shown(studio, up_to_date(studio.folder, queue, job)) for job in queue.all()]


def _shown(studio: Studio, job: Job) -> dict[str, Any]:
    progress = job.progress
    held = job.state == JobState.RUNNING and job.has_control
    paused = held and read_request(job.file(studio.folder, CONTROL)).pause
    return {
        "id": job.id,
        "title": job.title,
        "kind": job.arguments[0] if job.arguments else "",
        "state": job.state.value,
        "stopping": job.state == JobState.RUNNING and job.stop_asked is not None,
        "paused": paused,
        "step": None if job.step is None else identify("step", job.step),
        "line": job.line,
        "after": list(job.after),
        "error": job.error,
        "attempts": job.attempts,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "progress": None
        if progress is None
        else {
            "stage": progress.stage,
            "done": progress.done,
            "total": progress.total,
            "unit": progress.unit,
            "left": progress.left,
            "at": progress.at,
        },
    }


def run(studio: Studio, sent: Call) -> Any:
    """Queue steps of the project, and see to it that they are run."""
    body = sent.body(RunBody)
    found = look(studio.folder)
    names = {identify("step", item.step.name): item.step.name for item in found.steps}
    only = None if body.steps is None else [names[step] for step in body.steps if step in names]
    with studio.queue() as queue:
        jobs = queue_now(found, queue, stale=body.stale, only=only)
        submit(studio.folder, jobs)
        return [_shown(studio, job) for job in jobs]


def stop(studio: Studio, sent: Call) -> Any:
    """Stop a job so that it can be resumed, or take it out of the queue."""
    with studio.queue() as queue:
        job = queue.get(sent.path["number"])
        EXECUTORS[job.executor](studio.folder).stop(job)
    return _jobs(studio)


def pause(studio: Studio, sent: Call) -> Any:
    """Have a training wait, with what it has in memory, or go on."""
    return _ask(studio, sent, pause=sent.body(PauseBody).pause)


def save_now(studio: Studio, sent: Call) -> Any:
    """Have a training save what it has."""
    return _ask(studio, sent)


def _ask(studio: Studio, sent: Call, pause: bool | None = None) -> Any:
    with studio.queue() as queue:
        job = queue.get(sent.path["number"])
    if job.state != JobState.RUNNING or not job.has_control:
        raise InputError(f"{job.title} is no training that is running")
    file = job.file(studio.folder, CONTROL)
    now = read_request(file)
    write_request(
        file, ControlRequest(now.pause, now.save + 1) if pause is None else ControlRequest(pause, now.save)
    )
    return _jobs(studio)


def resume(studio: Studio, sent: Call) -> Any:
    """Queue a job again that was stopped, failed or got lost."""
    with studio.queue() as queue:
        number = sent.path["number"]
        up_to_date(studio.folder, queue, queue.get(number))
        submit(studio.folder, [queue.resume(number)])
    return _jobs(studio)


def move(studio: Studio, sent: Call) -> Any:
    """Put a queued job before another, or at the end."""
    with studio.queue() as queue:
        queue.move(sent.path["number"], before=sent.body(MoveBody).before)
    return _jobs(studio)


def clear(studio: Studio, _: Call) -> Any:
    """Forget the jobs that have ended."""
    with studio.queue() as queue:
        forget_ended(studio.folder, queue)
    return _jobs(studio)


def wake(studio: Studio, _: Call) -> Any:
    """See to it that somebody works on what is queued."""
    with studio.queue() as queue:
        submit(studio.folder, [job for job in queue.all() if job.state == JobState.QUEUED])
    return _jobs(studio)


def show_log(studio: Studio, sent: Call) -> Any:
    """What a job has printed since the byte ``from``, at most the last part of it, and where it ends."""
    with studio.queue() as queue:
        file = queue.get(sent.path["number"]).file(studio.folder, "log")
    start = sent.number("from")
    try:
        with file.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(max(min(start, end), end - _LOG_BYTES))
            data = stream.read(_LOG_BYTES)
            position = stream.tell()
    except OSError:
        data, position = b"", 0
    return {"text": data.decode("utf-8", "replace"), "end": position}


def show_notices(studio: Studio, sent: Call) -> Any:
    """What a job reported that a person should know, the last of it where that is much."""
    with studio.queue() as queue:
        file = queue.get(sent.path["number"]).file(studio.folder, "jsonl")
    found: list[dict[str, str]] = []
    position = 0
    while True:
        events, end = read_events(file, position)
        found += [
            {"code": event.code, "text": event.text, "severity": event.severity}
            for _, event in events
            if isinstance(event, Notice)
        ]
        if end == position:
            return found[-_MOST_NOTICES:]
        position = end


class Feed:
    """The queue as it is, looked at twice a second however many browsers watch."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = asyncio.Lock()
        self._at = -_LOOK
        self._text = "[]"
        self.watching = 0

    async def latest(self) -> str:
        """The jobs as JSON; what was last known where they cannot be read."""
        async with self._lock:
            if time.monotonic() - self._at >= _LOOK:
                try:
                    self._text = json.dumps(await run_in_threadpool(_jobs, self._studio))
                except (FacedoubleError, OSError) as error:
                    self._text = json.dumps({"error": " ".join(str(error).split())})
                self._at = time.monotonic()
            return self._text


async def watch(request: Request) -> Response:
    """Server-sent events: all jobs, whenever something about them has changed."""
    feed: Feed = request.app.state.feed
    if feed.watching >= _MOST_STREAMS:
        return Response(status_code=503)

    async def stream() -> AsyncIterator[str]:
        feed.watching += 1
        sent, at = "", 0.0
        try:
            while not request.app.state.closing.is_set():
                text = await feed.latest()
                if text != sent or time.monotonic() - at > _ALIVE:
                    sent, at = text, time.monotonic()
                    yield f"event: jobs\ndata: {text}\n\n"
                await asyncio.sleep(_LOOK)
        finally:
            feed.watching -= 1

    return StreamingResponse(stream(), media_type="text/event-stream")


ROUTES: list[Route] = [
    call("/api/jobs", show_jobs),
    call("/api/jobs/run", run, "POST"),
    call("/api/jobs/clear", clear, "POST"),
    call("/api/jobs/wake", wake, "POST"),
    call("/api/jobs/{number:int}/stop", stop, "POST"),
    call("/api/jobs/{number:int}/pause", pause, "POST"),
    call("/api/jobs/{number:int}/save", save_now, "POST"),
    call("/api/jobs/{number:int}/resume", resume, "POST"),
    call("/api/jobs/{number:int}/move", move, "POST"),
    call("/api/jobs/{number:int}/log", show_log),
    call("/api/jobs/{number:int}/notices", show_notices),
    Route("/api/events", watch, methods=["GET"]),
]
