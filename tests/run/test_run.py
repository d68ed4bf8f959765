from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from facedouble.run.cancel import Cancelled, CancelToken, cancelled_by
from facedouble.run.events import (
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
)
from facedouble.run.run import Run, operation


@dataclass(frozen=True)
class Result:
    path: Path
    frames: int


def count_frames(frames: int, run: Run | None = None) -> Result:
    """An operation as they all are."""
    with operation("count", run) as run:
        stage = run.stage("count", frames, "frames")
        for done in run.each(range(1, frames + 1)):
            stage.progress(done, faces=2 * done)
        stage.finish(frames=frames)
        return run.finish(Result(Path("out"), frames))


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_an_operation_reports_from_start_to_result() -> None:
    heard: list[Event] = []
    assert count_frames(2, Run([heard.append])) == Result(Path("out"), 2)
    assert isinstance(heard[0], Started)
    assert heard[0].operation == "count"
    assert heard[1:6] == [
        StageStarted("count", 2, "frames"),
        Progress("count", 1, 2, "frames"),
        Metrics("count", 1, {"faces": 2}),
        Progress("count", 2, 2, "frames"),
        Metrics("count", 2, {"faces": 4}),
    ]
    assert isinstance(heard[6], StageFinished)
    assert (heard[6].values, heard[6].seconds >= 0) == ({"frames": 2}, True)
    assert heard[7] == Finished("count", {"path": "out", "frames": 2})


def test_an_operation_inside_another_is_a_part_of_it() -> None:
    heard: list[Event] = []
    run = Run([heard.append])
    with operation("both", run) as inner:
        count_frames(1, inner)
        inner.finish({"counted": 2})
    assert kinds(heard).count("Started") == 1
    assert heard[-1] == Finished("both", {"counted": 2})
    count_frames(1, run)  # the run can be used again
    assert heard[-1] == Finished("count", {"path": "out", "frames": 1})


def test_without_a_run_it_works_alone() -> None:
    assert count_frames(3).frames == 3


def test_an_error_and_a_cancellation_are_told() -> None:
    heard: list[Event] = []
    with pytest.raises(ValueError, match="broken"), operation("a", Run([heard.append])):
        raise ValueError("broken")
    last: Event = heard[-1]
    assert last == Failed("a", "ValueError", "broken")
    run = Run([heard.append])
    run.cancel("no longer wanted")
    with pytest.raises(Cancelled):
        count_frames(3, run)
    assert heard[-1] == Stopped("count", "no longer wanted")
    assert kinds(heard).count("Progress") == 0


def test_another_thread_can_cancel() -> None:
    run = Run()
    other = threading.Thread(target=run.cancel)
    other.start()
    with pytest.raises(Cancelled):
        run.token.wait(math.inf)
    other.join()


def test_a_token_of_the_caller_s_own_cancels() -> None:
    token = CancelToken()
    run = Run(token=token)
    token.cancel("by its owner")
    with pytest.raises(Cancelled, match="by its owner"):
        count_frames(3, run)


def test_cancelled_is_not_taken_for_a_failure() -> None:
    assert not issubclass(Cancelled, Exception)


def test_a_subscriber_that_raises_is_reported_once_and_stays() -> None:
    heard: list[Event] = []
    taken: list[Event] = []
    fails = True

    def picky(event: Event) -> None:
        if fails:
            raise OSError("disk full")
        taken.append(event)

    run = Run([picky, heard.append])
    for step in range(3):
        run.emit(Progress("a", step, None, ""))
    notices = [event for event in heard if isinstance(event, Notice)]
    [notice] = notices
    assert (notice.code, notice.severity) == ("subscriber.failed", "warning")
    assert "picky" in notice.text
    assert "OSError: disk full" in notice.text
    assert [event.done for event in heard if isinstance(event, Progress)] == [0, 1, 2]
    fails = False
    run.emit(Progress("a", 3, None, ""))
    assert taken == [Progress("a", 3, None, "")]
    fails = True
    run.emit(Progress("a", 4, None, ""))
    assert sum(isinstance(event, Notice) for event in heard) == 2


def test_the_only_subscriber_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.WARNING):
        Run([broken]).emit(Progress("a", 1, None, ""))
    assert "broken" in caplog.text


def test_a_subscriber_may_interrupt() -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    run = Run([interrupt])
    with pytest.raises(KeyboardInterrupt):
        count_frames(3, run)


def test_an_event_emitted_by_a_subscriber_comes_after_the_one_at_hand() -> None:
    heard: list[Event] = []
    run = Run()

    def answer(event: Event) -> None:
        if isinstance(event, Progress):
            run.notice("answer", "seen", done=event.done)

    run.subscribe(answer)
    run.subscribe(heard.append)
    run.emit(Progress("a", 1, None, ""))
    assert heard == [Progress("a", 1, None, ""), Notice("answer", "seen", "info", {"done": 1})]


def test_threads_can_emit_side_by_side() -> None:
    heard: list[Event] = []
    inside = 0

    def slow(event: Event) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1  # one at a time
        time.sleep(0.0005)
        heard.append(event)
        inside -= 1

    run = Run([slow])

    def work(name: str) -> None:
        for step in range(50):
            run.emit(Progress(name, step, None, ""))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 200
    for name in "abcd":
        assert [e.done for e in heard if isinstance(e, Progress) and e.stage == name] == list(range(50))


class Closing:
    def __init__(self) -> None:
        self.state = "new"
        self.heard: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.heard.append(event)

    def __enter__(self) -> Closing:
        self.state = "open"
        return self

    def __exit__(self, *_: object) -> None:
        self.state = "closed"


def test_subscribers_that_need_it_are_opened_and_closed() -> None:
    whole, part = Closing(), Closing()
    with Run([whole]) as run:
        assert whole.state == "open"
        with run.subscribed(part):
            assert part.state == "open"
            run.notice("a", "a")
        assert part.state == "closed"
        run.notice("b", "b")
        assert whole.state == "open"
    assert whole.state == "closed"
    assert (len(whole.heard), len(part.heard)) == (2, 1)


def test_the_first_signal_cancels_and_the_second_acts_as_before() -> None:
    token = CancelToken()
    before = signal.getsignal(signal.SIGINT)
    with cancelled_by(token, [signal.SIGINT, signal.SIGTERM]):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        assert (bool(token), token.signal, token.reason) == (True, signal.SIGINT, "SIGINT")
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        token = CancelToken()
        with cancelled_by(token, [signal.SIGHUP]):
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
        assert not token
    finally:
        signal.signal(signal.SIGHUP, before)


def test_without_a_run_ctrl_c_stops_at_a_safe_point() -> None:
    with pytest.raises(KeyboardInterrupt), operation("a", None) as run:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)  # not here
        run.check()
