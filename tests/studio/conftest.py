"""A studio that runs, a browser, and ways to attack both."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from facedouble.extraction.extract import extract
from facedouble.project.file import read_content, write_content
from facedouble.project.make import NewPerson, make_project
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.train import Limits, TrainSettings
from facedouble.settings.video import ClipEncoding
from facedouble.studio.remote import Remote
from facedouble.studio.server import StudioServer
from facedouble.training.loop import train
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.browser import new_page
from tests.waiting import PATIENCE, wait_until

expect.set_options(timeout=1000 * PATIENCE)


@contextmanager
def serving(folder: Path, *allowed: Path, remote: Remote | None = None) -> Iterator[StudioServer]:
    """A studio that answers, on a free port."""
    ready = threading.Event()
    server = StudioServer(folder, [folder, *allowed], 0, ready.set, remote)
    thread = threading.Thread(target=server.serve_studio)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield server
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


@dataclass
class Client:
    """What speaks HTTP to a studio, as a browser does that was let in; each request on its own connection."""

    server: StudioServer
    headers: dict[str, str] = field(default_factory=dict)

    def enter(self) -> Client:
        answer = self.post("/api/enter", {"key": self.server.key.key}, token=False)
        assert answer.status == 200, answer.text
        self.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
        self.headers["X-Studio-Token"] = answer.json["token"]
        return self

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self.server.address.removeprefix("http://"))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **changed: str | None) -> Answer:
        return self.send("GET", path, None, _changed(self.headers, changed))

    def post(self, path: str, body: Any = None, *, token: bool = True, **changed: str | None) -> Answer:
        own = {"Origin": self.server.address, "Content-Type": "application/json", **self.headers}
        if not token:
            own.pop("X-Studio-Token", None)
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.send("POST", path, data, _changed(own, changed))


def _changed(headers: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    every = {**headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return {name: value for name, value in every.items() if value is not None}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.data)


def refused(client: Client, path: str) -> Answer:
    """The first answer from there that is not 200; it may be given once only."""
    answers: list[Answer] = []

    def is_refused() -> bool:
        answers.append(client.get(path))
        return answers[-1].status != 200

    wait_until(is_refused)
    return answers[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder without a project."""
    path = tmp_path / "film"
    path.mkdir()
    return path


@pytest.fixture
def server(folder: Path) -> Iterator[StudioServer]:
    with serving(folder) as server:
        yield server


@pytest.fixture
def client(server: StudioServer) -> Client:
    """A browser that was let in."""
    return Client(server).enter()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page; an error of a script or a breach of the policy fails the test."""
    page = new_page(browser)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    page.context.close()
    expected = ("Failed to load resource",)  # answers 4xx, which the page shows
    assert [line for line in wrong if not line.startswith(expected)] == []


@pytest.fixture(scope="session")
def trained_film(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with clips of ten frames of two people, their faces, and a model that saw them for a moment;
    not to be changed."""
    folder = tmp_path_factory.mktemp("studio") / "film"
    short = {"Ada": "sample_02", "Ben": "sample_04"}
    for person, name in short.items():
        source = open_source(clips[name])
        clip = folder / "clips" / f"{person}.mp4"
        clip.parent.mkdir(parents=True, exist_ok=True)
        with open_sink(clip, source.info, ClipEncoding(), audio_from=None, overwrite=False) as sink:
            for frame in source.frames(40, 50):
                sink.write(frame)
        extract(clip, folder / "faces" / person / person, ExtractSettings(processes=1))
    a, b = (folder / "faces" / person / person for person in short)
    train([a], [b], folder / "models" / "Ada-Ben", TrainSettings(limits=Limits(iterations=2)))
    make_project(folder, *(NewPerson(name, [folder / "clips" / f"{name}.mp4"]) for name in short))
    content = read_content(folder)
    content["settings"]["train"]["limits"] = {"iterations": 2}
    write_content(folder, content)
    return folder


@pytest.fixture
def film(trained_film: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(trained_film, tmp_path / "film")


@pytest.fixture
def faceset(film: Path) -> Path:
    """Ada's faces in it."""
    return film / "faces" / "Ada" / "Ada"


@pytest.fixture
def studio(film: Path) -> Iterator[StudioServer]:
    """The studio of a project of two people."""
    with serving(film) as server:
        yield server


@pytest.fixture
def visitor(studio: StudioServer) -> Client:
    """Somebody who has opened it."""
    return Client(studio).enter()
