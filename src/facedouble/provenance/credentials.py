"""What content credentials say: the manifest of the C2PA specification, from values of ours.

Sections of the specification 2.x: "Actions" (an edit begins with ``c2pa.opened`` of its parent;
``c2pa.edited`` carries the digital source type and the program), "Ingredient" (the source, by name and
hash, as ``parentOf``), and labels of one's own for what it has no word for (``ASSERTION`` below).
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
from facedouble.provenance.labels import AIGC, SOURCE_TYPE, aigc_label

PROGRAM = "facedouble"
ASSERTION = "org.facedouble.double"
WHAT_WAS_DONE = "a person's face was replaced by a trained model"

# Labels by which actions name ingredients within a manifest.
SOURCE, EARLIER = "source", "earlier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is to be known of a result. Hashes are SHA-256 in hexadecimal.

    ``source`` is the clip itself, if credentials that it carries are to be carried on. ``consent_sha256``
    is the hash of a release signed by the performer; only the hash is written. ``parameters`` are
    details, such as the model's name and iteration. ``producer`` and ``identifier`` go into the AIGC
    label. Raises ``SettingsError`` for a producer that the label cannot hold.
    """

    source_name: str
    source_sha256: str
    source: Path | None = None
    consent_sha256: str | None = None
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    producer: str = PROGRAM
    version: str = __version__
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        aigc_label(self.producer, self.identifier)  # says so now and not after hours of converting

    def aigc(self, frame: str | None = None) -> str:
        """The AIGC label's text; of one image of many, with a number of its own made of its name."""
        number = self.identifier
        if frame is not None:
            number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.identifier}/{frame}"))
        return aigc_label(self.producer, number)

    def tags(self) -> dict[str, str]:
        """Tags for a container that cannot be changed once it is written: Matroska and WebM."""
        return {AIGC: self.aigc(), "DIGITAL_SOURCE_TYPE": SOURCE_TYPE}


def consent_hash(path: Path) -> str:
    """SHA-256 of the performer's release. Raises ``InputError`` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: the release cannot be read ({error.strerror})") from error


def manifest(credentials: Credentials, name: str, format: str, *, again: bool, known: bool) -> dict[str, Any]:
    """The definition of a manifest for the file ``name`` of media type ``format``.

    ``again``: the file carried credentials, which are added as its parent, ``EARLIER``; the source
    then is what went into it. ``known``: the source is added with its own credentials.
    """
    parent, used = (EARLIER, [SOURCE]) if again else (SOURCE, [])
    edited: dict[str, Any] = {
        "action": "c2pa.edited",
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": {"name": PROGRAM, "version": credentials.version},
        "description": WHAT_WAS_DONE,
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
        "claim_generator_info": [{"name": PROGRAM, "version": credentials.version}],
        "title": name,
        "format": format,
        "ingredients": [] if known else [source_ingredient(credentials, parent=not again)],
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
            {"label": ASSERTION, "kind": "Json", "data": details},
        ],
    }


def source_ingredient(credentials: Credentials, *, parent: bool) -> dict[str, Any]:
    """The source as an ingredient, known by its hash."""
    return {
        "title": credentials.source_name,
        "relationship": "parentOf" if parent else "inputTo",
        "label": SOURCE,
        "instance_id": f"sha256:{credentials.source_sha256}",
        "description": f"the source, SHA-256 {credentials.source_sha256}",
    }
