"""Marking results: plain labels first, then credentials whose hashes cover everything."""

from __future__ import annotations

from pathlib import Path

from facedouble.errors import InputError, OutputError
from facedouble.files import draft, path_text, write_whole
from facedouble.provenance import mp4
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.image_xmp import read_xmp, with_xmp
from facedouble.provenance.media_types import SIDECAR_SUFFIX, SIDECAR_TYPES
from facedouble.provenance.signer import ManifestSigner
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.provenance.xmp import xmp_packet


class Marker:
    """Marks any number of files with the same credentials.

    Raises ``InputError`` when the identity's certificate cannot sign content credentials.
    """

    def __init__(self, credentials: Credentials, identity: SigningIdentity) -> None:
        self._credentials = credentials
        self._signer = ManifestSigner(credentials, identity)
        self.remark = self._signer.remark

    def image(self, data: bytes, name: str) -> bytes:
        """The marked bytes of the image file ``name``; the caller writes them.

        Raises ``InputError`` when the image is damaged or its format cannot be marked.
        """
        try:
            packet = xmp_packet(self._credentials.aigc(name), read_xmp(data))
            labelled = with_xmp(data, packet)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        return self._signer.image(labelled, name, data)

    def image_sidecar(self, data: bytes, name: str) -> bytes:
        """The sidecar for the image file ``name``, whose format cannot embed credentials.

        Raises ``InputError`` when the image is damaged.
        """
        return self._signer.image_sidecar(data, name)

    def clip(self, path: Path, target: Path | None = None) -> Path | None:
        """Mark a clip atomically. ``target`` is its final name, if it still has a temporary one. Matroska and
        WebM clips get their labels when they are written (``Credentials.tags``), and a sidecar here.

        Returns the sidecar, if there is one. Raises ``InputError`` when the clip is damaged,
        ``OutputError`` when it cannot be written.
        """
        if path.suffix.lower() in SIDECAR_TYPES:
            return self._write_sidecar(path, target or path)
        self._embed(path, target or path)
        return None

    def _embed(self, path: Path, named: Path) -> None:
        try:
            # Durable, because it replaces what may be hours of work.
            with draft(path, durable=True) as target, path.open("rb") as file, path.open("rb") as original:
                labelled = mp4.labelled(file, path, self._credentials.aigc(), xmp_packet)
                self._signer.clip(path_text(named.name), labelled, target, original)
        except OSError as error:
            raise OutputError(f"{path}: cannot be marked ({error.strerror})") from error

    def _write_sidecar(self, path: Path, named: Path) -> Path:
        sidecar = sidecar_of(named)
        try:
            previous = sidecar.read_bytes() if sidecar.exists() else None
            write_whole(
                sidecar, self._signer.clip_sidecar(path, path_text(named.name), previous), durable=True
            )
        except OSError as error:
            raise OutputError(f"{sidecar}: cannot be written ({error.strerror})") from error
        return sidecar


def sidecar_of(path: Path) -> Path:
    """The sidecar of a clip whose container cannot embed credentials.

    Raises ``OutputError`` when two clips would share it.
    """
    sidecar = path.with_suffix(SIDECAR_SUFFIX)
    for suffix in SIDECAR_TYPES:
        other = path.with_suffix(suffix)
        if suffix != path.suffix.lower() and other.exists():
            raise OutputError(f"{sidecar} would belong to {path.name} and {other.name}; rename one of them")
    return sidecar
