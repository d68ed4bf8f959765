"""The signing identity: a certificate and key made on first use, or the user's own.

The C2PA specification 2.x, "X.509 Certificates", says what a certificate must be: a chain with the signer's
certificate first, key usage for digital signatures, a listed extended key usage, and not self-signed. The
certificate made here proves that a file is unchanged and that several files have one maker. It does not
prove who that is, and verifiers report the signer as unknown.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facedouble.assets import config_folder
from facedouble.errors import AssetError, InputError
from facedouble.files import read_regular

ORGANISATION = "facedouble (self-signed)"
MAX_PEM = 1 << 20
"""Bytes of a file of certificates, or of a key."""
_CHAIN, _KEY = "chain.pem", "key.pem"
_YEARS = 20  # without a third party's time stamp, credentials expire with their certificate
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_PEM = serialization.Encoding.PEM

# Algorithms of the C2PA specification, "Digital Signatures", by the curve of the key.
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}

_Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A certificate chain (PEM, the signer's first), its private key (PEM, PKCS 8) and algorithm.

    ``name`` is whose certificate it is. ``root`` is the chain's last certificate, PEM.
    """

    chain: bytes
    key: bytes
    algorithm: str
    name: str

    def __repr__(self) -> str:  # keeps the key out of logs
        return f"SigningIdentity({self.name!r}, {self.algorithm})"

    @property
    def root(self) -> bytes:
        return x509.load_pem_x509_certificates(self.chain)[-1].public_bytes(_PEM)


def identity_folder() -> Path:
    """Where the certificate made on first use is kept. Not in the cache folder, which people empty."""
    return config_folder() / "identity"


def own_identity(folder: Path | None = None) -> SigningIdentity:
    """The identity in ``folder`` (default: :func:`identity_folder`), created if there is none.

    Raises ``AssetError`` when it cannot be created or stored, is damaged or has expired.
    """
    folder = folder or identity_folder()
    if not folder.exists():
        _store(folder, *_generate())
    remedy = f"remove the folder {folder} to have a new one made"
    try:
        return load_identity(folder / _CHAIN, folder / _KEY)
    except InputError as error:
        raise AssetError(f"the program's own certificate: {error}; {remedy}") from error


def known_identity(folder: Path | None = None) -> SigningIdentity | None:
    """The identity in ``folder`` if there is one. Raises ``AssetError`` when it is damaged."""
    folder = folder or identity_folder()
    return own_identity(folder) if folder.exists() else None


def load_identity(chain: Path, key: Path) -> SigningIdentity:
    """The identity from a certificate chain and a private key in PEM files.

    Raises ``InputError`` when they cannot be read, do not match, or are not valid now. Whether C2PA accepts
    the certificate shows on signing: :class:`.signer.ManifestSigner` checks it first.
    """
    try:
        certificates = x509.load_pem_x509_certificates(_read(chain))
    except ValueError as error:
        raise InputError(f"{chain}: not a certificate chain in PEM form") from error
    private = _private_key(key)
    signer = certificates[0]
    if signer.public_key() != private.public_key():
        raise InputError(f"{key} is not the key of the first certificate in {chain}")
    if signer.issuer == signer.subject:
        raise InputError(
            f"{chain}: the first certificate is self-signed, which C2PA does not allow; it needs an issuer"
        )
    for lower, upper in itertools.pairwise(certificates):
        if lower.issuer != upper.subject:
            raise InputError(
                f"{chain}: the certificates are not in order; the signer's comes first, then its issuer's"
            )
    now = datetime.now(UTC)
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        expiry = signer.not_valid_after_utc.date()
        raise InputError(f"{chain}: the certificate is not valid now (it expires on {expiry})")
    return SigningIdentity(
        chain=b"".join(certificate.public_bytes(_PEM) for certificate in certificates),
        key=private.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        algorithm=_algorithm(private, key),
        name=_name_of(signer),
    )


def _private_key(path: Path) -> _Key:
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise InputError(
            f"{path}: the key has a password; remove it: openssl pkey -in {path.name} -out plain.pem"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: not a private key in PEM form") from error
    if not isinstance(key, _Key):
        raise InputError(f"{path}: C2PA does not sign with this kind of key; use ECDSA, Ed25519 or RSA")
    return key


def _algorithm(key: _Key, path: Path) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if key.curve.name not in _CURVES:
        raise InputError(f"{path}: C2PA does not support the curve {key.curve.name}; use P-256")
    return _CURVES[key.curve.name]


def _name_of(certificate: x509.Certificate) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for found in certificate.subject.get_attributes_for_oid(kind):
            return str(found.value)
    return certificate.subject.rfc4514_string()


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_PEM, follow=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _generate() -> tuple[bytes, bytes]:
    """A new chain and key. The issuer's key is discarded: it never signs again."""
    issuer_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    # Tells signers apart without naming them.
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    tag = hashlib.sha256(point).hexdigest()[:8]
    issuer = _name(f"facedouble {tag} issuer")
    certificates = (
        _certificate(_name(f"facedouble {tag}"), key, issuer, issuer_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([_DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        ),
        _certificate(issuer, issuer_key, issuer, issuer_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True),
    )
    chain = b"".join(
        certificate.sign(issuer_key, hashes.SHA256()).public_bytes(_PEM) for certificate in certificates
    )
    return chain, key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - timedelta(days=1)  # clocks differ
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=round(365.25 * _YEARS)))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _store(folder: Path, chain: bytes, key: bytes) -> None:
    """Create ``folder`` with both files, atomically."""
    draft: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))  # private to this user
        (draft / _CHAIN).write_bytes(chain)
        # Created with its mode, so that others can read it at no time.
        handle = os.open(draft / _KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
        draft.rename(folder)
    except OSError as error:
        if folder.exists():  # another process was faster; use its certificate
            return
        raise AssetError(
            f"{folder}: the certificate for content credentials cannot be stored there ({error.strerror}); "
            "name another folder in the environment variable FACEDOUBLE_CONFIG"
        ) from error
    finally:
        if draft is not None and draft.exists():
            shutil.rmtree(draft)
