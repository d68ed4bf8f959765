"""Marking what a conversion has written: labels first, then the credentials that are bound to all of it."""

from __future__ import annotations

import os
from pathlib import Path

from facedouble.errors import InputError, OutputError
from facedouble.files import write_whole
from facedouble.provenance import mp4
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.identity import SigningIdentity
from facedouble.provenance.labels import xmp_packet
from facedouble.provenance.pictures import read_xmp, with_xmp
from facedouble.provenance.seal import BESIDE, SIDECAR, Seal


class Marker:
    """Marks any number of files with the same credentials.

    Raises ``InputError`` when the identity's certificate cannot sign content credentials.
    """

    def __init__(self, credentials: Credentials, identity: SigningIdentity) -> None:
        self._credentials = credentials
        self._seal = Seal(credentials, identity)

    def image(self, data: bytes, name: str) -> bytes:
        """The image file ``data``, to be called ``name``, marked: for those who write it themselves.

        Raises ``InputError`` when it is damaged or of a kind that cannot be marked.
        """
        try:
            packet = xmp_packet(self._credentials.aigc(name), read_xmp(data))
            labelled = with_xmp(data, packet)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        return self._seal.image(labelled, name, data)

    def beside(self, data: bytes, name: str) -> bytes:
        """Credentials for the image file ``data``, to be called ``name``, which cannot hold them.

        Raises ``InputError`` when it is damaged.
        """
        return self._seal.beside(data, name)

    def clip(self, path: Path, target: Path | None = None) -> Path | None:
        """Mark a clip; it is whole under its name at any time. ``target`` is the name it is about to get,
        where it has another for now. Matroska and WebM clips get their labels when they are written
        (``Credentials.tags``), and their credentials in a file beside them.

        Returns the file beside it, where there is one. Raises ``InputError`` when the clip is damaged,
        ``OutputError`` when it cannot be written.
        """
        if path.suffix.lower() in BESIDE:
            return self._beside(path, target or path)
        self._embedded(path, target or path)
        return None

    def _embedded(self, path: Path, named: Path) -> None:
        draft = path.with_name(path.name + ".new")
        try:
            with path.open("rb") as file, path.open("rb") as original, draft.open("w+b") as target:
                try:
                    labelled = mp4.labelled(file, path, self._credentials.aigc(), xmp_packet)
                    self._seal.clip(named.name, labelled, target, original)
                    target.flush()
                    os.fsync(target.fileno())  # what it replaces may be hours of work
                except BaseException:
                    target.close()
                    draft.unlink()
                    raise
            draft.replace(path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be marked ({error.strerror})") from error

    def _beside(self, path: Path, named: Path) -> Path:
        sidecar = sidecar_of(named)
        try:
            earlier = sidecar.read_bytes() if sidecar.exists() else None
            write_whole(sidecar, self._seal.sidecar(path, named.name, earlier), durable=True)
        except OSError as error:
            raise OutputError(f"{sidecar}: cannot be written ({error.strerror})") from error
        return sidecar


def sidecar_of(path: Path) -> Path:
    """The file for the credentials of a clip that cannot hold them.

    Raises ``OutputError`` when it would be that of two clips.
    """
    sidecar = path.with_suffix(SIDECAR)
    for suffix in BESIDE:
        other = path.with_suffix(suffix)
        if suffix != path.suffix.lower() and other.exists():
            raise OutputError(f"{sidecar} would be for both {path.name} and {other.name}; rename one of them")
    return sidecar
