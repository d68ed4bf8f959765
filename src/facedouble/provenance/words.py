"""Verdicts in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from facedouble.provenance.verify import State, Verdict

_AIGC = {"1": "synthetic", "2": "perhaps synthetic", "3": "suspected of being synthetic"}  # GB 45438-2025
_NAMED = 10  # files of a folder that are named one by one


def sentences(verdict: Verdict) -> list[str]:
    """What to say of one file: the verdict first, then what it says of itself."""
    return [_printable(line) for line in _sentences(verdict)]


def _sentences(verdict: Verdict) -> list[str]:
    name = verdict.path.name
    if verdict.state is State.UNMARKED:
        elsewhere = [f"They may be elsewhere, but nothing is fetched: {text}." for text in verdict.problems]
        first = f"{name}: unmarked, it carries no content credentials."
        return [first, *elsewhere, *_labels(verdict, bound=False)]
    if verdict.state is State.CHANGED:
        return [
            f"{name}: CHANGED since it was marked; what it says of itself is not to be relied on.",
            f"What does not fit: {'; '.join(verdict.problems)}.",
        ]
    if verdict.synthetic:
        first = f"{name}: marked as synthetic, and not changed since."
    else:
        first = f"{name}: carries credentials that do not say it is synthetic, and was not changed since."
    return [first, *_told(verdict), *_signed(verdict), *_labels(verdict, bound=True)]


def summary(folder: Path, verdicts: Sequence[Verdict]) -> list[str]:
    """What to say of the files in a folder: counts, those that are not well, and one that is."""
    counts = Counter(verdict.state for verdict in verdicts)
    told = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    lines = [f"{folder}: {len(verdicts)} files: {told}."]
    bad = [verdict for verdict in verdicts if not verdict.state.good]
    lines += [f"{verdict.path.name}: {verdict.state.value}" for verdict in bad[:_NAMED]]
    if len(bad) > _NAMED:
        lines.append(f"and {len(bad) - _NAMED} more")
    good = next((verdict for verdict in verdicts if verdict.state.good), None)
    if good is not None:
        lines += sentences(good)
    return lines


def _told(verdict: Verdict) -> list[str]:
    """What was done, to what, and who agreed to it."""
    lines = []
    if verdict.done:
        when = _time(verdict.when)
        clock = f" on {when} (by its maker's clock)" if when else ""
        lines.append(f"{verdict.program or 'Some program'}{clock}: {verdict.done}.")
    if verdict.parameters:
        lines.append(f"With {', '.join(f'{key} {value}' for key, value in verdict.parameters.items())}.")
    if verdict.source_sha256:
        lines.append(f"Made from {verdict.source_name}, SHA-256 {verdict.source_sha256}.")
        if verdict.consent_sha256:
            lines.append(f"The performer's release has SHA-256 {verdict.consent_sha256}.")
        else:
            lines.append("No release of the performer is named.")
    if verdict.earlier:
        lines.append(f"It carries on the credentials of what it was made from ({verdict.earlier}).")
    if verdict.sidecar is not None:
        lines.append(f"The credentials are beside it, in {verdict.sidecar.name}.")
    return lines


def _signed(verdict: Verdict) -> list[str]:
    signer = verdict.signer or "someone without a name"
    if verdict.own:
        return [f"Signed by {signer}, this user's own certificate."]
    if verdict.state is State.INTACT:
        return [f"Signed by {signer}, whose certificate is trusted here."]
    return [
        f"Signed by {signer}; who that is, nobody trusted here vouches for ({'; '.join(verdict.problems)})."
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
    told = f"Plain labels: {'; '.join(found)}."
    return [told if bound else f"{told} They are bound to nothing: anyone can write or change them."]


def _printable(line: str) -> str:
    """Without what could move a terminal's cursor: much of it is what others wrote."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)


def _time(when: str | None) -> str | None:
    try:
        time = datetime.fromisoformat(when) if when else None
    except ValueError:
        return when
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
