"""Reading marks back: what a file says of itself, and whether it was changed since.

The states are those of the C2PA specification, "Validation": a manifest is well-formed, then valid
(its hashes fit the file), then trusted (its signer is on the list of whoever asks). The labels beside
the credentials are read too; they are bound to nothing unless the credentials are.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import av
import av.error
import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from facedouble.errors import InputError
from facedouble.provenance import mp4
from facedouble.provenance.credentials import ASSERTION
from facedouble.provenance.identity import SigningIdentity, known_identity
from facedouble.provenance.labels import AIGC, SOURCE_TYPE, Labels, read_aigc, read_packet
from facedouble.provenance.pictures import read_xmp
from facedouble.provenance.seal import BESIDE, EMBEDDED, OFFLINE, SIDECAR, plain

KINDS = EMBEDDED | BESIDE | {".webp": "image/webp"}

_SYNTHETIC = {SOURCE_TYPE, SOURCE_TYPE.rsplit("/", 1)[0] + "/trainedAlgorithmicMedia"}

# A signer that nobody here vouches for, or whose certificate is over: neither changes the file.
_ABOUT_THE_SIGNER = {
    "signingCredential.untrusted",
    "signingCredential.expired",
    "claimSignature.outsideValidity",
}


class State(Enum):
    """What came of looking at a file."""

    INTACT = "intact"
    UNKNOWN_SIGNER = "intact, by an unknown signer"
    CHANGED = "changed"
    UNMARKED = "unmarked"

    @property
    def good(self) -> bool:
        return self in (State.INTACT, State.UNKNOWN_SIGNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a file says of itself. Nothing of it is to be believed of one that was changed.

    ``done`` is what was done, ``when`` by its maker's clock (ISO 8601). Hashes are SHA-256. ``synthetic``:
    its credentials say that a trained model made it, or part of it. ``own``: signed by this user's
    certificate. ``earlier`` counts the credentials of what it was made from. ``problems`` say what does
    not fit.
    """

    path: Path
    state: State
    sidecar: Path | None = None
    done: str | None = None
    synthetic: bool = False
    when: str | None = None
    program: str | None = None
    source_name: str | None = None
    source_sha256: str | None = None
    consent_sha256: str | None = None
    parameters: dict[str, Any] | None = None
    signer: str | None = None
    own: bool = False
    earlier: int = 0
    problems: tuple[str, ...] = ()
    labels: Labels = field(default_factory=Labels)


class Verifier:
    """Looks at any number of files.

    ``own`` is this user's identity, ``trusted`` are certificates (PEM) of others whose signatures count.
    """

    def __init__(self, own: SigningIdentity | None = None, trusted: Sequence[bytes] = ()) -> None:
        self._own_name = None if own is None else own.name
        roots = [*trusted, *(() if own is None else (own.root,))]
        settings: dict[str, Any] = {"verify": dict(OFFLINE)}
        if roots:
            settings["trust"] = {"user_anchors": b"\n".join(roots).decode()}
        try:
            self._context = c2pa.Context.from_dict(settings)
        except c2pa.C2paError as error:
            raise InputError(f"the certificates to trust cannot be used ({plain(error)})") from error

    def verify(self, path: Path) -> Verdict:
        """Look at one file. Raises ``InputError`` when it cannot be read or is of another kind."""
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            raise InputError(f"{path}: not a kind of clip or image that carries marks")
        sidecar = path.with_suffix(SIDECAR)
        beside: bytes | None = None
        try:
            with path.open("rb") as file:
                reader = self._read(kind, file, path, None)
                if reader is None and sidecar.is_file():
                    beside = sidecar.read_bytes()
                    reader = self._read(kind, file, path, beside)
                    if kind not in BESIDE.values() and not _fits(reader):
                        reader = beside = None  # that of a Matroska clip of the same name
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except _ElsewhereError as error:
            return Verdict(path=path, state=State.UNMARKED, problems=(str(error),), labels=_labels(path))
        where = sidecar if beside is not None else None
        if isinstance(reader, str):
            return Verdict(path=path, state=State.CHANGED, sidecar=where, problems=(reader,))
        labels = _labels(path)
        if reader is None:
            return Verdict(path=path, state=State.UNMARKED, labels=labels)
        return self._verdict(json.loads(reader.json()), path, where, labels)

    def _read(self, kind: str, file: Any, path: Path, manifest: bytes | None) -> Any:
        """The library's reader, ``None`` without credentials, a text when they cannot be read."""
        file.seek(0)
        try:
            return c2pa.Reader.try_create(kind, file, manifest, self._context)
        except c2pa.C2paError.NotSupported:
            return None  # nothing can lie in such a file
        except c2pa.C2paError as error:
            if "remote manifest" in str(error):  # the library has no kind of its own for it
                raise _ElsewhereError(plain(error)) from error
            if manifest is not None or _mentions(file, b"c2pa"):
                return f"its credentials cannot be read ({plain(error)})"
            raise InputError(f"{path}: damaged, or not what its name says ({plain(error)})") from error

    def _verdict(self, found: dict[str, Any], path: Path, sidecar: Path | None, labels: Labels) -> Verdict:
        manifests = found["manifests"]
        active = manifests[found["active_manifest"]]
        state, problems = _judge(found)
        signature = active.get("signature_info") or {}
        signer = signature.get("common_name") or signature.get("issuer")
        edit = _edit(active)
        # Whoever edits a marked file carries its manifest on under a new one, and may not repeat it.
        every = [active, *(other for other in manifests.values() if other is not active)]
        ours = next(filter(None, (_assertion(one, ASSERTION) for one in every)), {})
        parameters = ours.get("parameters")
        return Verdict(
            path=path,
            state=state,
            sidecar=sidecar,
            done=_inner(edit, "description") or _inner(edit, "action"),
            synthetic=any(_source_type(action) in _SYNTHETIC for one in every for action in _actions(one)),
            when=_inner(edit, "when"),
            program=_program(edit.get("softwareAgent")) or _program(active.get("claim_generator_info")),
            source_name=_inner(ours, "source", "name"),
            source_sha256=_inner(ours, "source", "sha256"),
            consent_sha256=_inner(ours, "consent", "sha256"),
            parameters=parameters if isinstance(parameters, dict) else None,
            signer=signer,
            own=state is State.INTACT and signer is not None and signer == self._own_name,
            earlier=len(manifests) - 1,
            problems=problems,
            labels=labels,
        )


class _ElsewhereError(Exception):
    """The credentials of a file lie on the network, where nothing is fetched from."""


def verify(path: Path, *, trusted: Sequence[Path] = ()) -> list[Verdict]:
    """Look at a clip or an image, or at every one in a folder.

    ``trusted`` are files of certificates (PEM) whose signatures count, besides this user's own. Raises
    ``InputError`` when there is nothing to look at or it cannot be read, ``AssetError`` when this user's
    own certificate is damaged.
    """
    verifier = Verifier(known_identity(), [_certificates(file) for file in trusted])
    if not path.is_dir():
        return [verifier.verify(path)]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in KINDS)
    if not files:
        raise InputError(f"{path}: there is no clip or image in it")
    return [verifier.verify(file) for file in files]


def _certificates(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise InputError(f"{path}: not certificates in PEM form") from error
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found)


def _labels(path: Path) -> Labels:
    """The plain labels of a file; none where it is damaged, which its credentials tell of."""
    suffix = path.suffix.lower()
    try:
        if suffix in mp4.SUFFIXES:
            with path.open("rb") as file:
                aigc, packet = mp4.read_labels(file, path)
            xmp = read_packet(packet) if packet else Labels()
            return Labels(xmp.source_type, (read_aigc(aigc) if aigc else None) or xmp.aigc)
        if suffix in BESIDE:
            with av.open(f"file:{path}", metadata_errors="replace") as container:
                tags = {key.upper(): value for key, value in container.metadata.items()}
            aigc = tags.get(AIGC)
            return Labels(tags.get("DIGITAL_SOURCE_TYPE"), read_aigc(aigc) if aigc else None)
        packet = read_xmp(path.read_bytes())
        return read_packet(packet) if packet else Labels()
    except (InputError, av.error.FFmpegError):
        return Labels()


def _judge(found: dict[str, Any]) -> tuple[State, tuple[str, ...]]:
    """The state by what the library found wrong, and that in its words."""
    results = found.get("validation_results") or {}
    serious: list[str] = []
    minor: list[str] = []
    for failure in (results.get("activeManifest") or {}).get("failure") or ():
        kind = minor if failure["code"] in _ABOUT_THE_SIGNER else serious
        kind.append(str(failure.get("explanation") or failure["code"]))
    if not serious and not minor and found.get("validation_state") == "Invalid":
        serious.append("the credentials of what it was made from do not fit")
    if serious:
        return State.CHANGED, tuple(serious)
    return (State.UNKNOWN_SIGNER if minor else State.INTACT), tuple(minor)


def _fits(reader: Any) -> bool:
    return not isinstance(reader, str) and _judge(json.loads(reader.json()))[0].good


def _mentions(file: Any, word: bytes) -> bool:
    """Whether ``word`` is anywhere in a file."""
    file.seek(0, 2)
    if not file.tell():
        return False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(word) >= 0


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found = _assertion(manifest, "c2pa.actions.v2") or _assertion(manifest, "c2pa.actions") or {}
    return list(found.get("actions") or ())


def _edit(manifest: dict[str, Any]) -> dict[str, Any]:
    """The action that says most: one with a source type, else the last."""
    actions = _actions(manifest)
    return next((action for action in actions if _source_type(action)), actions[-1] if actions else {})


def _source_type(action: dict[str, Any]) -> str | None:
    found = action.get("digitalSourceType")
    return str(found).replace("https://", "http://") if found else None


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any] | None:
    for assertion in manifest.get("assertions") or ():
        if assertion.get("label") == label and isinstance(assertion.get("data"), dict):
            return dict(assertion["data"])
    return None


def _program(agent: Any) -> str | None:
    if isinstance(agent, list):
        agent = agent[0] if agent else None
    if isinstance(agent, dict):
        return " ".join(str(agent[key]) for key in ("name", "version") if agent.get(key)) or None
    return str(agent) if agent else None


def _inner(data: dict[str, Any], *keys: str) -> str | None:
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else str(value)
