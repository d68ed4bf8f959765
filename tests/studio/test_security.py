"""Attacks: other users of the machine, other pages in the browser, and strangers on the socket."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from facedouble.errors import InputError
from facedouble.studio import guard, patience
from facedouble.studio.access import running_studio
from facedouble.studio.allowed import AllowedFolders
from facedouble.studio.server import StudioServer
from tests.studio.conftest import Client
from tests.waiting import PATIENCE

HEAD = "POST /api/enter HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n"


def raw(server: StudioServer, request: bytes, timeout: float = PATIENCE) -> bytes:
    """What comes back for bytes on a connection, until it is closed."""
    host, _, port = server.address.removeprefix("http://").partition(":")
    parts = []
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        connection.sendall(request)
        while data := connection.recv(65536):
            parts.append(data)
    return b"".join(parts)


# -- other users -----------------------------------------------------------------------------------------


def test_it_listens_on_this_machine_alone(server: StudioServer) -> None:
    port = int(server.address.rpartition(":")[2])
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        if state == "0A" and int(address.split(":")[1], 16) == port:
            assert address.split(":")[0] == "0100007F"


def test_the_key_is_the_users_alone(server: StudioServer) -> None:
    for file in (server.key.path, server.key.page()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert server.key.key in file.read_text()
    assert len(server.key.key) >= 43  # 256 bits


def test_the_key_works_once(server: StudioServer, folder: Path) -> None:
    key, page = server.key.key, server.key.page()
    first, second = Client(server), Client(server)
    assert first.post("/api/enter", {"key": key}).status == 200
    assert second.post("/api/enter", {"key": key}).status == 403
    assert not page.exists()
    assert running_studio(folder) == server.key.link != f"{server.address}/#key={key}"


def test_without_a_cookie_nothing_is_told(server: StudioServer) -> None:
    stranger = Client(server)
    for path in ("/api/project", "/api/jobs", "/api/events", "/api/machine", "/api/jobs/1/log"):
        assert stranger.get(path).status == 401
        assert stranger.get(path, Cookie=f"facedouble-studio-{server.address[-5:]}=guess").status == 401
    assert stranger.get("/api/session").json == {"open": False, "password": False}


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server: StudioServer) -> None:
    answer = Client(server).post("/api/enter", {"key": server.key.key})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_the_key_file_is_gone_afterwards(folder: Path) -> None:
    from tests.studio.conftest import serving

    with serving(folder) as server:
        assert server.key.path.exists()
    assert not server.key.path.exists()
    assert running_studio(folder) is None


# -- other pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example:{port}", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", ""])
def test_dns_rebinding(client: Client, host: str) -> None:
    port = client.server.address.rpartition(":")[2]
    for path in ("/", "/api/session", "/api/project"):
        assert client.get(path, Host=host.format(port=port)).status == 421


def test_two_hosts(server: StudioServer) -> None:
    own = server.address.removeprefix("http://")
    answer = raw(server, f"GET / HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400")
    answer = raw(server, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1"]
)
def test_pages_of_other_origins(client: Client, origin: str) -> None:
    origin = origin.format(port=client.server.address.rpartition(":")[2])
    assert client.post("/api/jobs/clear", Origin=origin).status == 403
    assert client.get("/api/project", Origin=origin).status == 403
    assert client.get("/api/project", Sec_Fetch_Site="cross-site").status == 403
    assert client.get("/api/project", Sec_Fetch_Site="same-site").status == 403


def test_a_change_needs_origin_token_and_json(client: Client) -> None:
    good = client.post("/api/paths", {"typed": ""})
    assert good.status == 200
    assert client.post("/api/paths", {"typed": ""}, Origin=None).status == 403
    assert client.post("/api/paths", {"typed": ""}, token=False).status == 403
    assert client.post("/api/paths", {"typed": ""}, X_Studio_Token="x" * 43).status == 403
    assert client.post("/api/paths", {"typed": ""}, Content_Type="text/plain").status == 415
    assert client.post("/api/paths", {"typed": ""}, Cookie=None).status == 401


def test_a_token_of_another_session(server: StudioServer) -> None:
    one, two = Client(server).enter(), Client(server).enter()
    other = two.headers["X-Studio-Token"]
    assert one.post("/api/paths", {"typed": ""}, X_Studio_Token=other).status == 403


@pytest.mark.parametrize("origin", ["own", "http://evil.example", "null"])
def test_web_sockets_are_refused(client: Client, origin: str) -> None:
    origin = client.server.address if origin == "own" else origin
    key = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = {**client.headers, **key, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin}
    for path in ("/", "/api/events"):
        assert client.send("GET", path, None, headers).status in (400, 403)


def test_every_answer_has_the_policy(client: Client) -> None:
    for path in ("/", "/static/main.js", "/api/project", "/nowhere", "/api/nowhere"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    assert client.get("/api/project", Host="evil").headers["x-content-type-options"] == "nosniff"


def test_no_script_stands_in_the_page() -> None:
    static = Path(guard.__file__).parent / "static"
    page = (static / "index.html").read_text()
    assert page.count("<script") == 1
    assert 'src="/static/main.js"' in page
    assert " on" not in page.replace(" one", "")
    for file in static.rglob("*.js"):
        text = file.read_text()
        if "vendor" not in file.parts:
            for banned in (
                "innerHTML",
                "dangerouslySetInnerHTML",
                "eval(",
                "document.write",
                "http://",
                "https://",
            ):
                assert banned not in text, file


# -- paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/static/../access.py", "/static/%2e%2e/access.py", "/static//etc/passwd",
     "/static/..%2faccess.py", "/api/jobs/..%2f..%2fetc/log", "/%2e%2e/%2e%2e/etc/passwd", "/static/vendor"],
)  # fmt: skip
def test_traversal(client: Client, path: str) -> None:
    assert client.get(path).status == 404


def test_typed_paths_stay_in_allowed_folders(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside, inside / ".hidden"):
        folder.mkdir()
        (folder / "clip.mp4").write_bytes(b"x")
    (inside / "link.mp4").symlink_to(outside / "clip.mp4")
    (inside / "folder").symlink_to(outside)
    allowed = AllowedFolders([inside])
    assert allowed.resolve(str(inside / "clip.mp4")) == inside / "clip.mp4"
    refused: list[Any] = [
        outside / "clip.mp4", inside / ".." / "outside" / "clip.mp4", inside / "link.mp4",
        inside / "folder" / "clip.mp4", inside / ".hidden" / "clip.mp4", "clip.mp4", "", "~/clip.mp4",
        f"{inside}/clip\0.mp4", f"{inside}\n", f"{inside}x/clip.mp4", "/" + "a" * 5000, inside / "gone.mp4",
    ]  # fmt: skip
    for path in refused:
        with pytest.raises(InputError):
            allowed.resolve(str(path))
    assert [offer.name for offer in allowed.offers(f"{inside}{os.sep}")] == ["clip.mp4"]
    assert allowed.offers(f"{outside}{os.sep}") == []
    assert [offer.name for offer in allowed.offers("")] == [str(inside)]


def test_paths_outside_are_refused_by_calls(client: Client, tmp_path: Path) -> None:
    person = {"name": "a", "clips": ["/etc/passwd"]}
    answer = client.post("/api/project", {"a": person, "b": {**person, "name": "b"}})
    assert answer.status == 400
    assert "is not in a folder that this studio may read" in answer.json["error"]


# -- strangers on the socket -----------------------------------------------------------------------------


def test_a_body_of_two_gigabytes(client: Client) -> None:
    own = client.server.address
    head = (
        f"POST /api/enter HTTP/1.1\r\nHost: {own[7:]}\r\nOrigin: {own}\r\nContent-Type: application/json\r\n"
    )
    declared = raw(client.server, f"{head}Content-Length: 2147483648\r\n\r\n".encode())
    assert declared.startswith(b"HTTP/1.1 413")
    part = b"10000\r\n" + b"[" * 65536 + b"\r\n"
    host, _, port = own.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        sent = 0
        try:
            while sent < 1 << 31:
                connection.sendall(part)
                sent += len(part)
        except OSError:
            pass  # it was closed
    assert sent < 1 << 26
    assert client.get("/api/project").status == 200


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"key": ' * 9_000, b"\xff\xfe", b"null", b'{"key": 1}', b""]
)
def test_json_that_is_none(server: StudioServer, body: bytes) -> None:
    assert Client(server).post("/api/enter", body).status == 400


def test_slow_requests_are_closed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(guard, "_BODY_SECONDS", 1.0)
    own = client.server.address
    assert raw(client.server, b"") == b""
    assert raw(client.server, b"GET / HTTP/1.1\r\nHost: 127") == b""
    head = (
        f"POST /api/enter HTTP/1.1\r\nHost: {own[7:]}\r\nOrigin: {own}\r\nContent-Type: application/json\r\n"
    )
    answer = raw(client.server, f"{head}Content-Length: 100\r\n\r\n{{".encode())
    assert answer.startswith(b"HTTP/1.1 408")
    kept = raw(client.server, f"GET / HTTP/1.1\r\nHost: {own[7:]}\r\n\r\nGET /".encode())
    assert kept.count(b"HTTP/1.1 200") == 1


def test_a_thousand_sockets(client: Client) -> None:
    host, _, port = client.server.address.removeprefix("http://").partition(":")
    many = []
    try:
        for _ in range(1000):
            connection = socket.socket()
            connection.settimeout(PATIENCE)
            connection.connect((host, int(port)))
            many.append(connection)
        assert client.get("/api/project").status == 200
        assert len(client.server.server_state.connections) <= patience.MOST_CONNECTIONS + 1
    finally:
        for connection in many:
            connection.close()


def test_a_head_without_end(server: StudioServer) -> None:
    answer = raw(server, b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000)
    assert answer.startswith(b"HTTP/1.1 400")


def test_what_goes_wrong_is_told_as_json(client: Client) -> None:
    answer = client.get("/api/jobs/1/log")
    assert answer.status == 400
    assert "project" in json.loads(answer.data)["error"]
