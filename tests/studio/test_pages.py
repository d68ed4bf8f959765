"""The pages in a real browser: from an empty folder to jobs that run, outlive the server, and are stopped."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from facedouble.project.database import open_database
from facedouble.project.file import read_project
from facedouble.project.jobs import JobState, NewJob, Queue
from facedouble.studio.server import StudioServer
from facedouble.video.images import write_png
from tests.browser import new_page
from tests.studio.conftest import serving

NASTY = "<img src=x onerror=document.title='owned'>"


def open_studio(page: Page, server: StudioServer) -> None:
    page.goto(server.key.link)
    expect(page.locator("nav")).to_be_visible()


@pytest.fixture
def material(folder: Path, clips: dict[str, Path]) -> Path:
    """Folders of images that serve as clips, one of them with a name that would be markup."""
    from facedouble.video.source import open_source

    root = folder.parent / "footage"
    for name, clip in (("Ada", "sample_02"), (NASTY, "sample_04")):
        (root / name).mkdir(parents=True)
        for frame in open_source(clips[clip]).frames(0, 2):
            write_png(root / name / f"{frame.index:03d}.png", frame.rgb())
    return root


@pytest.fixture
def untouched_film(folder: Path, material: Path) -> Path:
    """A project of two people."""
    from facedouble.project.make import NewPerson, make_project

    make_project(folder, NewPerson("Ada", [material / "Ada"]), NewPerson("Ben", [material / NASTY]))
    return folder


@pytest.fixture
def studio(untouched_film: Path) -> Iterator[StudioServer]:
    with serving(untouched_film, untouched_film.parent) as server:
        yield server


def test_a_project_is_made_without_a_terminal(page: Page, folder: Path, material: Path) -> None:
    with serving(folder, folder.parent) as server:
        open_studio(page, server)
        expect(page.get_by_role("heading", name="New project")).to_be_visible()
        for side, name, clip in (("a", "Ada", "Ada"), ("b", "Ben", NASTY)):
            box = page.locator("fieldset", has=page.locator(f"#{side}-0"))
            box.get_by_label("Name").fill(name)
            field = page.locator(f"#{side}-0")
            field.fill(str(material / clip[:2]))
            page.get_by_role("option", name=clip).click()
            field.press("Escape")
        page.get_by_role("button", name="Make the project").click()
        expect(page.get_by_role("heading", name="5 steps to do")).to_be_visible()
        expect(page.get_by_text(NASTY.partition(".")[0]).first).to_be_visible()  # as text
        assert page.title() == "Project · film"
        assert page.locator("main img").count() == 0
    project = read_project(folder)
    assert list(project.people) == ["Ada", "Ben"]
    assert project.people["Ben"].clips[0].path == str(material / NASTY)


def test_a_clip_elsewhere_is_refused(page: Page, studio: StudioServer) -> None:
    open_studio(page, studio)
    page.get_by_role("button", name="Add a clip").first.click()
    page.locator("#added").fill("/etc/passwd")
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("is not in a folder that this studio may read")


def test_consent_is_recorded(page: Page, studio: StudioServer, untouched_film: Path) -> None:
    release = untouched_film.parent / "release.pdf"
    release.write_bytes(b"signed")
    open_studio(page, studio)
    page.get_by_role("button", name="Record a signed release").nth(1).click()
    page.locator("#added").fill(str(release))
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Consent recorded", exact=True)).to_be_visible()
    assert read_project(untouched_film).people["Ben"].consent is not None


def test_nobody_comes_in_without_the_key(page: Page, studio: StudioServer) -> None:
    page.goto(studio.address)
    expect(page.get_by_role("heading", name="This studio is locked")).to_be_visible()
    open_studio(page, studio)
    page.reload()
    expect(page.locator("nav")).to_be_visible()
    assert "key" not in page.url


def test_another_page_reaches_nothing(
    browser: Browser, page: Page, studio: StudioServer, untouched_film: Path
) -> None:
    """A page of another origin in the very browser that was let in."""
    open_studio(page, studio)
    with serving(untouched_film.parent / "footage") as other:
        evil = page.context.new_page()
        evil.goto(other.address)
        script = """async (address) => {
            const tries = [
                fetch(address + '/api/project', {credentials: 'include'}),
                fetch(address + '/api/jobs/clear', {method: 'POST', credentials: 'include', mode: 'no-cors',
                    body: '{}'}),
                new Promise((yes, no) => {
                    const socket = new WebSocket(address.replace('http', 'ws') + '/api/events');
                    socket.onopen = yes; socket.onerror = no;
                }),
            ];
            const ends = await Promise.allSettled(tries);
            return ends.map((end) => end.status === 'rejected' || end.value.type === 'opaque');
        }"""
        assert evil.evaluate(script, studio.address) == [True, True, True]


def test_languages_themes_and_keys(browser: Browser, studio: StudioServer) -> None:
    page = new_page(browser, locale="zh-CN", color_scheme="light")
    open_studio(page, studio)
    expect(page.locator("nav")).to_contain_text("项目")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("Shift+KeyT")
    assert page.evaluate(ground) != light
    page.keyboard.press("Digit2")
    page.wait_for_url(re.compile("#/"))
    page.keyboard.press("Shift+Slash")
    expect(page.get_by_role("dialog")).to_contain_text("任务")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.close()


def test_catalogues_have_the_same_keys(page: Page, studio: StudioServer) -> None:
    open_studio(page, studio)
    missing = page.evaluate("""async () => {
        const [en, zh] = await Promise.all(['en', 'zh'].map((name) => import(`/static/text/${name}.js`)));
        const [a, b] = [Object.keys(en.default), Object.keys(zh.default)];
        return [...a.filter((key) => !b.includes(key)), ...b.filter((key) => !a.includes(key))];
    }""")
    assert missing == []


@pytest.mark.subprocess
@pytest.mark.slow
def test_steps_are_queued_and_done(page: Page, studio: StudioServer, untouched_film: Path) -> None:
    """Faces are found by a job; the page shows it, its command line and its log."""
    open_studio(page, studio)
    page.get_by_role("listitem").filter(has_text="Ada/Ada").get_by_role("button", name="Do this step").click()
    page.get_by_role("link", name="Jobs", exact=True).click()
    job = page.locator(".job").filter(has_text="extract Ada/Ada")
    expect(job).to_contain_text("done")
    job.get_by_role("button", name="Log").click()
    expect(job.locator("code")).to_contain_text("facedouble extract")
    expect(job.locator(".log")).to_contain_text("$ facedouble extract")
    page.get_by_role("link", name="Project", exact=True).click()
    step = page.locator(".step").filter(has_text="Ada/Ada")
    expect(step).to_contain_text("done")
    expect(step).to_contain_text("2 faces")


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_job_outlives_the_server_and_is_stopped_by_the_next(page: Page, untouched_film: Path) -> None:
    sleeping = NewJob("train", ("train", "--no-such-option"))
    with closing(open_database(untouched_film)) as database:
        Queue(database).add([sleeping])
    with serving(untouched_film) as server:
        open_studio(page, server)
        page.keyboard.press("Digit2")
        page.goto(f"{server.address}/#/jobs")
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".job")).to_contain_text("failed")
    with serving(untouched_film) as server:
        open_studio(page, server)
        page.goto(f"{server.address}/#/jobs")
        expect(page.locator(".job")).to_contain_text("failed")
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_text("No jobs.")).to_be_visible()
    with closing(open_database(untouched_film)) as database:
        assert Queue(database).all() == []


def test_the_queue_is_live_and_reordered(page: Page, studio: StudioServer, untouched_film: Path) -> None:
    open_studio(page, studio)
    page.goto(f"{studio.address}/#/jobs")
    expect(page.get_by_text("No jobs.")).to_be_visible()
    with closing(open_database(untouched_film)) as database:
        queue = Queue(database)
        queue.add([NewJob(f"job {name}", ("train",), executor="elsewhere") for name in "abc"])
        titles = page.locator(".job strong")
        expect(titles).to_have_text(["job a", "job b", "job c"])
        page.locator(".job").nth(2).get_by_role("button", name="Earlier").click()
        expect(titles).to_have_text(["job a", "job c", "job b"])
        page.locator(".job").nth(0).get_by_role("button", name="Later").click()
        expect(titles).to_have_text(["job c", "job a", "job b"])
        assert [job.title for job in queue.all()] == ["job c", "job a", "job b"]
        queue._set(2, state=JobState.RUNNING, started=time.time(), progress="")
        expect(page.locator("section", has_text="Running").locator(".job strong")).to_have_text(["job b"])
