"""Marking what a conversion has written: labels first, then the credentials that are bound to all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import InputError, OutputError
from facedouble.events import Listener, Progressed, StageFinished, StageStarted, ignore
from facedouble.files import write_whole
from facedouble.provenance import mp4
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.identity import SigningIdentity
from facedouble.provenance.labels import xmp_packet
from facedouble.provenance.pictures import read_xmp, with_xmp
from facedouble.provenance.seal import BESIDE, EMBEDDED, SIDECAR, Seal

_IMAGES = EMBEDDED.keys() - mp4.SUFFIXES
_REPORT_EVERY = 16  # images


@dataclass(frozen=True, slots=True)
class Marked:
    """What was marked. ``sidecar`` is the file beside a clip that cannot hold its credentials."""

    files: int
    sidecar: Path | None = None

    def words(self) -> str:
        """One line for the summary."""
        if self.sidecar is not None:
            return f"marked as synthetic; its content credentials are beside it: {self.sidecar}"
        return "marked as synthetic" if self.files == 1 else f"{self.files} images marked as synthetic"


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

    def file(self, path: Path, target: Path | None = None) -> Path | None:
        """Mark a clip or an image; it is whole under its name at any time. ``target`` is the name it is
        about to get, where it has another for now.

        Returns the file beside it, where that is where its credentials are. Raises ``InputError`` when
        it is damaged or of a kind that cannot be marked, ``OutputError`` when it cannot be written.
        """
        suffix = path.suffix.lower()
        if suffix in mp4.SUFFIXES:
            self._clip(path, target or path)
            return None
        if suffix in BESIDE:
            return self._beside(path, target or path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        marked = self.image(data, path.name)
        try:
            write_whole(path, marked)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        return None

    def _clip(self, path: Path, named: Path) -> None:
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


def mark(
    output: Path,
    credentials: Credentials,
    identity: SigningIdentity,
    *,
    names: Collection[str] | None = None,
    listener: Listener = ignore,
) -> Marked:
    """Mark a clip, an image, or the images in a folder; of those only ``names``, if they are given.

    Matroska and WebM clips get their labels when they are written (``Credentials.tags``), and their
    credentials in a file beside them. Raises ``InputError`` when something is damaged or of a kind that
    cannot be marked, or the identity cannot sign, and ``OutputError`` when it cannot be written.
    """
    marker = Marker(credentials, identity)
    if not output.is_dir():
        return Marked(1, marker.file(output))
    files = sorted(
        file
        for file in output.iterdir()
        if file.suffix.lower() in _IMAGES and (names is None or file.name in names)
    )
    start = time.perf_counter()
    listener(StageStarted("mark", len(files), "images"))
    for number, file in enumerate(files, 1):
        marker.file(file)
        if number % _REPORT_EVERY == 0:
            listener(Progressed("mark", number))
    listener(StageFinished("mark", time.perf_counter() - start, f"{len(files)} images"))
    return Marked(len(files))


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
