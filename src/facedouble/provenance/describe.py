"""Verdicts in plain English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from facedouble.provenance.verify import State, Verdict

_AIGC = {"1": "synthetic", "2": "perhaps synthetic", "3": "suspected of being synthetic"}  # GB 45438-2025
_MAX_NAMED = 10  # files of a folder that are listed by name


def describe(verdict: Verdict) -> list[str]:
    """Lines about one file: the verdict first, then what its marks claim."""
    return [_printable(line) for line in _describe(verdict)]


def _describe(verdict: Verdict) -> list[str]:
    name = verdict.path.name
    if verdict.state is State.UNMARKED:
        elsewhere = [
            f"They may be on the network, but nothing is fetched: {text}." for text in verdict.problems
        ]
        first = f"{name}: unmarked; it carries no content credentials."
        return [first, *elsewhere, *_labels(verdict, bound=False)]
    if verdict.state is State.CHANGED:
        return [
            f"{name}: CHANGED since it was marked; do not rely on what its marks say.",
            f"What does not match: {'; '.join(verdict.problems)}.",
        ]
    if verdict.synthetic:
        first = f"{name}: marked as synthetic, and not changed since."
    else:
        first = f"{name}: carries credentials that do not say it is synthetic, and was not changed since."
    return [first, *_history(verdict), *_signed(verdict), *_labels(verdict, bound=True)]


def summarise(folder: Path, verdicts: Sequence[Verdict]) -> list[str]:
    """Lines about the files of a folder: counts, the files that fail, and one that passes."""
    counts = Counter(verdict.state for verdict in verdicts)
    states = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    lines = [f"{folder}: {len(verdicts)} files: {states}."]
    bad = [verdict for verdict in verdicts if not verdict.state.is_intact]
    lines += [f"{verdict.path.name}: {verdict.state.value}" for verdict in bad[:_MAX_NAMED]]
    if len(bad) > _MAX_NAMED:
        lines.append(f"and {len(bad) - _MAX_NAMED} more")
    good = next((verdict for verdict in verdicts if verdict.state.is_intact), None)
    if good is not None:
        lines += describe(good)
    return lines


def _history(verdict: Verdict) -> list[str]:
    """The edit, its source, and the consent on record."""
    lines = []
    if verdict.action:
        time = _time(verdict.time)
        clock = f" on {time} (by the signer's clock)" if time else ""
        lines.append(f"{verdict.program or 'Some program'}{clock}: {verdict.action}.")
    if verdict.parameters:
        lines.append(f"With {', '.join(f'{key} {value}' for key, value in verdict.parameters.items())}.")
    if verdict.source_sha256:
        lines.append(f"Made from {verdict.source_name}, SHA-256 {verdict.source_sha256}.")
        if verdict.consent_sha256:
            lines.append(f"The performer's release has SHA-256 {verdict.consent_sha256}.")
        else:
            lines.append("No release of the performer is named.")
    if verdict.ancestors:
        lines.append(f"It includes the credentials of what it was made from ({verdict.ancestors}).")
    if verdict.sidecar is not None:
        lines.append(f"The credentials are in {verdict.sidecar.name}.")
    return lines


def _signed(verdict: Verdict) -> list[str]:
    signer = verdict.signer or "someone without a name"
    if verdict.own:
        return [f"Signed by {signer}, this user's own certificate."]
    if verdict.state is State.INTACT:
        return [f"Signed by {signer}, whose certificate is trusted here."]
    return [
        f"Signed by {signer}; no certificate trusted here vouches for that signer "
        f"({'; '.join(verdict.problems)})."
    ]


def _labels(verdict: Verdict, *, bound: bool) -> list[str]:
    found = []
    if verdict.labels.source_type:
        term = verdict.labels.source_type.rsplit("/", 1)[-1]
        found.append(f"IPTC digital source type {term}")
    if verdict.labels.aigc:
        aigc = verdict.labels.aigc
        producer, number = aigc.get("ContentProducer") or "nobody", aigc.get("ProduceID") or "none"
        label = _AIGC.get(aigc["Label"], f"of no known value ({aigc['Label']})")
        found.append(f"AIGC label {label}, by {producer}, number {number}")
    if not found:
        return ["It has none of the plain labels (IPTC, AIGC)."] if not bound else []
    listed = f"Plain labels: {'; '.join(found)}."
    return [listed if bound else f"{listed} Nothing binds them to the file: anyone can write or change them."]


def _printable(line: str) -> str:
    """The line without control characters: much of it comes from strangers' files."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)


def _time(when: str | None) -> str | None:
    try:
        time = datetime.fromisoformat(when) if when else None
    except ValueError:
        return when
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
