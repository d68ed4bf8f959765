"""Who may talk to the studio: the browser of the person who started it, and nobody else.

The key lies in a file that this user alone can read. A browser exchanges it, once, for a cookie;
then the file gets another key. Every request is checked for the address it was sent to (a foreign name in
``Host`` is DNS rebinding) and for the page that sent it (``Origin``); every change needs a token that only a
page of this origin can have read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from facedouble.assets import config_folder
from facedouble.errors import OutputError

_MOST_SESSIONS = 32  # browsers at a time; the one unused for longest has to come in again

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: HTTP status and a line for a person."""

    status: int
    reason: str


class KeyFile:
    """The file with the studio's address and its key, mode 0600, in the user's configuration folder.

    Raises ``OutputError`` where it cannot be written.
    """

    def __init__(self, project: Path, address: str) -> None:
        self.path = _key_path(project)
        self._address = address
        self.key = ""
        self.renew()

    @property
    def link(self) -> str:
        """The address that lets a browser in. What follows # is never sent, so no log has the key."""
        return f"{self._address}/#key={self.key}"

    def page(self) -> Path:
        """A file that leads a browser to the link, so that no list of processes shows the key."""
        path = self.path.with_suffix(".html")
        text = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={self.link}">'
        _write_private(path, text)
        return path

    def renew(self) -> None:
        """Replace the key: the old one opens nothing any more."""
        self.key = secrets.token_urlsafe(32)
        self.path.with_suffix(".html").unlink(missing_ok=True)
        content = {"address": self._address, "key": self.key, "pid": os.getpid()}
        _write_private(self.path, json.dumps(content))

    def remove(self) -> None:
        """Nothing is served any more."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".html").unlink(missing_ok=True)


class Access:
    """Checks requests to the studio at ``address`` (``http://127.0.0.1:8700``)."""

    def __init__(self, address: str, key: KeyFile) -> None:
        self._origin = address.encode()
        self._host = address.partition("://")[2].encode()
        self._key = key
        self.secure = address.startswith("https:")
        port = address.rpartition(":")[2] if address.count(":") > 1 else "443"
        self.cookie = f"{'__Host-' if self.secure else ''}facedouble-studio-{port}"
        self._tokens: OrderedDict[str, str] = OrderedDict()  # by hash of the cookie

    def enter(self, key: str) -> str | None:
        """The cookie of a new session for whoever has the key; ``None`` for another key."""
        if not hmac.compare_digest(key.encode("utf-8", "replace"), self._key.key.encode()):
            return None
        self._key.renew()
        return self.new_session()

    def new_session(self) -> str:
        """The cookie of a new session, for somebody who may come in."""
        session = secrets.token_urlsafe(32)
        self._tokens[_hashed(session)] = secrets.token_urlsafe(32)
        while len(self._tokens) > _MOST_SESSIONS:
            self._tokens.popitem(last=False)
        return session

    def token(self, session: str | None) -> str | None:
        """The token that changes need in this session; ``None`` for a session that is unknown."""
        found = None if session is None else self._tokens.get(_hashed(session))
        if found is not None and session is not None:
            self._tokens.move_to_end(_hashed(session))
        return found

    def refusal_of_sender(self, headers: Headers) -> Refusal | None:
        """Why a request is refused whatever it asks for; ``None`` for one that was sent to the studio's
        address, by no other page than its own."""
        if _all(headers, b"host") != [self._host]:
            return Refusal(421, f"this studio answers at {self._origin.decode()} alone")
        if any(origin != self._origin for origin in _all(headers, b"origin")):
            return Refusal(403, "sent by a page of another origin")
        return None

    def refusal_of_call(
        self, method: str, headers: Headers, session: str | None, *, public: bool
    ) -> Refusal | None:
        """Why a call of the interface is refused; ``public`` ones need no session."""
        if any(site not in (b"same-origin", b"none") for site in _all(headers, b"sec-fetch-site")):
            return Refusal(403, "sent by a page of another origin")
        changes = method not in ("GET", "HEAD")
        if changes and not _all(headers, b"origin"):
            return Refusal(403, "a change must come from a page of the studio")
        if changes and _all(headers, b"content-type") != [b"application/json"]:
            return Refusal(415, "what is sent must be JSON")
        if public:
            return None
        token = self.token(session)
        if token is None:
            return Refusal(401, "not signed in")
        given = _all(headers, b"x-studio-token")
        if changes and not (len(given) == 1 and hmac.compare_digest(given[0], token.encode())):
            return Refusal(403, "the page is out of date; reload it")
        return None


def _all(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def _hashed(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "replace")).hexdigest()


def running_studio(project: Path) -> str | None:
    """The link of a studio that serves ``project`` already, as its key file has it; ``None`` if none does."""
    try:
        content = json.loads(_key_path(project).read_bytes())
        address, key, pid = str(content["address"]), str(content["key"]), int(content["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return f"{address}/#key={key}"


def _write_private(path: Path, text: str) -> None:
    """Write a file that this user alone can read. Raises ``OutputError``."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:  # of mode 0600
            draft.write(text)
        Path(draft.name).replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _key_path(project: Path) -> Path:
    name = hashlib.sha256(str(project).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return config_folder() / "studio" / f"{name}.json"
