"""Signing files with content credentials, through the library ``c2pa``.

Nothing goes over the network (:mod:`.c2pa_library`). No time stamp authority is asked, so the time in the
credentials is the signer's own claim.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from facedouble.errors import InputError, OutputError
from facedouble.files import path_text
from facedouble.provenance.c2pa_library import (
    C2paError,
    error_text,
    make_builder,
    make_signer,
    offline_context,
    open_reader,
)
from facedouble.provenance.contents import MAX_PARTS, contents_of
from facedouble.provenance.credentials import PREVIOUS, SOURCE, Credentials, manifest, source_ingredient
from facedouble.provenance.media_types import EMBEDDED_TYPES, SIDECAR_SUFFIX, SIDECAR_TYPES
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.provenance.splicing import NullWriter

# Larger clips are hashed in chunks (a Merkle tree, C2PA's "BMFF-Based Hash") and copied through a temporary
# file; otherwise the library would hold the whole clip in memory, twice.
_LARGE = 64 << 20  # bytes
_PIECE = 1024  # KiB

_UNTRUSTED = "signingCredential.untrusted"
_PREVIOUS_STORE = "earlier.c2pa"


class ManifestSigner:
    """Signs any number of files with one identity and one set of credentials.

    Raises ``InputError`` when C2PA does not accept the identity's certificate.
    """

    def __init__(self, credentials: Credentials, identity: SigningIdentity) -> None:
        self._credentials = credentials
        self._signer = _signer(identity)
        self._contexts = {large: _context(large=large) for large in (False, True)}
        self._check(identity)
        self.remark: str | None = None
        """What is said of the source's own credentials where they cannot be carried over, in one line."""
        self._source = self._source_archive()

    def image(self, data: bytes, name: str, original: bytes) -> bytes:
        """The bytes of the image file ``name``, with credentials embedded.

        ``original`` is the file without our labels; credentials that it carries become the parent's.
        Raises ``InputError`` when the file is damaged or its format cannot hold credentials.
        """
        format = EMBEDDED_TYPES.get(Path(name).suffix.lower())
        if format is None:
            raise InputError(f"{name}: this kind of image cannot hold content credentials; write .png")
        embedded = None
        if b"jumb" in original:  # every manifest lies in such a box (ISO 19566-5); parsing costs more
            embedded = io.BytesIO(original)
        out = io.BytesIO()
        try:
            self._sign(name, format, io.BytesIO(data), out, embedded)
        except C2paError as error:
            raise InputError(f"{name}: cannot be given content credentials ({error_text(error)})") from error
        return out.getvalue()

    def clip(self, name: str, source: BinaryIO | io.RawIOBase, target: BinaryIO, original: BinaryIO) -> None:
        """Copy ``source`` to ``target`` (open for reading and writing) with credentials.

        ``original`` is the file without our labels. Raises ``OutputError``.
        """
        format = EMBEDDED_TYPES[Path(name).suffix.lower()]
        try:
            self._sign(name, format, source, target, original)
        except C2paError as error:
            raise OutputError(
                f"{name}: cannot be given content credentials ({error_text(error)}); it needs free space "
                "for two copies, one beside it and one in the folder for temporary files"
            ) from error

    def clip_sidecar(self, path: Path, name: str, previous: bytes | None = None) -> bytes:
        """The sidecar for the file at ``path``, to be published as ``name``; ``previous`` is the sidecar
        that it had.

        Raises ``InputError`` when the file cannot be read.
        """
        try:
            with path.open("rb") as file:
                return self._sidecar(file, name, previous)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except C2paError as error:
            raise InputError(f"{path}: cannot be given content credentials ({error_text(error)})") from error

    def image_sidecar(self, data: bytes, name: str) -> bytes:
        """The sidecar for the image file ``name`` with the bytes ``data``.

        Raises ``InputError`` when the image is damaged.
        """
        try:
            return self._sidecar(io.BytesIO(data), name, None)
        except C2paError as error:
            raise InputError(f"{name}: cannot be given content credentials ({error_text(error)})") from error

    def _sidecar(self, file: BinaryIO, name: str, previous: bytes | None) -> bytes:
        format = SIDECAR_TYPES[Path(name).suffix.lower()]
        parent = None if previous is None else self._parent(name, format, file, previous)
        definition = self._manifest(name, format, marked_before=parent is not None)
        if parent is not None:
            definition["ingredients"].append(parent)
        context = self._contexts[file.seek(0, os.SEEK_END) >= _LARGE]
        with make_builder(definition, context) as builder:
            if previous is not None and parent is not None:
                builder.add_resource(_PREVIOUS_STORE, io.BytesIO(previous))
            else:
                self._add_source(builder)
            builder.set_no_embed()
            file.seek(0)
            # The library copies the file even when only the manifest is wanted.
            return bytes(builder.sign(self._signer, format, file, NullWriter()))

    def _sign(
        self,
        name: str,
        format: str,
        source: BinaryIO | io.RawIOBase,
        target: BinaryIO,
        original: BinaryIO | None,
    ) -> None:
        context = self._contexts[source.seek(0, os.SEEK_END) >= _LARGE]
        marked_before = original is not None and self._unreadable(format, original) is None
        definition = self._manifest(name, format, marked_before=marked_before)
        with make_builder(definition, context) as builder:
            if original is not None and marked_before:
                original.seek(0)
                parent = {"title": name, "relationship": "parentOf", "label": PREVIOUS}
                builder.add_ingredient_from_stream(json.dumps(parent), format, original)
            else:
                self._add_source(builder)
            source.seek(0)
            builder.sign(self._signer, format, source, target)

    def _manifest(self, name: str, format: str, *, marked_before: bool) -> dict[str, Any]:
        # A manifest has one parent. For a file marked before, that is the file itself, whose credentials
        # already include the source's.
        embedded = self._source is not None and not marked_before
        return manifest(
            self._credentials, name, format, marked_before=marked_before, source_has_credentials=embedded
        )

    def _add_source(self, builder: Any) -> None:
        if self._source is not None:
            builder.add_ingredient_from_archive(io.BytesIO(self._source))

    def _source_archive(self) -> bytes | None:
        """The source and its credentials as an ingredient archive; ``None`` if it carries none."""
        source = self._credentials.source
        if source is None or not source.is_file():
            return None
        if source.suffix.lower() in SIDECAR_TYPES and source.with_suffix(SIDECAR_SUFFIX).exists():
            self.remark = _not_carried(source, f"they lie in {source.with_suffix(SIDECAR_SUFFIX).name}")
        format = EMBEDDED_TYPES.get(source.suffix.lower())
        if format is None:
            return None
        try:
            with source.open("rb") as file:
                if (reason := self._unreadable(format, file)) is not None:
                    self.remark = _not_carried(source, reason) if reason else None
                    return None
                file.seek(0)
                empty = manifest(
                    self._credentials,
                    path_text(source.name),
                    format,
                    marked_before=False,
                    source_has_credentials=True,
                )
                with make_builder(empty, self._contexts[True]) as builder:
                    ingredient = source_ingredient(self._credentials, parent=True)
                    builder.add_ingredient_from_stream(json.dumps(ingredient), format, file)
                    archive = io.BytesIO()
                    builder.write_ingredient_archive(SOURCE, archive)
                    return archive.getvalue()
        except OSError as error:
            raise InputError(f"{source}: cannot be read ({error.strerror})") from error
        except C2paError as error:
            raise InputError(
                f"{source}: its content credentials cannot be read ({error_text(error)})"
            ) from error

    def _unreadable(self, format: str, file: BinaryIO) -> str | None:
        """Why the credentials of a file cannot be read; empty if it has none, ``None`` if they can."""
        try:
            found = contents_of(file, format)
        except InputError:
            return ""  # not of the kind that its name says; whoever reads its pictures finds out
        if found.store is None:
            return ""
        if found.parts > MAX_PARTS:
            return f"the file has {found.parts:,} parts, and they are looked for in {MAX_PARTS:,}"
        try:
            there = open_reader(format, file, self._contexts[True]) is not None
        except C2paError as error:
            return f"they cannot be read: {error_text(error)}"
        return None if there else "they cannot be read"

    def _parent(self, name: str, format: str, file: BinaryIO, previous: bytes) -> dict[str, Any] | None:
        """The ingredient for a file with a sidecar; ``None`` when the sidecar belongs to another file."""
        try:
            reader = open_reader(format, file, self._contexts[True], previous)
            found = {} if reader is None else json.loads(reader.json())
        except C2paError:
            return None
        if found.get("validation_state", "Invalid") == "Invalid":
            return None
        return {
            "title": name,
            "format": format,
            "relationship": "parentOf",
            "label": PREVIOUS,
            "active_manifest": found["active_manifest"],
            "validation_results": found["validation_results"],
            "manifest_data": {"format": "application/c2pa", "identifier": _PREVIOUS_STORE},
        }

    def _check(self, identity: SigningIdentity) -> None:
        """Sign an image of one pixel and validate it, so that an unfit certificate fails at once."""
        out = io.BytesIO()
        definition = manifest(
            self._credentials, "trial.png", "image/png", marked_before=False, source_has_credentials=False
        )
        try:
            with make_builder(definition, self._contexts[False]) as builder:
                builder.sign(self._signer, "image/png", io.BytesIO(_pixel()), out)
            reader = open_reader("image/png", out, self._contexts[False])
            if reader is None:
                raise _unfit(identity, "they cannot be read back")
            failures = reader.get_validation_results()["activeManifest"]["failure"]
        except C2paError as error:
            raise _unfit(identity, error_text(error)) from error
        for failure in failures:
            if failure["code"] != _UNTRUSTED:
                raise _unfit(identity, failure.get("explanation", failure["code"]))


def _not_carried(source: Path, reason: str) -> str:
    return f"{source.name}: its content credentials are not carried over; {reason}"


def _unfit(identity: SigningIdentity, reason: str) -> InputError:
    return InputError(
        f"the certificate of {identity.name} cannot sign content credentials ({reason}); it needs the key "
        "usage digitalSignature and the extended key usage emailProtection or documentSigning"
    )


def _signer(identity: SigningIdentity) -> Any:
    try:
        return make_signer(identity.algorithm, identity.chain, identity.key)
    except C2paError as error:
        raise _unfit(identity, error_text(error)) from error


def _context(*, large: bool) -> Any:
    settings: dict[str, Any] = {
        "verify": {"verify_after_sign": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if large:
        settings["core"] = {
            "merkle_tree_chunk_size_in_kb": _PIECE,
            "backing_store_memory_threshold_in_mb": _LARGE >> 20,
        }
    return offline_context(settings)


def _pixel() -> bytes:
    """A PNG of one grey pixel."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(2))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
