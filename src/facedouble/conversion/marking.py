"""Marking the output as synthetic: credentials, tags and comment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from facedouble._version import __version__
from facedouble.errors import InputError
from facedouble.files import path_text
from facedouble.provenance.contents import contents_of
from facedouble.provenance.credentials import Credentials, consent_hash
from facedouble.provenance.marker import Marker, sidecar_of
from facedouble.provenance.media_types import EMBEDDED_TYPES, SIDECAR_TYPES
from facedouble.provenance.signing_identity import load_identity, own_identity
from facedouble.settings.convert import ConvertSettings, Unmarked
from facedouble.stores import StoredPath
from facedouble.video.hashing import source_hash
from facedouble.video.sequences import holds_images, source_files
from facedouble.video.sinks import Marking

COMMENT = f"synthetic media: a face in this file was replaced by facedouble {__version__}"


def make_marking(
    settings: ConvertSettings,
    source: Path,
    output: Path,
    parameters: Mapping[str, str | int | float | bool] | None = None,
) -> Marking | None:
    """The marking of ``output``, made from ``source``; ``None`` if the settings turn it off.

    Raises ``InputError`` for an unusable certificate, key or release, and ``OutputError`` if the credentials
    cannot be stored, before any work is done.
    """
    marking = settings.marking
    if isinstance(marking, Unmarked):
        return None
    signer = marking.signer
    identity = own_identity() if signer is None else load_identity(signer.certificate, signer.key)
    credentials = Credentials(
        source_name=path_text(source.name),
        source_sha256=source_hash(source),
        source=None if isinstance(source, StoredPath) or not source.is_file() else source,
        consent_sha256=consent_hash(marking.consent) if marking.consent else None,
        parameters=parameters or {},
    )
    beside = output.suffix.lower() in SIDECAR_TYPES
    if beside:
        sidecar_of(output)
    marker = Marker(credentials, identity)
    return Marking(
        COMMENT,
        credentials.tags() if beside else {},
        marker.image,
        marker.image_sidecar,
        marker.clip,
        marker.remark or _of_folder(source) or _of_stored(source),
    )


def _of_stored(source: Path) -> str | None:
    """What is said of a clip that is read in parts only: its own credentials bind the whole of it."""
    if not isinstance(source, StoredPath):
        return None
    return f"{source.name}: content credentials of a clip in an object store are not carried over"


def _of_folder(source: Path) -> str | None:
    """What is said of a folder of images of which some carry credentials: each result names the folder."""
    if not holds_images(source):
        return None
    marked = 0
    for file in source_files(source):
        kind = EMBEDDED_TYPES.get(file.suffix.lower())
        try:
            with file.open("rb") as opened:
                marked += kind is not None and contents_of(opened, kind, file).store is not None
        except (OSError, InputError):
            continue  # whoever reads its pixels says so
    if not marked:
        return None
    return f"{source.name}: the content credentials of {marked} of its images are not carried over"
