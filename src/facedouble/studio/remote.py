"""Serving other machines: only over TLS, and only to who knows a password that the user chose for it."""

from __future__ import annotations

import errno
import hashlib
import hmac
import ipaddress
import os
import ssl
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import InputError, SettingsError
from facedouble.files import read_regular

LEAST_CHARACTERS = 12
"""Of a password."""
_MOST_BYTES = 4096
_FREE = 5  # wrong passwords from one address before it has to wait
_LONGEST_WAIT = 60.0  # seconds
_MOST_ADDRESSES = 1024


@dataclass(frozen=True, slots=True)
class Remote:
    """How other machines reach the studio: at ``host``, over TLS with a certificate and its private key
    (PEM), with a password."""

    host: str
    certificate: Path
    key: Path
    password: str

    @classmethod
    def read(
        cls, host: str, certificate: Path | None, key: Path | None, password_file: Path | None
    ) -> Remote:
        """Raises ``SettingsError`` where something is missing or unsafe, ``InputError`` for files that cannot
        be used."""
        if certificate is None or key is None or password_file is None:
            raise SettingsError(
                f"{host} is reached by other machines: that takes a certificate, its private key, and a file "
                "with a password"
            )
        if _is_wildcard(host):
            raise SettingsError(
                f"{host} is every address; name the one under which others reach this machine"
            )
        _check_certificate(certificate, key)
        return cls(host, certificate, key, _read_password(password_file))


def is_own(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _check_certificate(certificate: Path, key: Path) -> None:
    def no_password() -> str:
        raise InputError(f"{key}: the key is encrypted; decrypt it first")

    for path in (certificate, key):
        if not path.is_file():
            raise InputError(f"{path}: there is no such file")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        text = str(reason).lower().replace("_", " ")
        raise InputError(
            f"{certificate} and {key} are no certificate (PEM) and its private key: {text}"
        ) from error


def _read_password(path: Path) -> str:
    """The first line of a file that nobody else can read."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError(f"{path}: others can read this password; chmod 600 it")
        text = read_regular(path, _MOST_BYTES, follow=True).decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the password is not text") from error
    except OSError as error:
        why = "too long" if error.errno == errno.EFBIG else error.strerror
        raise InputError(f"{path}: the password cannot be read ({why})") from error
    if len(text) < LEAST_CHARACTERS:
        raise InputError(f"{path}: a password for other machines has at least {LEAST_CHARACTERS} characters")
    return text


class PasswordGate:
    """Compares passwords. Who was wrong some times has to wait, longer each time."""

    def __init__(self, password: str) -> None:
        self._digest = _digest(password)
        self._wrong: OrderedDict[str, tuple[int, float]] = (
            OrderedDict()
        )  # by address: how often, and until when

    def wait(self, address: str) -> float:
        """For how many seconds nothing from ``address`` is looked at."""
        return max(0.0, self._wrong.get(address, (0, 0.0))[1] - time.monotonic())

    def opens(self, address: str, password: str) -> bool:
        """Whether ``password`` is right."""
        if hmac.compare_digest(_digest(password), self._digest):
            self._wrong.pop(address, None)
            return True
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        pause = min(_LONGEST_WAIT, 2.0 ** (count - _FREE)) if count >= _FREE else 0.0
        self._wrong[address] = count, time.monotonic() + pause
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        return False


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "replace")).digest()
