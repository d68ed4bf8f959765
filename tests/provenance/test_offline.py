"""Nothing in a file makes the program open a connection."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import facedouble
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.describe import describe
from facedouble.provenance.image_xmp import with_xmp
from facedouble.provenance.marker import Marker
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.provenance.verify import State, Verifier, verify
from tests.provenance.conftest import provenance_packet, sign, with_packet

SOURCE = Path(facedouble.__file__).parent


@pytest.fixture
def address() -> Iterator[str]:
    """An address that somebody listens at; afterwards nobody may have called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.c2pa"
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture
def made(picture: Callable[[str], Path], clip: Callable[..., Path]) -> Callable[[str, str], Path]:
    """A file whose XMP names an address for its credentials."""

    def make(name: str, address: str) -> Path:
        path = clip(name) if name.endswith(("mp4", "mov")) else picture(name)
        packet = provenance_packet(address)
        data = path.read_bytes()
        path.write_bytes(
            with_packet(data, packet) if name.endswith(("mp4", "mov")) else with_xmp(data, packet)
        )
        return path

    return make


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.mp4", "a.mov"])
def test_verifying(name: str, made: Callable[[str, str], Path], address: str) -> None:
    [found] = verify(made(name, address))
    assert found.state is State.UNMARKED
    told = "".join(describe(found))
    assert f"Its credentials may be on the network, from which nothing is fetched: {address}." in told


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.mp4", "a.mov"])
def test_as_the_source_of_a_result(
    name: str,
    made: Callable[[str, str], Path],
    address: str,
    picture: Callable[[str], Path],
    credentials: Credentials,
    identity: SigningIdentity,
) -> None:
    marker = Marker(dataclasses.replace(credentials, source=made(name, address)), identity)
    result = picture("result.png")
    result.write_bytes(marker.image(result.read_bytes(), "result.png"))
    [found] = verify(result)
    assert (found.state, found.statements.ancestors) == (State.INTACT, 0)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.mp4", "a.mov"])
def test_as_what_is_marked(
    name: str,
    made: Callable[[str, str], Path],
    address: str,
    credentials: Credentials,
    identity: SigningIdentity,
) -> None:
    path, marker = made(name, address), Marker(credentials, identity)
    if name.endswith(("mp4", "mov")):
        marker.clip(path)
    else:
        path.write_bytes(marker.image(path.read_bytes(), name))
    [found] = verify(path)
    assert (found.state, found.statements.ancestors) == (State.INTACT, 0)


def test_with_a_signature_that_names_an_address(
    picture: Callable[[str], Path], address: str, identity: SigningIdentity
) -> None:
    path = picture("a.png")
    action = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]
    definition = {"claim_generator_info": [{"name": "other"}], "assertions": assertions}
    sign(path, identity, definition, url=address)
    assert Verifier(identity).verify(path).state is State.UNMARKED


def test_the_library_is_used_in_one_place() -> None:
    """Where it is set up to stay offline."""
    using = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(line.split()[:2] in (["import", "c2pa"], ["from", "c2pa"]) for line in path.open())
    }
    assert using == {"provenance/c2pa_library.py"}
