"""Other machines: over TLS and by password, or not at all."""

from __future__ import annotations

import datetime
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, expect

from facedouble.cli.main import main
from facedouble.errors import FacedoubleError
from facedouble.studio import patience
from facedouble.studio.remote import PasswordGate, Remote, is_own
from facedouble.studio.server import StudioServer
from tests.browser import new_page
from tests.studio.conftest import serving
from tests.waiting import PATIENCE

PASSWORD = "a long enough password"


@dataclass(frozen=True)
class Files:
    certificate: Path
    key: Path
    password: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    found = Files(folder / "cert.pem", folder / "key.pem", folder / "password")
    found.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    found.password.touch(mode=0o600)
    found.password.write_text(f"{PASSWORD}\n")
    return found


@pytest.fixture
def server(folder: Path, files: Files) -> Iterator[StudioServer]:
    """It is served at "localhost", as at any other name."""
    remote = Remote.read("localhost", files.certificate, files.key, files.password)
    with serving(folder, remote=remote) as server:
        yield server


def send(
    server: StudioServer, files: Files, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, Any]:
    context = ssl.create_default_context(cafile=str(files.certificate))
    connection = http.client.HTTPSConnection(server.address.removeprefix("https://"), context=context)
    own = {"Origin": server.address, "Content-Type": "application/json"} if method == "POST" else {}
    data = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, data, {**own, **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


def test_the_password_lets_in(server: StudioServer, files: Files) -> None:
    assert send(server, files, "GET", "/api/session")[2] == {"open": False, "password": True}
    assert send(server, files, "GET", "/api/project")[0] == 401
    status, headers, found = send(server, files, "POST", "/api/enter", {"password": PASSWORD})
    assert (status, found["open"]) == (200, True)
    cookie = headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    name = cookie.partition(";")[0]
    assert send(server, files, "GET", "/api/project", Cookie=name)[0] == 200
    assert send(server, files, "POST", "/api/jobs/clear", {}, Cookie=name)[0] == 403  # no token
    elsewhere = {"Cookie": name, "Host": "evil.example"}
    assert send(server, files, "GET", "/api/project", **elsewhere)[0] == 421
    assert send(server, files, "GET", "/api/project", Cookie=name, Origin="http://localhost")[0] == 403


@pytest.fixture
def gate_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which guesses are made to wait, which stands still."""
    now = [1000.0]
    monkeypatch.setattr("facedouble.studio.remote.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.mark.usefixtures("gate_clock")
def test_guessing_is_slow(server: StudioServer, files: Files) -> None:
    answers = [
        send(server, files, "POST", "/api/enter", {"password": f"guess number {n}"})[0] for n in range(8)
    ]
    assert answers == [403] * 5 + [429] * 3
    assert send(server, files, "POST", "/api/enter", {"password": PASSWORD})[0] == 429
    assert (
        send(server, files, "POST", "/api/enter", {"key": server.key.key})[0] == 200
    )  # who is here comes in


def test_who_was_wrong_waits_longer_each_time(gate_clock: list[float]) -> None:
    gate = PasswordGate(PASSWORD)
    waits = []
    for _ in range(12):
        assert not gate.opens("10.0.0.9", "wrong")
        waits.append(gate.wait("10.0.0.9"))
        gate_clock[0] += waits[-1]
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert gate.wait("10.0.0.8") == 0
    assert gate.opens("10.0.0.9", PASSWORD)
    assert gate.wait("10.0.0.9") == 0


def test_nothing_is_served_without_tls(server: StudioServer) -> None:
    port = int(server.address.rpartition(":")[2])
    with socket.create_connection(("localhost", port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in connection.recv(4096)


def test_old_tls_is_refused(server: StudioServer, files: Files) -> None:
    context = ssl.create_default_context(cafile=str(files.certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    port = int(server.address.rpartition(":")[2])
    with (
        socket.create_connection(("localhost", port), timeout=PATIENCE) as connection,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_who_never_says_hello_is_closed(folder: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedouble.studio.server.HEAD_SECONDS", 0.5)
    assert patience.HEAD_SECONDS == 10.0
    ready = threading.Event()
    remote = Remote.read("localhost", files.certificate, files.key, files.password)
    server = StudioServer(folder, [folder], 0, ready.set, remote)
    thread = threading.Thread(target=server.serve_studio)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        port = int(server.address.rpartition(":")[2])
        with socket.create_connection(("localhost", port), timeout=PATIENCE) as connection:
            assert connection.recv(10) == b""
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"certificate": None}, "a certificate, its private key, and a file with a password"),
        ({"password_file": None}, "a certificate, its private key, and a file with a password"),
        ({"host": "0.0.0.0"}, "every address"),
        ({"host": "::"}, "every address"),
        ({"certificate": "gone.pem"}, "there is no such file"),
        ({"key": "certificate"}, "no certificate (PEM) and its private key"),
        ({"password_file": "open"}, "others can read this password"),
        ({"password_file": "short"}, "at least 12 characters"),
        ({"password_file": "long"}, "too long"),
    ],
)
def test_what_is_missing_or_unsafe_is_refused(
    files: Files, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    for name, text, mode in (
        ("open", PASSWORD, 0o644),
        ("short", "secret", 0o600),
        ("long", "x" * 9999, 0o600),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    given: dict[str, Any] = {
        "host": "192.0.2.1",
        "certificate": files.certificate,
        "key": files.key,
        "password_file": files.password,
    }
    given |= {name: files.certificate if value == "certificate" else value for name, value in changes.items()}
    for name, value in given.items():
        if name != "host" and isinstance(value, str):
            given[name] = tmp_path / value
    with pytest.raises(FacedoubleError, match=said.replace("(", r"\(").replace(")", r"\)")):
        Remote.read(**given)


def test_an_address_that_is_not_here(folder: Path, files: Files) -> None:
    remote = Remote.read("192.0.2.1", files.certificate, files.key, files.password)
    with pytest.raises(FacedoubleError, match="no address of this machine"):
        StudioServer(folder, [folder], 0, remote=remote)


@pytest.mark.parametrize("options", [["--host", "192.168.0.1"], ["--host", "0.0.0.0"], ["--key", "x"]])
def test_the_command_refuses_in_one_line(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", str(folder), "--no-browser", *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_own_addresses() -> None:
    assert all(map(is_own, ("127.0.0.1", "localhost", "::1", "127.0.0.9")))
    assert not any(map(is_own, ("10.0.0.1", "studio.example", "0.0.0.0", "127.0.0.1.example.com")))


def test_the_page_asks_for_the_password(browser: Browser, server: StudioServer) -> None:
    page = new_page(browser, ignore_https_errors=True)
    page.goto(server.address)
    page.get_by_label("Password").fill("not this password")
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_role("alert")).to_have_text("this password is wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    expect(page.locator("nav")).to_be_visible()
    expect(page.get_by_role("heading", name="New project")).to_be_visible()
    page.context.close()
