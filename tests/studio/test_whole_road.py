"""The whole job in the browser, from an empty folder to a measured swap, while its server is killed again and
again: nothing is lost, and jobs go on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from facedouble.video.source import open_source
from tests.halting import halted_job, halting, resume

pytestmark = [pytest.mark.subprocess, pytest.mark.slow]


class OwnServer:
    """The studio as a person starts it: a process of its own."""

    def __init__(self, folder: Path, allowed: Path, environment: dict[str, str]) -> None:
        self._environment = environment
        self._command = [
            *(sys.executable, "-m", "facedouble", "studio", str(folder)),
            *("--no-browser", "--port", "0", "--allow", str(allowed)),
        ]
        self._process: subprocess.Popen[str] | None = None

    def open(self, page: Page) -> None:
        """Start it, and come in with the address that it prints."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )
        assert self._process.stdout is not None
        said, _, link = self._process.stdout.readline().strip().partition(" ")
        assert said == "studio:", link
        assert self._process.stdout.readline() == "Ctrl-C ends it; jobs go on\n"
        page.goto("about:blank")
        page.goto(link)
        expect(page.locator("nav")).to_be_visible()

    def end(self, number: signal.Signals) -> str:
        """Send it a signal, and wait for its end; what it printed since."""
        if self._process is None:
            return ""
        self._process.send_signal(number)
        text, _ = self._process.communicate()
        self._process = None
        return text


@pytest.fixture
def start(folder: Path, trained_film: Path, tmp_path: Path) -> Iterator[Callable[[], OwnServer]]:
    """Its conversions halt after four frames."""
    servers: list[OwnServer] = []

    def start() -> OwnServer:
        environment = halting(tmp_path / "site", "convert:4")
        servers.append(OwnServer(folder, trained_film / "clips", environment))
        return servers[-1]

    yield start
    for server in servers:
        server.end(signal.SIGKILL)


def to(page: Page, name: str) -> None:
    page.locator("nav").get_by_role("link", name=name, exact=True).click()


def job(page: Page, title: str) -> Locator:
    return page.locator(".job", has=page.get_by_text(title, exact=True))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_from_an_empty_folder_to_a_measured_swap(
    page: Page, start: Callable[[], OwnServer], folder: Path, trained_film: Path
) -> None:
    server = start()
    server.open(page)
    for side, name in (("a", "Ada"), ("b", "Ben")):
        page.locator("fieldset", has=page.locator(f"#{side}-0")).get_by_label("Name").fill(name)
        page.locator(f"#{side}-0").fill(str(trained_film / "clips" / f"{name}.mp4"))
        page.locator(f"#{side}-0").press("Escape")
    page.get_by_role("button", name="Make the project").click()
    page.get_by_role("button", name="Do everything").click()

    to(page, "Jobs")  # the faces are found, and the training begins; its server is killed
    expect(job(page, "train Ada-Ben").locator(".state")).to_have_text("running")
    server.end(signal.SIGKILL)
    server.open(page)
    to(page, "Train")
    expect(page.locator(".training .state")).to_have_text("running")
    iterations = page.locator(".facts dd").first
    expect(iterations).not_to_have_text("0")
    before = iterations.inner_text()
    expect(iterations).not_to_have_text(before)  # it goes on
    expect(page.locator(".sheets canvas")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator(".training .state")).to_have_text("unfinished")

    to(page, "Convert")  # what was trained can be looked at, and converted with
    expect(page.locator(".transport[data-stamp]")).to_have_count(1)
    page.get_by_role("button", name="Queue").click()
    to(page, "Jobs")
    expect(job(page, "convert Ada").locator(".state")).to_have_text("running")
    conversion = halted_job(folder, "convert Ada")
    server.end(signal.SIGKILL)
    server.open(page)
    to(page, "Jobs")
    expect(job(page, "convert Ada").locator(".state")).to_have_text("running")
    resume(conversion.pid or 0)
    expect(job(page, "convert Ada").locator(".state")).to_have_text("done")
    result = folder / "results" / "Ada.mp4"
    written = [frame.rgb() for frame in open_source(result).frames()]
    source = [frame.rgb() for frame in open_source(trained_film / "clips" / "Ada.mp4").frames()]
    assert len(written) == len(source) == 10
    assert all((abs(a.astype(int) - b) > 8).any() for a, b in zip(written, source, strict=True))

    to(page, "Report")  # it waits for the training that was stopped
    page.get_by_role("button", name="Measure it").click()
    expect(page.locator(".verdict h2")).to_be_visible()
    assert server.end(signal.SIGINT) == "stopped\n"


def test_ctrl_c_in_the_middle_of_a_request_ends_it_in_one_line(
    page: Page, start: Callable[[], OwnServer]
) -> None:
    server = start()
    server.open(page)
    page.evaluate("void fetch('/api/machine').catch(() => null)")  # takes seconds, the first time
    assert server.end(signal.SIGINT) == "stopped\n"
