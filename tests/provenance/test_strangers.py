"""Statements of others: what somebody signs who is not known here, and what is put inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from facedouble.cli.main import main
from facedouble.cli.verify import CLAIMED
from facedouble.provenance import signing_identity
from facedouble.provenance.credentials import Credentials, manifest
from facedouble.provenance.describe import describe
from facedouble.provenance.marker import Marker
from facedouble.provenance.signing_identity import SigningIdentity, own_identity
from facedouble.provenance.verify import State, Verifier, verify
from tests.provenance.conftest import sign

KINDS = {"a.png": "image/png", "a.jpg": "image/jpeg", "a.tif": "image/tiff", "a.mp4": "video/mp4"}


@pytest.fixture
def stranger(tmp_path: Path) -> SigningIdentity:
    return own_identity(tmp_path / "stranger" / "identity")


@pytest.fixture
def made(picture: Callable[[str], Path], clip: Callable[..., Path]) -> Callable[[str], Path]:
    return lambda name: clip(name) if name.endswith(("mp4", "mkv")) else picture(name)


@pytest.fixture
def genuine(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity, tmp_path: Path
) -> Callable[[str], Path]:
    """A file that this user made and marked, elsewhere."""

    def make(name: str) -> Path:
        path = made(name)
        marker = Marker(credentials, identity)
        if name.endswith("mp4"):
            marker.clip(path)
        else:
            path.write_bytes(marker.image(path.read_bytes(), name))
        (tmp_path / "genuine").mkdir()
        return path.rename(tmp_path / "genuine" / name)

    return make


def camera() -> dict[str, object]:
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    return {
        "claim_generator_info": [{"name": "Camera"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def opened(label: str) -> dict[str, object]:
    actions = [{"action": "c2pa.opened", "parameters": {"ingredientIds": [label]}}]
    return {
        "claim_generator_info": [{"name": "Other"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


@pytest.mark.parametrize("relationship", ["parentOf", "componentOf", "inputTo"])
@pytest.mark.parametrize("name", KINDS)
def test_a_genuine_file_inside_vouches_for_nothing(
    name: str,
    relationship: str,
    made: Callable[[str], Path],
    genuine: Callable[[str], Path],
    stranger: SigningIdentity,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inside, path = genuine(name), made(name)
    ingredient = {"title": "genuine", "relationship": relationship, "label": "inside"}
    definition = opened("inside") if relationship == "parentOf" else camera()
    sign(path, stranger, definition, kind=KINDS[name], parents=[(ingredient, inside)])
    [found] = verify(path)
    assert found.state is State.UNKNOWN_SIGNER
    assert not found.own
    assert found.signer == stranger.name
    said = found.statements
    assert not said.synthetic
    assert said.parameters is None
    assert said.source_sha256 is None
    assert said.consent_sha256 is None
    assert (said.ancestors, said.synthetic_ancestors) == (1, 1)
    assert main(["verify", str(path)]) == CLAIMED
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"{name}: not changed since it was signed, but by a signer whose key is not known here."
    assert "take 1.mp4" not in "".join(others)
    assert "anna" not in "".join(others)
    assert "That signer claims: it does not say that a trained model made it or a part of it." in others[1]


@pytest.mark.parametrize("name", KINDS)
def test_what_a_stranger_writes_in_our_words_is_a_claim(
    name: str,
    made: Callable[[str], Path],
    credentials: Credentials,
    stranger: SigningIdentity,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = made(name)
    ours = manifest(credentials, name, KINDS[name], marked_before=False, source_has_credentials=False)
    sign(path, stranger, ours, kind=KINDS[name])
    [found] = verify(path)
    assert (found.state, found.own, found.statements.synthetic) == (State.UNKNOWN_SIGNER, False, True)
    assert main(["verify", str(path)]) == CLAIMED
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    about = [line for line in lines if "anna" in line or "take 1.mp4" in line or "trained model" in line]
    assert len(about) == 4
    assert all(line.startswith("That signer claims: ") for line in about)


def test_a_name_is_not_a_key(
    made: Callable[[str], Path],
    credentials: Credentials,
    identity: SigningIdentity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stranger's certificates bear the very names of this user's, and are trusted or not."""
    signer, issuer = (x509.load_pem_x509_certificates(identity.chain)[n].subject for n in (0, 1))
    names = iter([issuer, signer])
    monkeypatch.setattr(signing_identity, "_name", lambda _: next(names))
    twin = own_identity(tmp_path / "twin" / "identity")
    assert twin.name == identity.name
    assert twin.root != identity.root
    path = made("a.png")
    path.write_bytes(Marker(credentials, twin).image(path.read_bytes(), "a.png"))
    found = Verifier(identity).verify(path)
    assert (found.state, found.own) == (State.UNKNOWN_SIGNER, False)
    found = Verifier(identity, [twin.root]).verify(path)
    assert (found.state, found.own) == (State.INTACT, False)
    assert "this user's own" not in "".join(describe(found))


def test_a_stranger_cannot_sign_below_this_users_certificate(
    made: Callable[[str], Path],
    credentials: Credentials,
    identity: SigningIdentity,
    stranger: SigningIdentity,
) -> None:
    """The chain of a signature is what the signer puts there: only the keys in it count."""
    ours = x509.load_pem_x509_certificates(identity.chain)
    theirs = x509.load_pem_x509_certificates(stranger.chain)
    for chain in ([theirs[0], ours[1]], [theirs[0], ours[0], ours[1]], [*theirs, ours[1]]):
        data = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        path = made("a.png")
        sign(path, SigningIdentity(data, stranger.key, stranger.algorithm, "x"), camera())
        assert Verifier(identity).verify(path).state is not State.INTACT
        path.unlink()


def test_exit_codes_together(
    made: Callable[[str], Path],
    genuine: Callable[[str], Path],
    stranger: SigningIdentity,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, claimed, bare = genuine("a.png"), made("b.png"), made("c.png")
    sign(claimed, stranger, camera())
    assert main(["verify", str(good)]) == 0
    assert main(["verify", str(good), str(claimed)]) == CLAIMED
    assert main(["verify", str(claimed), str(bare), str(good)]) == 1
    assert capsys.readouterr().err == ""
    (bare.parent / "d.png").write_bytes(b"none")
    assert main(["verify", str(good), str(bare.parent / "d.png"), str(claimed)]) == 1
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert shown.out.count("a.png: marked as synthetic") == 1
    assert shown.out.count("b.png: not changed") == 1
