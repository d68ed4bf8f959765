"""The library ``c2pa``, set up so that it opens no connection. Its objects are made here and nowhere else.

A file can name an address for its credentials (``dcterms:provenance`` in XMP), for its certificates' status
(OCSP) or for the identity of an author. With its own settings the library fetches such things, whoever wrote
the address. The settings here turn each of them off, and allow no host besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import c2pa

from facedouble.printable import printable

C2paError = c2pa.C2paError
NotSupported = c2pa.C2paError.NotSupported

_OFFLINE: dict[str, dict[str, Any]] = {
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


def offline_context(settings: Mapping[str, Mapping[str, Any]] | None = None) -> Any:
    """A context with these settings of the library's, that never uses the network. Raises ``C2paError``."""
    merged = {name: dict(values) for name, values in (settings or {}).items()}
    for name, values in _OFFLINE.items():
        merged[name] = {**merged.get(name, {}), **values}
    return c2pa.Context.from_dict(merged)


def open_reader(kind: str, file: BinaryIO, context: Any, manifest: bytes | None = None) -> Any | None:
    """A reader of the credentials in ``file`` of media type ``kind``, or of those in ``manifest``.

    ``None`` when there are none. Raises ``C2paError``.
    """
    file.seek(0)
    return c2pa.Reader.try_create(kind, file, manifest, context)


def make_builder(definition: Mapping[str, Any], context: Any) -> Any:
    """A builder of a manifest. Raises ``C2paError``."""
    return c2pa.Builder(dict(definition), context=context)


def make_signer(algorithm: str, chain: bytes, key: bytes) -> Any:
    """A signer that asks no time stamp authority. Raises ``C2paError``."""
    return c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(alg=algorithm.encode(), sign_cert=chain, private_key=key, ta_url=None)
    )


def error_text(error: Exception) -> str:
    """The message of a ``C2paError`` on one line, without its class."""
    text = " ".join(str(error).split())
    kind, _, rest = text.partition(": ")
    return printable(rest if rest and kind.isalnum() else text or type(error).__name__, 300)
