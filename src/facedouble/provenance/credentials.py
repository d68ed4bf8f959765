"""The C2PA manifest of a result, built from a few values of ours.

Sections of the specification 2.x: "Actions" (an edit begins with ``c2pa.opened`` of its parent;
``c2pa.edited`` carries the digital source type and the program), "Ingredient" (the source, by name and
hash, as ``parentOf``), and custom assertions for everything else (``ASSERTION_LABEL`` below).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facedouble._version import __version__
from facedouble.errors import InputError
from facedouble.provenance.xmp import AIGC, DIGITAL_SOURCE_TYPE, aigc_label

GENERATOR = "facedouble"
ASSERTION_LABEL = "org.facedouble.double"
EDIT_DESCRIPTION = "a person's face was replaced by a trained model"

# Labels by which actions name ingredients within a manifest.
SOURCE, PREVIOUS = "source", "earlier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a result's manifest records. Hashes are SHA-256 in hexadecimal.

    ``source`` is the source file itself; give it to keep the credentials that it carries.
    ``consent_sha256`` is the hash of a release signed by the performer; only the hash is written.
    ``parameters`` are details such as the model's name and iteration. ``producer`` and ``identifier`` go
    into the AIGC label. Raises ``SettingsError`` for a producer that the label cannot hold.
    """

    source_name: str
    source_sha256: str
    source: Path | None = None
    consent_sha256: str | None = None
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    producer: str = GENERATOR
    version: str = __version__
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        aigc_label(self.producer, self.identifier)  # fail now, not after hours of conversion

    def aigc(self, frame: str | None = None) -> str:
        """The text of the AIGC label. Each image of a folder (``frame`` is its name) gets its own number."""
        number = self.identifier
        if frame is not None:
            number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.identifier}/{frame}"))
        return aigc_label(self.producer, number)

    def tags(self) -> dict[str, str]:
        """Tags for containers that cannot be labelled after they are written: Matroska and WebM."""
        return {AIGC: self.aigc(), "DIGITAL_SOURCE_TYPE": DIGITAL_SOURCE_TYPE}


def consent_hash(path: Path) -> str:
    """SHA-256 of the performer's release. Raises ``InputError`` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: the release cannot be read ({error.strerror})") from error


def manifest(
    credentials: Credentials, name: str, format: str, *, marked_before: bool, source_has_credentials: bool
) -> dict[str, Any]:
    """The definition of a manifest for the file ``name`` of media type ``format``.

    ``marked_before``: the file already carries credentials. They become the parent ingredient
    ``PREVIOUS``, and the source becomes an input. ``source_has_credentials``: the caller adds the source
    as an ingredient with its own credentials, so it is not listed here.
    """
    parent, used = (PREVIOUS, [SOURCE]) if marked_before else (SOURCE, [])
    edited: dict[str, Any] = {
        "action": "c2pa.edited",
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": {"name": GENERATOR, "version": credentials.version},
        "description": EDIT_DESCRIPTION,
    }
    if used:
        edited["parameters"] = {"ingredientIds": used}
    details: dict[str, Any] = {
        "source": {"name": credentials.source_name, "sha256": credentials.source_sha256},
        "parameters": dict(credentials.parameters),
    }
    if credentials.consent_sha256 is not None:
        details["consent"] = {"sha256": credentials.consent_sha256}
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": credentials.version}],
        "title": name,
        "format": format,
        "ingredients": []
        if source_has_credentials
        else [source_ingredient(credentials, parent=not marked_before)],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {"action": "c2pa.opened", "parameters": {"ingredientIds": [parent]}},
                        edited,
                    ]
                },
            },
            {"label": ASSERTION_LABEL, "kind": "Json", "data": details},
        ],
    }


def source_ingredient(credentials: Credentials, *, parent: bool) -> dict[str, Any]:
    """The source as an ingredient, identified by its hash."""
    return {
        "title": credentials.source_name,
        "relationship": "parentOf" if parent else "inputTo",
        "label": SOURCE,
        "instance_id": f"sha256:{credentials.source_sha256}",
        "description": f"the source, SHA-256 {credentials.source_sha256}",
    }
