"""What the active manifest of a file says, as the library ``c2pa`` reports it.

Other manifests in a file are those of what it was made from. Whoever signs a file can put any of them in, so
they vouch for nothing and nothing is taken from them but their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facedouble.provenance.credentials import ASSERTION_LABEL
from facedouble.provenance.xmp import DIGITAL_SOURCE_TYPE

_SYNTHETIC = {DIGITAL_SOURCE_TYPE, DIGITAL_SOURCE_TYPE.rsplit("/", 1)[0] + "/trainedAlgorithmicMedia"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What the signer of a file says about it.

    ``action`` is what was done, at ``time`` by the signer's clock (ISO 8601). Hashes are SHA-256.
    ``synthetic``: a trained model made all or part of it. ``ancestors`` counts the manifests of what it was
    made from, ``synthetic_ancestors`` those among them that say the same.
    """

    action: str | None = None
    synthetic: bool = False
    time: str | None = None
    program: str | None = None
    source_name: str | None = None
    source_sha256: str | None = None
    consent_sha256: str | None = None
    parameters: dict[str, Any] | None = None
    ancestors: int = 0
    synthetic_ancestors: int = 0


def statements_of(found: dict[str, Any]) -> Statements:
    """The statements in the library's report on a file."""
    manifests = found["manifests"]
    active = manifests[found["active_manifest"]]
    others = [manifest for name, manifest in manifests.items() if name != found["active_manifest"]]
    edit = _edit(active)
    ours = _assertion(active, ASSERTION_LABEL) or {}
    parameters = ours.get("parameters")
    return Statements(
        action=_text_at(edit, "description") or _text_at(edit, "action"),
        synthetic=_says_synthetic(active),
        time=_text_at(edit, "when"),
        program=_program(edit.get("softwareAgent")) or _program(active.get("claim_generator_info")),
        source_name=_text_at(ours, "source", "name"),
        source_sha256=_text_at(ours, "source", "sha256"),
        consent_sha256=_text_at(ours, "consent", "sha256"),
        parameters=parameters if isinstance(parameters, dict) else None,
        ancestors=len(others),
        synthetic_ancestors=sum(map(_says_synthetic, others)),
    )


def signer_of(found: dict[str, Any]) -> str | None:
    """The name in the signer's certificate. Anybody can have one made in any name."""
    signature = found["manifests"][found["active_manifest"]].get("signature_info") or {}
    name = signature.get("common_name") or signature.get("issuer")
    return None if name is None else str(name)


def _says_synthetic(manifest: dict[str, Any]) -> bool:
    return any(_source_type(action) in _SYNTHETIC for action in _actions(manifest))


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found = _assertion(manifest, "c2pa.actions.v2") or _assertion(manifest, "c2pa.actions") or {}
    return list(found.get("actions") or ())


def _edit(manifest: dict[str, Any]) -> dict[str, Any]:
    """The most telling action: the first with a source type, else the last."""
    actions = _actions(manifest)
    return next((action for action in actions if _source_type(action)), actions[-1] if actions else {})


def _source_type(action: dict[str, Any]) -> str | None:
    found = action.get("digitalSourceType")
    return str(found).replace("https://", "http://") if found else None


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any] | None:
    for assertion in manifest.get("assertions") or ():
        if assertion.get("label") == label and isinstance(assertion.get("data"), dict):
            return dict(assertion["data"])
    return None


def _program(agent: Any) -> str | None:
    if isinstance(agent, list):
        agent = agent[0] if agent else None
    if isinstance(agent, dict):
        return " ".join(str(agent[key]) for key in ("name", "version") if agent.get(key)) or None
    return str(agent) if agent else None


def _text_at(data: dict[str, Any], *keys: str) -> str | None:
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else str(value)
