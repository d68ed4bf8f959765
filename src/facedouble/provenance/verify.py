"""Verification: what a file's marks claim, and whether the file changed since it was signed.

The states are those of the C2PA specification, "Validation": a manifest is well-formed, then valid
(its hashes match the file), then trusted (the verifier trusts its signer). The plain labels are read too;
only valid credentials bind them to the file.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from facedouble.errors import InputError
from facedouble.provenance import mp4
from facedouble.provenance.credentials import ASSERTION_LABEL
from facedouble.provenance.image_xmp import read_xmp
from facedouble.provenance.signer import EMBEDDED_TYPES, OFFLINE, SIDECAR_SUFFIX, SIDECAR_TYPES, error_text
from facedouble.provenance.signing_identity import SigningIdentity, known_identity
from facedouble.provenance.xmp import AIGC, DIGITAL_SOURCE_TYPE, Labels, read_aigc, read_packet
from facedouble.video.libav import open_clip

MEDIA_TYPES = EMBEDDED_TYPES | SIDECAR_TYPES | {".webp": "image/webp"}

_SYNTHETIC = {DIGITAL_SOURCE_TYPE, DIGITAL_SOURCE_TYPE.rsplit("/", 1)[0] + "/trainedAlgorithmicMedia"}

# An untrusted signer or an expired certificate: neither means that the file was changed.
_SIGNER_FAILURES = {
    "signingCredential.untrusted",
    "signingCredential.expired",
    "claimSignature.outsideValidity",
}


class State(Enum):
    """The result of verifying a file."""

    INTACT = "intact"
    UNKNOWN_SIGNER = "intact, by an unknown signer"
    CHANGED = "changed"
    UNMARKED = "unmarked"

    @property
    def is_intact(self) -> bool:
        return self in (State.INTACT, State.UNKNOWN_SIGNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a file's marks claim. Believe none of it when ``state`` is ``CHANGED``.

    ``action`` is what was done, at ``time`` by the signer's clock (ISO 8601). Hashes are SHA-256.
    ``synthetic``: the credentials say that a trained model made all or part of it. ``own``: signed with
    this user's certificate. ``ancestors`` counts the manifests of what it was made from. ``problems`` says
    what failed.
    """

    path: Path
    state: State
    sidecar: Path | None = None
    action: str | None = None
    synthetic: bool = False
    time: str | None = None
    program: str | None = None
    source_name: str | None = None
    source_sha256: str | None = None
    consent_sha256: str | None = None
    parameters: dict[str, Any] | None = None
    signer: str | None = None
    own: bool = False
    ancestors: int = 0
    problems: tuple[str, ...] = ()
    labels: Labels = field(default_factory=Labels)


class Verifier:
    """Verifies any number of files.

    ``own`` is this user's identity; ``trusted`` are certificates (PEM) of other trusted signers.
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
            raise InputError(f"the certificates to trust cannot be used ({error_text(error)})") from error

    def verify(self, path: Path) -> Verdict:
        """Verify one file. Raises ``InputError`` when it cannot be read or its format carries no marks."""
        kind = MEDIA_TYPES.get(path.suffix.lower())
        if kind is None:
            raise InputError(f"{path}: not a clip or image format that carries marks")
        sidecar = path.with_suffix(SIDECAR_SUFFIX)
        manifest: bytes | None = None
        try:
            with path.open("rb") as file:
                reader = self._read(kind, file, path, None)
                if reader is None and sidecar.is_file():
                    manifest = sidecar.read_bytes()
                    reader = self._read(kind, file, path, manifest)
                    if kind not in SIDECAR_TYPES.values() and not _matches(reader):
                        reader = manifest = None  # it belongs to a Matroska clip of the same name
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except _RemoteManifestError as error:
            return Verdict(path=path, state=State.UNMARKED, problems=(str(error),), labels=_labels(path))
        where = sidecar if manifest is not None else None
        if isinstance(reader, str):
            return Verdict(path=path, state=State.CHANGED, sidecar=where, problems=(reader,))
        labels = _labels(path)
        if reader is None:
            return Verdict(path=path, state=State.UNMARKED, labels=labels)
        return self._verdict(json.loads(reader.json()), path, where, labels)

    def _read(self, kind: str, file: Any, path: Path, manifest: bytes | None) -> Any:
        """The library's reader; ``None`` without credentials; the reason when they cannot be read."""
        file.seek(0)
        try:
            return c2pa.Reader.try_create(kind, file, manifest, self._context)
        except c2pa.C2paError.NotSupported:
            return None  # this format embeds nothing
        except c2pa.C2paError as error:
            if "remote manifest" in str(error):  # the library has no error class for it
                raise _RemoteManifestError(error_text(error)) from error
            if manifest is not None or _mentions(file, b"c2pa"):
                return f"its credentials cannot be read ({error_text(error)})"
            raise InputError(f"{path}: damaged, or not what its name says ({error_text(error)})") from error

    def _verdict(self, found: dict[str, Any], path: Path, sidecar: Path | None, labels: Labels) -> Verdict:
        manifests = found["manifests"]
        active = manifests[found["active_manifest"]]
        state, problems = _judge(found)
        signature = active.get("signature_info") or {}
        signer = signature.get("common_name") or signature.get("issuer")
        edit = _edit(active)
        # A later editor nests our manifest under a new one, which need not repeat our assertion.
        every = [active, *(other for other in manifests.values() if other is not active)]
        ours = next(filter(None, (_assertion(one, ASSERTION_LABEL) for one in every)), {})
        parameters = ours.get("parameters")
        return Verdict(
            path=path,
            state=state,
            sidecar=sidecar,
            action=_text_at(edit, "description") or _text_at(edit, "action"),
            synthetic=any(_source_type(action) in _SYNTHETIC for one in every for action in _actions(one)),
            time=_text_at(edit, "when"),
            program=_program(edit.get("softwareAgent")) or _program(active.get("claim_generator_info")),
            source_name=_text_at(ours, "source", "name"),
            source_sha256=_text_at(ours, "source", "sha256"),
            consent_sha256=_text_at(ours, "consent", "sha256"),
            parameters=parameters if isinstance(parameters, dict) else None,
            signer=signer,
            own=state is State.INTACT and signer is not None and signer == self._own_name,
            ancestors=len(manifests) - 1,
            problems=problems,
            labels=labels,
        )


class _RemoteManifestError(Exception):
    """The credentials are on the network, from which nothing is fetched."""


def verify(path: Path, *, trusted: Sequence[Path] = ()) -> list[Verdict]:
    """Verify a clip or an image, or every one in a folder.

    ``trusted`` are files of certificates (PEM) to trust besides this user's own. Raises ``InputError``
    when there is nothing to verify or it cannot be read, ``AssetError`` when this user's own certificate
    is damaged.
    """
    verifier = Verifier(known_identity(), [_certificates(file) for file in trusted])
    if not path.is_dir():
        return [verifier.verify(path)]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in MEDIA_TYPES)
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
    """The plain labels of a file; empty when it is damaged, which its credentials show."""
    suffix = path.suffix.lower()
    try:
        if suffix in mp4.SUFFIXES:
            with path.open("rb") as file:
                aigc, packet = mp4.read_labels(file, path)
            xmp = read_packet(packet) if packet else Labels()
            return Labels(xmp.source_type, (read_aigc(aigc) if aigc else None) or xmp.aigc)
        if suffix in SIDECAR_TYPES:
            with open_clip(path) as container:
                tags = {key.upper(): value for key, value in container.metadata.items()}
            aigc = tags.get(AIGC)
            return Labels(tags.get("DIGITAL_SOURCE_TYPE"), read_aigc(aigc) if aigc else None)
        packet = read_xmp(path.read_bytes())
        return read_packet(packet) if packet else Labels()
    except InputError:
        return Labels()


def _judge(found: dict[str, Any]) -> tuple[State, tuple[str, ...]]:
    """The state, and the library's explanation of each failure."""
    results = found.get("validation_results") or {}
    serious: list[str] = []
    minor: list[str] = []
    for failure in (results.get("activeManifest") or {}).get("failure") or ():
        kind = minor if failure["code"] in _SIGNER_FAILURES else serious
        kind.append(str(failure.get("explanation") or failure["code"]))
    if not serious and not minor and found.get("validation_state") == "Invalid":
        serious.append("the credentials of what it was made from do not match")
    if serious:
        return State.CHANGED, tuple(serious)
    return (State.UNKNOWN_SIGNER if minor else State.INTACT), tuple(minor)


def _matches(reader: Any) -> bool:
    return not isinstance(reader, str) and _judge(json.loads(reader.json()))[0].is_intact


def _mentions(file: Any, pattern: bytes) -> bool:
    """Whether a file contains ``pattern``."""
    file.seek(0, 2)
    if not file.tell():
        return False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(pattern) >= 0


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found = _assertion(manifest, "c2pa.actions.v2") or _assertion(manifest, "c2pa.actions") or {}
    return list(found.get("actions") or ())


def _edit(manifest: dict[str, Any]) -> dict[str, Any]:
    """The most telling action: the first with a source type, else the last."""
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


def _text_at(data: dict[str, Any], *keys: str) -> str | None:
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else str(value)
