"""The certificate made on first use, and certificates of one's own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facedouble.errors import AssetError, InputError
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.marker import Marker
from facedouble.provenance.signing_identity import (
    identity_folder,
    known_identity,
    load_identity,
    own_identity,
)
from facedouble.provenance.verify import State, Verifier, verify

PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def name(text: str) -> x509.Name:
    attributes = (NameOID.ORGANIZATION_NAME, "Studio"), (NameOID.COMMON_NAME, text)
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


class Office:
    """Gives out certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._sign(name("Office"), self.key, ca=True)

    def give(
        self,
        key: Key,
        *,
        usage: list[x509.ObjectIdentifier] | None = None,
        ends: int = 30,
        self_signed: bool = False,
    ) -> tuple[Path, Path]:
        chain, place = self.folder / "chain.pem", self.folder / "key.pem"
        if self_signed:
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            certificates = [
                self._sign(name("Anna's studio"), key, usage=usage, issuer=(name("Anna's studio"), key))
            ]
        else:
            certificates = [self._sign(name("Anna's studio"), key, usage=usage, ends=ends), self.root]
        chain.write_bytes(b"".join(c.public_bytes(PEM) for c in certificates))
        place.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return chain, place

    def _sign(
        self,
        subject: x509.Name,
        key: Key,
        *,
        ca: bool = False,
        usage: list[x509.ObjectIdentifier] | None = None,
        ends: int = 30,
        issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None,
    ) -> x509.Certificate:
        issuer_name, issuer_key = issuer or (name("Office"), self.key)
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca, None), True)
            .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        if not ca:
            wanted = [ExtendedKeyUsageOID.EMAIL_PROTECTION] if usage is None else usage
            builder = builder.add_extension(x509.ExtendedKeyUsage(wanted), False) if wanted else builder
        return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture
def office(tmp_path: Path) -> Office:
    (tmp_path / "office").mkdir()
    return Office(tmp_path / "office")


def test_it_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "settings" / "identity"
    assert known_identity(folder) is None
    assert not folder.exists()
    made = own_identity(folder)
    assert made == own_identity(folder) == known_identity(folder)
    assert made != own_identity(tmp_path / "of another")
    assert {file.name for file in folder.iterdir()} == {"chain.pem", "key.pem"}
    assert [file.name for file in folder.parent.iterdir()] == ["identity"]
    if os.name != "nt":
        assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert b"PRIVATE" not in repr(made).encode()


def test_it_says_nothing_of_its_user(tmp_path: Path) -> None:
    made = own_identity(tmp_path / "identity")
    for certificate in x509.load_pem_x509_certificates(made.chain):
        names = {attribute.value for attribute in certificate.subject}
        assert "facedouble (self-signed)" in names
        assert all(str(text).startswith("facedouble ") for text in names)
    assert made.name.startswith("facedouble ")


@pytest.mark.subprocess
def test_processes_that_start_together_get_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from facedouble.provenance.signing_identity import own_identity;"
        "print(own_identity(Path(sys.argv[1])).name)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "identity")]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({run.communicate()[0] for run in runs}) == 1
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["identity"]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEDOUBLE_CONFIG", str(tmp_path))
    assert identity_folder() == tmp_path / "identity"
    monkeypatch.delenv("FACEDOUBLE_CONFIG")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert identity_folder() == tmp_path / "facedouble" / "identity"


@pytest.mark.parametrize("lacks", ["chain.pem", "key.pem"])
def test_a_damaged_one_is_told_with_what_to_do(lacks: str, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    own_identity(folder)
    (folder / lacks).write_text("nothing")
    with pytest.raises(AssetError, match="remove the folder"):
        own_identity(folder)
    (folder / lacks).unlink()
    with pytest.raises(AssetError, match="remove the folder"):
        known_identity(folder)


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AssetError, match="FACEDOUBLE_CONFIG"):
        own_identity(tmp_path / "file" / "identity")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "es256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "es384"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "es512"),
        (ed25519.Ed25519PrivateKey.generate, "ed25519"),
        (lambda: rsa.generate_private_key(65537, 2048), "ps256"),
    ],
    ids=["P-256", "P-384", "P-521", "Ed25519", "RSA"],
)
def test_a_certificate_of_ones_own(
    key: Callable[[], Key],
    algorithm: str,
    office: Office,
    picture: Callable[[str], Path],
    credentials: Credentials,
) -> None:
    mine = load_identity(*office.give(key()))
    assert (mine.algorithm, mine.name) == (algorithm, "Anna's studio")
    path = picture("a.png")
    path.write_bytes(Marker(credentials, mine).image(path.read_bytes(), path.name))
    [found] = verify(path)
    assert found.state is State.UNKNOWN_SIGNER
    assert found.signer == "Anna's studio"
    (office.folder / "root.pem").write_bytes(office.root.public_bytes(PEM))
    [found] = verify(path, trusted=[office.folder / "root.pem"])
    assert found.state is State.INTACT
    assert not found.own
    assert Verifier(mine).verify(path).own


def test_a_key_of_another_certificate(office: Office, tmp_path: Path) -> None:
    chain, key = office.give(ec.generate_private_key(ec.SECP256R1()))
    old = chain.read_bytes()
    office.give(ec.generate_private_key(ec.SECP256R1()))
    chain.write_bytes(old)
    with pytest.raises(InputError, match=r"key\.pem is not the key of the first certificate") as caught:
        load_identity(chain, key)
    assert "\n" not in str(caught.value)


def test_a_chain_in_the_wrong_order(office: Office) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, place = office.give(key)
    other = ec.generate_private_key(ec.SECP256R1())
    stranger = office._sign(name("Stranger"), other).public_bytes(PEM)
    chain.write_bytes(chain.read_bytes().replace(office.root.public_bytes(PEM), stranger))
    with pytest.raises(InputError, match="not in order"):
        load_identity(chain, place)


def test_a_certificate_that_is_over(office: Office) -> None:
    with pytest.raises(InputError, match="not valid now"):
        load_identity(*office.give(ec.generate_private_key(ec.SECP256R1()), ends=-1))


def test_a_key_with_a_password(office: Office) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, place = office.give(key)
    secret = serialization.BestAvailableEncryption(b"secret")
    place.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, secret))
    with pytest.raises(InputError, match="has a password; remove it"):
        load_identity(chain, place)


def test_files_that_are_something_else(office: Office, tmp_path: Path) -> None:
    chain, place = office.give(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(InputError, match="not a certificate chain"):
        load_identity(place, place)
    with pytest.raises(InputError, match="not a private key"):
        load_identity(chain, chain)
    with pytest.raises(InputError, match="cannot be read"):
        load_identity(tmp_path / "none.pem", place)


@pytest.mark.parametrize("curve", [ec.SECP256K1(), None])
def test_keys_that_c2pa_does_not_know(curve: ec.EllipticCurve | None, office: Office) -> None:
    chain, place = office.give(ec.generate_private_key(ec.SECP256R1()))
    if curve is None:
        key: dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey = dsa.generate_private_key(1024)
        expected = "this kind of key"
    else:
        key, expected = ec.generate_private_key(curve), "curve"
        chain, _ = office.give(key)
    place.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with pytest.raises(InputError, match=expected):
        load_identity(chain, place)


def test_a_certificate_that_signs_itself(office: Office) -> None:
    with pytest.raises(InputError, match="self-signed"):
        load_identity(*office.give(ec.generate_private_key(ec.SECP256R1()), self_signed=True))


@pytest.mark.parametrize("usage", [[], [ExtendedKeyUsageOID.SERVER_AUTH]], ids=["none", "another"])
def test_a_certificate_that_is_not_for_this_is_told_before_any_work(
    usage: list[x509.ObjectIdentifier], office: Office, credentials: Credentials
) -> None:
    mine = load_identity(*office.give(ec.generate_private_key(ec.SECP256R1()), usage=usage))
    with pytest.raises(InputError, match="Anna's studio cannot sign content credentials") as caught:
        Marker(credentials, mine)
    assert "\n" not in str(caught.value)
