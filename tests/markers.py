"""Markers say what a test does, and a test that does it without its marker fails.

- ``subprocess``: starts a process.
- ``training``: takes a step of an optimizer.
- ``slow``: takes more than some two seconds on a quiet machine. Nothing watches over this one.

``make test-fast`` leaves out all three. What fixtures do does not count, because they are shared.

A test that starts a process and fails is run once more, and the summary lists it under RERUN: what a busy
machine does to many processes must not hide what everything else says. A test that is listed is a fault, of
itself or of the program: repair it.
"""

from __future__ import annotations

import multiprocessing.process
import os
import sys
from collections.abc import Iterator

import pytest
from torch.optim.optimizer import register_optimizer_step_post_hook

_EVENTS = ("subprocess.Popen", "os.fork", "os.posix_spawn")
_done: set[str] = set()  # what was done since the test that is running now began
_pid = os.getpid()


def _watch() -> None:
    """Note processes and optimizer steps from now on."""
    started = multiprocessing.process.BaseProcess.start

    def start(self: multiprocessing.process.BaseProcess) -> None:
        _done.add("subprocess")
        started(self)

    sys.addaudithook(lambda event, _: _done.add("subprocess") if event in _EVENTS else None)
    # Spawning by multiprocessing raises no audit event.
    multiprocessing.process.BaseProcess.start = start  # type: ignore[method-assign]
    register_optimizer_step_post_hook(lambda *_: _done.add("training"))


_watch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start processes, or use a browser, have a second attempt."""
    for item in items:
        if item.get_closest_marker("subprocess") or "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that does what its markers do not say."""
    _done.clear()
    yield
    missing = sorted(name for name in _done if not item.get_closest_marker(name))
    if missing and os.getpid() == _pid:
        pytest.fail(f"not marked as what it does: {', '.join(missing)} (tests/markers.py)", pytrace=False)
