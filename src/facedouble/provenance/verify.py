"""Verification: what a file's marks say, who says it, and whether the file changed since it was signed.

The states are those of the C2PA specification, "Validation": a manifest is well-formed, then valid (its
hashes match the file), then trusted (the verifier trusts its signer). The plain labels are read too; only
valid credentials bind them to the file. Statements are those of the active manifest alone
(:mod:`.statements`).

Two places of a file are outside every signature. Boxes ``free`` and ``skip`` of MP4 and MOV files are left
out of the hash by the list of exclusions that C2PA's signers write (specification, "BMFF-Based Hash"), since
ISO 14496-12, 8.1.2 has players ignore them: one that is added later changes nothing that plays, and the file
stays intact. And the box that holds the credentials cannot be covered by itself: a length in its head that
exceeds its place is no JUMBF (ISO 19566-5), and the file counts as changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from facedouble.errors import InputError
from facedouble.files import open_regular, read_regular
from facedouble.provenance.c2pa_library import (
    C2paError,
    NotSupported,
    error_text,
    offline_context,
    open_reader,
)
from facedouble.provenance.carried import Carried, Store, jumbf_length, read_at
from facedouble.provenance.contents import MAX_PARTS, contents_of
from facedouble.provenance.media_types import MEDIA_TYPES, SIDECAR_SUFFIX, SIDECAR_TYPES
from facedouble.provenance.signing_identity import MAX_PEM, SigningIdentity, known_identity
from facedouble.provenance.statements import Statements, signer_of, statements_of
from facedouble.provenance.xmp import AIGC, Labels, read_aigc, read_packet, read_provenance
from facedouble.video.libav import open_clip

# An untrusted signer or an expired certificate: neither means that the file was changed.
_SIGNER_FAILURES = {
    "signingCredential.untrusted",
    "signingCredential.expired",
    "claimSignature.outsideValidity",
}

_MAX_STORE = 1 << 26
"""Bytes of credentials; a manifest has some 20,000, and each of what it was made from as many."""

_MAX_IMAGE = {"image/jpeg": 1 << 28}
"""Bytes of an image with credentials, which the library reads into memory, a JPEG several times over."""
_MAX_OTHER_IMAGE = 1 << 30
_SEARCHED = 1 << 24  # bytes at either end of a damaged file


class State(Enum):
    """The result of verifying a file."""

    INTACT = "intact"
    UNKNOWN_SIGNER = "not changed since an unknown signer signed it"
    CHANGED = "changed"
    UNMARKED = "unmarked"
    UNREADABLE = "cannot be read"

    @property
    def is_unchanged(self) -> bool:
        return self in (State.INTACT, State.UNKNOWN_SIGNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a file's marks say, and who says it.

    ``statements`` are those of the signer: facts only as far as that one is believed. They are missing unless
    ``state`` is ``INTACT`` (the signer's key is known here) or ``UNKNOWN_SIGNER``. ``signer`` is the name in
    the certificate; ``own``: signed with this user's key. ``problems`` says what failed.
    """

    path: Path
    state: State
    sidecar: Path | None = None
    statements: Statements = field(default_factory=Statements)
    signer: str | None = None
    own: bool = False
    problems: tuple[str, ...] = ()
    labels: Labels = field(default_factory=Labels)


class Verifier:
    """Verifies any number of files.

    ``own`` is this user's identity; ``trusted`` are certificates (PEM) of other signers, or of those who
    certified them. A signer is known by the key: names in certificates count for nothing.
    """

    def __init__(self, own: SigningIdentity | None = None, trusted: Sequence[bytes] = ()) -> None:
        self._own = None if own is None else _trusting([own.root])
        self._others = _trusting(trusted)

    def verify(self, path: Path) -> Verdict:
        """Verify one file. Raises ``InputError`` when it cannot be read or its format carries no marks."""
        kind = MEDIA_TYPES.get(path.suffix.lower())
        if kind is None:
            raise InputError(f"{path}: not a clip or image format that carries marks")
        try:
            with open_regular(path, follow=True) as file:
                return self._verify(file, path, kind)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error

    def _verify(self, file: BinaryIO, path: Path, kind: str) -> Verdict:
        try:
            found = contents_of(file, kind, path)
        except InputError as error:
            if not _mentions(file, b"c2pa"):
                raise
            problem = f"its credentials cannot be found ({str(error).removeprefix(f'{path}: ')})"
            return Verdict(path=path, state=State.CHANGED, problems=(problem,))
        if found.store is not None:
            _check_size(file, path, kind, found)
            verdict = self._judged(file, path, kind, found.store.fits, None)
            return (
                replace(verdict, labels=_labels(path, kind, found)) if verdict.state.is_unchanged else verdict
            )
        sidecar = path.with_suffix(SIDECAR_SUFFIX)
        labels = _labels(path, kind, found)
        if sidecar.exists():
            manifest = read_regular(sidecar, _MAX_STORE, follow=True)
            fits = Store(jumbf_length(manifest[:16], len(manifest)), len(manifest)).fits
            verdict = replace(self._judged(file, path, kind, fits, manifest), sidecar=sidecar)
            if verdict.state.is_unchanged:
                return replace(verdict, labels=labels)
            if kind in SIDECAR_TYPES.values():
                return verdict
            # Otherwise it belongs to a Matroska clip of the same name.
        if found.damaged:
            if _mentions(file, b"c2pa"):
                return Verdict(path=path, state=State.CHANGED, problems=("it is cut off or damaged",))
            raise InputError(f"{path}: damaged, or not what its name says")
        elsewhere = read_provenance(found.xmp) if found.xmp else None
        problems = () if elsewhere is None else (elsewhere,)
        return Verdict(path=path, state=State.UNMARKED, problems=problems, labels=labels)

    def _judged(self, file: BinaryIO, path: Path, kind: str, fits: bool, manifest: bytes | None) -> Verdict:
        """The verdict on credentials, without labels."""
        if not fits:
            problem = "the length that its credentials state does not fit their place"
            return Verdict(path=path, state=State.CHANGED, problems=(problem,))
        try:
            report, own = self._report(file, kind, manifest)
        except C2paError as error:
            problem = f"its credentials cannot be read ({error_text(error)})"
            return Verdict(path=path, state=State.CHANGED, problems=(problem,))
        if report is None:
            return Verdict(path=path, state=State.CHANGED, problems=("its credentials cannot be found",))
        state, problems = _judge(report)
        return Verdict(
            path=path,
            state=state,
            statements=statements_of(report) if state.is_unchanged else Statements(),
            signer=signer_of(report),
            own=own and state is State.INTACT,
            problems=problems,
        )

    def _report(
        self, file: BinaryIO, kind: str, manifest: bytes | None
    ) -> tuple[dict[str, Any] | None, bool]:
        """The library's report on a file, and whether it is judged by this user's key."""
        if self._own is not None:
            report = _read(file, kind, self._own, manifest)
            if report is None or _judge(report)[0] is not State.UNKNOWN_SIGNER:
                return report, True
        return _read(file, kind, self._others, manifest), False


def verify(path: Path, *, trusted: Sequence[Path] = ()) -> list[Verdict]:
    """Verify a clip or an image, or every one in a folder.

    ``trusted`` are files of certificates (PEM) to trust besides this user's own. Raises ``InputError``
    when there is nothing to verify or it cannot be read (in a folder, such a file is ``UNREADABLE``),
    ``AssetError`` when this user's own certificate is damaged.
    """
    verifier = Verifier(known_identity(), [_certificates(file) for file in trusted])
    if not path.is_dir():
        return [verifier.verify(path)]
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in MEDIA_TYPES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not files:
        raise InputError(f"{path}: there is no clip or image in it")
    return [_verdict_in_folder(verifier, file) for file in files]


def _verdict_in_folder(verifier: Verifier, path: Path) -> Verdict:
    try:
        return verifier.verify(path)
    except InputError as error:
        problem = str(error).removeprefix(f"{path}: ")
        return Verdict(path=path, state=State.UNREADABLE, problems=(problem,))


def _trusting(roots: Sequence[bytes]) -> Any:
    """The library set up to trust the holders of these certificates (PEM), and who they certified."""
    try:
        return offline_context({"trust": {"user_anchors": b"\n".join(roots).decode()}} if roots else {})
    except C2paError as error:
        raise InputError(f"the certificates to trust cannot be used ({error_text(error)})") from error


def _read(file: BinaryIO, kind: str, context: Any, manifest: bytes | None) -> dict[str, Any] | None:
    try:
        reader = open_reader(kind, file, context, manifest)
    except NotSupported:
        return None  # this format embeds nothing
    return None if reader is None else dict(json.loads(reader.json()))


def _check_size(file: BinaryIO, path: Path, kind: str, found: Carried) -> None:
    """Raise ``InputError`` for what would take hours, or all memory, to check."""
    size = file.seek(0, 2)
    limit = _MAX_IMAGE.get(kind, _MAX_OTHER_IMAGE)
    if kind.startswith("image/") and size > limit:
        raise InputError(f"{path}: too large to be checked ({size:,} bytes; at most {limit:,} for its kind)")
    if found.parts > MAX_PARTS:
        raise InputError(f"{path}: too many parts to be checked ({found.parts:,}; at most {MAX_PARTS:,})")
    if found.store is not None and found.store.room > _MAX_STORE:
        raise InputError(f"{path}: its credentials are too large to be checked ({found.store.room:,} bytes)")


def _certificates(path: Path) -> bytes:
    try:
        data = read_regular(path, MAX_PEM, follow=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise InputError(f"{path}: not certificates in PEM form") from error
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found)


def _labels(path: Path, kind: str, found: Carried) -> Labels:
    """The plain labels of a file; what is damaged in them is left out."""
    xmp = read_packet(found.xmp) if found.xmp else Labels()
    if kind in SIDECAR_TYPES.values() and kind.startswith("video/"):
        return _matroska_labels(path)
    return Labels(xmp.source_type, (read_aigc(found.aigc) if found.aigc else None) or xmp.aigc)


def _matroska_labels(path: Path) -> Labels:
    try:
        with open_clip(path) as container:
            tags = {key.upper(): value for key, value in container.metadata.items()}
    except InputError:
        return Labels()
    aigc = tags.get(AIGC)
    return Labels(tags.get("DIGITAL_SOURCE_TYPE"), read_aigc(aigc) if aigc else None)


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


def _mentions(file: BinaryIO, pattern: bytes) -> bool:
    """Whether a file contains ``pattern`` near its start or its end."""
    size = file.seek(0, 2)
    places = {0, max(0, size - _SEARCHED)}
    return any(pattern in read_at(file, place, _SEARCHED) for place in places)
