"""Signing files with content credentials, through the library ``c2pa``.

Nothing is fetched from or sent to the network: no time stamp authority is asked, so the time in the
credentials is the maker's own word.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from facedouble.errors import InputError, OutputError
from facedouble.provenance.credentials import EARLIER, SOURCE, Credentials, manifest, source_ingredient
from facedouble.provenance.identity import SigningIdentity
from facedouble.provenance.streams import Nowhere

# Formats that hold their credentials, by suffix.
EMBEDDED = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
# Those that cannot: credentials lie beside them, in a file of the same name that ends in .c2pa
# (C2PA specification, "External Manifests"; the name is the one that c2patool looks for).
BESIDE = {".mkv": "video/x-matroska", ".webm": "video/webm", ".exr": "image/x-exr"}
SIDECAR = ".c2pa"

OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}

# From here on clips are hashed in pieces (a Merkle tree, C2PA's "BMFF-Based Hash"), and copied by way of
# a temporary file: the library would otherwise hold all of the clip in memory, twice.
_LARGE = 64 << 20  # bytes
_PIECE = 1024  # KiB

_UNTRUSTED = "signingCredential.untrusted"
_EARLIER_STORE = "earlier.c2pa"


class Seal:
    """Signs any number of files as one identity, with the same credentials.

    Raises ``InputError`` when the identity's certificate is not one that C2PA can be signed with.
    """

    def __init__(self, credentials: Credentials, identity: SigningIdentity) -> None:
        self._credentials = credentials
        self._signer = _signer(identity)
        self._contexts = {large: _context(large=large) for large in (False, True)}
        self._try(identity)
        self._source = self._carried()

    def image(self, data: bytes, name: str, original: bytes) -> bytes:
        """``data``, a whole image file called ``name``, with credentials.

        ``original`` is the file before our labels: credentials that it carries become those of the
        parent. Raises ``InputError`` when it is damaged or of a kind that cannot hold credentials.
        """
        format = EMBEDDED.get(Path(name).suffix.lower())
        if format is None:
            raise InputError(f"{name}: this kind of image cannot hold content credentials; write .png")
        earlier = None
        if b"jumb" in original:  # the box of every manifest (ISO 19566-5); to look closer costs more
            earlier = io.BytesIO(original)
        out = io.BytesIO()
        try:
            self._sign(name, format, io.BytesIO(data), out, earlier)
        except c2pa.C2paError as error:
            raise InputError(f"{name}: cannot be given content credentials ({plain(error)})") from error
        return out.getvalue()

    def clip(self, name: str, source: BinaryIO | io.RawIOBase, target: BinaryIO, original: BinaryIO) -> None:
        """Copy ``source`` to ``target`` (open for reading and writing) with credentials.

        ``original`` is the file before our labels. Raises ``OutputError``.
        """
        format = EMBEDDED[Path(name).suffix.lower()]
        try:
            self._sign(name, format, source, target, original)
        except c2pa.C2paError as error:
            raise OutputError(
                f"{name}: cannot be given content credentials ({plain(error)}); there must be room for it "
                "twice, beside it and in the folder for temporary files"
            ) from error

    def sidecar(self, path: Path, name: str, earlier: bytes | None = None) -> bytes:
        """Credentials for the file at ``path`` called ``name``, to be kept beside it; ``earlier`` are
        those it had.

        Raises ``InputError`` when it cannot be read.
        """
        try:
            with path.open("rb") as file:
                return self._beside(file, name, earlier)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except c2pa.C2paError as error:
            raise InputError(f"{path}: cannot be given content credentials ({plain(error)})") from error

    def beside(self, data: bytes, name: str) -> bytes:
        """Credentials for the image file ``data`` called ``name``, to be kept beside it.

        Raises ``InputError`` when it is damaged.
        """
        try:
            return self._beside(io.BytesIO(data), name, None)
        except c2pa.C2paError as error:
            raise InputError(f"{name}: cannot be given content credentials ({plain(error)})") from error

    def _beside(self, file: BinaryIO, name: str, earlier: bytes | None) -> bytes:
        format = BESIDE[Path(name).suffix.lower()]
        parent = None if earlier is None else _parent(name, format, file, earlier)
        definition = self._manifest(name, format, again=parent is not None)
        if parent is not None:
            definition["ingredients"].append(parent)
        context = self._contexts[file.seek(0, os.SEEK_END) >= _LARGE]
        with c2pa.Builder(definition, context=context) as builder:
            if earlier is not None and parent is not None:
                builder.add_resource(_EARLIER_STORE, io.BytesIO(earlier))
            else:
                self._add_source(builder)
            builder.set_no_embed()
            file.seek(0)
            # The library copies a file also where only its signature is wanted.
            return bytes(builder.sign(self._signer, format, file, Nowhere()))

    def _sign(
        self,
        name: str,
        format: str,
        source: BinaryIO | io.RawIOBase,
        target: BinaryIO,
        original: BinaryIO | None,
    ) -> None:
        context = self._contexts[source.seek(0, os.SEEK_END) >= _LARGE]
        again = original is not None and _carries(format, original)
        with c2pa.Builder(self._manifest(name, format, again=again), context=context) as builder:
            if original is not None and again:
                original.seek(0)
                parent = {"title": name, "relationship": "parentOf", "label": EARLIER}
                builder.add_ingredient_from_stream(json.dumps(parent), format, original)
            else:
                self._add_source(builder)
            source.seek(0)
            builder.sign(self._signer, format, source, target)

    def _manifest(self, name: str, format: str, *, again: bool) -> dict[str, Any]:
        # There can be only one parent, and of a file marked before it is that file. Its credentials
        # have those of the source.
        known = self._source is not None and not again
        return manifest(self._credentials, name, format, again=again, known=known)

    def _add_source(self, builder: Any) -> None:
        if self._source is not None:
            builder.add_ingredient_from_archive(io.BytesIO(self._source))

    def _carried(self) -> bytes | None:
        """The source with the credentials it carries, as an archive; ``None`` when it carries none."""
        source = self._credentials.source
        format = None if source is None else EMBEDDED.get(source.suffix.lower())
        if source is None or format is None or not source.is_file():
            return None
        try:
            with source.open("rb") as file:
                if not _carries(format, file):
                    return None
                file.seek(0)
                empty = manifest(self._credentials, source.name, format, again=False, known=True)
                with c2pa.Builder(empty, context=self._contexts[True]) as builder:
                    ingredient = source_ingredient(self._credentials, parent=True)
                    builder.add_ingredient_from_stream(json.dumps(ingredient), format, file)
                    archive = io.BytesIO()
                    builder.write_ingredient_archive(SOURCE, archive)
                    return archive.getvalue()
        except OSError as error:
            raise InputError(f"{source}: cannot be read ({error.strerror})") from error
        except c2pa.C2paError as error:
            raise InputError(f"{source}: its content credentials cannot be read ({plain(error)})") from error

    def _try(self, identity: SigningIdentity) -> None:
        """Sign a picture of one pixel and look whether others will take the signature."""
        out = io.BytesIO()
        definition = manifest(self._credentials, "trial.png", "image/png", again=False, known=False)
        try:
            with c2pa.Builder(definition, context=self._contexts[False]) as builder:
                builder.sign(self._signer, "image/png", io.BytesIO(_pixel()), out)
            reader = c2pa.Reader("image/png", out, context=self._contexts[False])
            failures = reader.get_validation_results()["activeManifest"]["failure"]
        except c2pa.C2paError as error:
            raise _unfit(identity, plain(error)) from error
        for failure in failures:
            if failure["code"] != _UNTRUSTED:
                raise _unfit(identity, failure.get("explanation", failure["code"]))


def plain(error: Exception) -> str:
    """The text of an error of the library, as one line without its class."""
    text = " ".join(str(error).split())
    kind, _, rest = text.partition(": ")
    return rest if rest and kind.isalnum() else text or type(error).__name__


def _unfit(identity: SigningIdentity, reason: str) -> InputError:
    return InputError(
        f"the certificate of {identity.name} cannot sign content credentials ({reason}); it needs the key "
        "usage digitalSignature and the extended key usage emailProtection or documentSigning"
    )


def _signer(identity: SigningIdentity) -> Any:
    try:
        return c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                alg=identity.algorithm.encode(),
                sign_cert=identity.chain,
                private_key=identity.key,
                ta_url=None,
            )
        )
    except c2pa.C2paError as error:
        raise _unfit(identity, plain(error)) from error


def _context(*, large: bool) -> Any:
    settings: dict[str, Any] = {
        "verify": {"verify_after_sign": False, **OFFLINE},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if large:
        settings["core"] = {
            "merkle_tree_chunk_size_in_kb": _PIECE,
            "backing_store_memory_threshold_in_mb": _LARGE >> 20,
        }
    return c2pa.Context.from_dict(settings)


def _carries(format: str, file: BinaryIO) -> bool:
    """Whether a file carries credentials that can be read."""
    file.seek(0)
    try:
        return c2pa.Reader.try_create(format, file) is not None
    except c2pa.C2paError:
        return False


def _parent(name: str, format: str, file: BinaryIO, earlier: bytes) -> dict[str, Any] | None:
    """The ingredient for a file whose credentials lay beside it; ``None`` when they were not its own."""
    file.seek(0)
    try:
        reader = c2pa.Reader(format, file, earlier)
        found = json.loads(reader.json())
    except c2pa.C2paError:
        return None
    if found.get("validation_state") == "Invalid":
        return None
    return {
        "title": name,
        "format": format,
        "relationship": "parentOf",
        "label": EARLIER,
        "active_manifest": found["active_manifest"],
        "validation_results": found["validation_results"],
        "manifest_data": {"format": "application/c2pa", "identifier": _EARLIER_STORE},
    }


def _pixel() -> bytes:
    """The smallest PNG."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(2))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
