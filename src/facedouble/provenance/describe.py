"""Verdicts in plain English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from facedouble.printable import MAX_LINE, printable
from facedouble.provenance.verify import State, Verdict

_AIGC = {"1": "synthetic", "2": "perhaps synthetic", "3": "suspected of being synthetic"}  # GB 45438-2025
_MAX_PART = 60  # characters of a detail
_MAX_NAMED = 10  # files of a folder that are listed by name


def describe(verdict: Verdict) -> list[str]:
    """Lines about one file: the verdict first, then what its marks say."""
    return [printable(line, MAX_LINE) for line in _describe(verdict)]


def _describe(verdict: Verdict) -> list[str]:
    name = printable(verdict.path.name)
    if verdict.state is State.UNREADABLE:
        return [f"{name}: cannot be verified ({'; '.join(verdict.problems)})."]
    if verdict.state is State.UNMARKED:
        elsewhere = [
            f"Its credentials may be on the network, from which nothing is fetched: {printable(address)}."
            for address in verdict.problems
        ]
        first = f"{name}: unmarked; it carries no content credentials."
        return [first, *elsewhere, *_labels(verdict, bound=False)]
    if verdict.state is State.CHANGED:
        return [
            f"{name}: CHANGED since it was marked; do not rely on what its marks say.",
            f"What does not match: {'; '.join(verdict.problems)}.",
        ]
    if verdict.state is State.UNKNOWN_SIGNER:
        return [
            f"{name}: not changed since it was signed, but by a signer whose key is not known here.",
            *_signed(verdict),
            *(f"That signer claims: {line}" for line in (_synthetic(verdict), *_history(verdict))),
            *_ancestors(verdict),
            *_labels(verdict, bound=True),
        ]
    if verdict.statements.synthetic:
        first = f"{name}: marked as synthetic, and not changed since."
    else:
        first = f"{name}: carries credentials that do not say it is synthetic, and was not changed since."
    return [
        first,
        *_history(verdict),
        *_ancestors(verdict),
        *_signed(verdict),
        *_labels(verdict, bound=True),
    ]


def summarise(folder: Path, verdicts: Sequence[Verdict]) -> list[str]:
    """Lines about the files of a folder: counts, the files that fail, and one that passes."""
    counts = Counter(verdict.state for verdict in verdicts)
    states = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    lines = [f"{folder}: {len(verdicts)} files: {states}."]
    bad = [verdict for verdict in verdicts if verdict.state is not State.INTACT]
    lines += [f"{verdict.path.name}: {verdict.state.value}" for verdict in bad[:_MAX_NAMED]]
    if len(bad) > _MAX_NAMED:
        lines.append(f"and {len(bad) - _MAX_NAMED} more")
    good = next((verdict for verdict in verdicts if verdict.state is State.INTACT), None)
    if good is not None:
        lines += describe(good)
    return [printable(line, MAX_LINE) for line in lines]


def _synthetic(verdict: Verdict) -> str:
    said = "" if verdict.statements.synthetic else "not "
    return f"it does {said}say that a trained model made it or a part of it."


def _history(verdict: Verdict) -> list[str]:
    """The edit, its source, and the consent on record."""
    said, lines = verdict.statements, []
    if said.action:
        time = _time(said.time)
        clock = f" on {printable(time)} (by the signer's clock)" if time else ""
        lines.append(f"{printable(said.program or 'Some program')}{clock}: {printable(said.action)}.")
    if said.parameters:
        named = [
            f"{printable(key, _MAX_PART)} {printable(value, _MAX_PART)}"
            for key, value in said.parameters.items()
        ]
        more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
        lines.append(f"With {', '.join(named[:_MAX_NAMED])}{more}.")
    if said.source_sha256:
        lines.append(f"Made from {printable(said.source_name)}, SHA-256 {printable(said.source_sha256)}.")
        if said.consent_sha256:
            lines.append(f"The performer's release has SHA-256 {printable(said.consent_sha256)}.")
        else:
            lines.append("No release of the performer is named.")
    if verdict.sidecar is not None:
        lines.append(f"The credentials are in {printable(verdict.sidecar.name)}.")
    return lines


def _ancestors(verdict: Verdict) -> list[str]:
    """How many credentials of others are inside, and what they claim."""
    said = verdict.statements
    if not said.ancestors:
        return []
    line = (
        f"It includes the credentials of what it was made from ({said.ancestors}), for which nothing vouches"
    )
    if said.synthetic_ancestors:
        line += f"; {said.synthetic_ancestors} of them claim that a trained model made something"
    return [f"{line}."]


def _signed(verdict: Verdict) -> list[str]:
    signer = printable(verdict.signer or "someone without a name")
    if verdict.own:
        return [f"Signed by {signer}, with this user's own key."]
    if verdict.state is State.INTACT:
        return [f"Signed by {signer}, whose certificate is trusted here."]
    return [
        f"It is signed in the name {signer}; anybody can sign in any name, and no certificate trusted here "
        f"vouches for the key ({'; '.join(verdict.problems)})."
    ]


def _labels(verdict: Verdict, *, bound: bool) -> list[str]:
    found = []
    if verdict.labels.source_type:
        term = verdict.labels.source_type.rsplit("/", 1)[-1]
        found.append(f"IPTC digital source type {printable(term)}")
    if verdict.labels.aigc:
        aigc = verdict.labels.aigc
        producer, number = aigc.get("ContentProducer") or "nobody", aigc.get("ProduceID") or "none"
        label = _AIGC.get(aigc["Label"], f"of no known value ({printable(aigc['Label'])})")
        found.append(f"AIGC label {label}, by {printable(producer)}, number {printable(number)}")
    if not found:
        return ["It has none of the plain labels (IPTC, AIGC)."] if not bound else []
    listed = f"Plain labels: {'; '.join(found)}."
    return [listed if bound else f"{listed} Nothing binds them to the file: anyone can write or change them."]


def _time(when: str | None) -> str | None:
    """A time of ISO 8601 in UTC; as it is written where it is none, or before year 1 or after 9999 in UTC."""
    try:
        return (
            None if not when else datetime.fromisoformat(when).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        )
    except (ValueError, OverflowError):
        return when
