"""The tables of results in the documents: ``make tables``, or ``python -m benchmarks.documents [--check]``.

A document says where a table stands with the line ``<!-- table NAME -->`` before and ``<!-- end -->`` after.
What is between them is made from ``benchmarks/results/``:

- ``MACHINE.json``: what ``make bench`` measured on that machine,
- ``demonstration.json``: the last full demonstration,
- ``experiments.json``: tables of experiments that no command repeats, as they were recorded,

and from the program itself: the registry of measures, and the settings of each command.

``--check`` writes nothing and fails when a document differs from what it would be. No result is typed into a
document by hand.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine
from benchmarks.table import Table, markdown
from facedouble.evaluation.measure import GROUPS
from facedouble.evaluation.registry import MEASURES, title
from facedouble.files import write_whole
from facedouble.settings.registry import COMMANDS
from facedouble.settings.schema import options_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_SECTION = re.compile(r"(<!-- table ([a-z0-9-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_NOT_MEASURED = "(not measured yet)"
_SHORT = (
    "nearer_to_b", "distance_to_b", "distance_to_a", "mouth", "eyes", "expression", "pose", "jitter",
    "flicker", "flicker_own", "seam_colour", "octave_fine", "octave_middle", "octave_coarse",
    "coherence_mouth", "coherence_eyes", "coherence_skin",
)  # fmt: skip


def documents(root: Path = ROOT) -> list[Path]:
    """Every document that may hold tables."""
    return [
        *sorted(root.glob("README*.md")),
        root / "benchmarks/README.md",
        *sorted(root.glob("docs/**/*.md")),
    ]


def tables(results: Path = RESULTS) -> dict[str, str]:
    """Every table by its name, in Markdown, with a line above it that says where the values come from.

    Raises ``ValueError`` when two sources have a table of one name.
    """
    parts: dict[str, str] = {}
    sources = (_measured(results), _demonstration(results), _experiments(results), _registries())
    for name, text in chain.from_iterable(sources):
        if name in parts:
            raise ValueError(f"two tables are called {name}")
        parts[name] = text
    return parts


def filled(text: str, parts: Mapping[str, str]) -> str:
    """``text`` with every marked section made anew from ``parts``.

    Raises ``ValueError`` for a section that is not in ``parts`` and has a table all the same, which would be
    lost: somebody typed it, or its results are gone.
    """

    def fill(match: re.Match[str]) -> str:
        start, name, old, end = match.groups()
        if name not in parts and old.strip() not in ("", _NOT_MEASURED):
            raise ValueError(f"no results have the table {name}, and it is not empty: it is left as it is")
        return f"{start}\n{parts.get(name, _NOT_MEASURED)}\n\n{end}"

    return _SECTION.sub(fill, text)


def update(paths: Iterable[Path], parts: Mapping[str, str], *, check: bool = False) -> list[Path]:
    """Fill the documents; the paths of those that changed. With ``check`` nothing is written.

    Raises ``ValueError``, and writes nothing, for a table that stands in none of them, and for one that has
    rows in a document but no results.
    """
    changed: dict[Path, str] = {}
    placed: set[str] = set()
    for path in paths:
        old = path.read_text(encoding="utf-8")
        placed |= {match[2] for match in _SECTION.finditer(old)}
        try:
            new = filled(old, parts)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if new != old:
            changed[path] = new
    missing = sorted(parts.keys() - placed)
    if missing:
        raise ValueError(f"no document has a place for: {', '.join(missing)}")
    for path, new in changed.items() if not check else ():
        write_whole(path, new.encode())
    return list(changed)


def main() -> None:
    """Write the tables anew, or see whether they are what they should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, and fail on a difference")
    check = parser.parse_args().check
    changed = [path.relative_to(ROOT) for path in update(documents(), tables(), check=check)]
    for path in changed:
        print(f"{path}: {'is not what the results say; run make tables' if check else 'written'}")
    sys.exit(check and bool(changed))


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _measured(results: Path) -> Iterator[tuple[str, str]]:
    """The tables of ``make bench``: every machine's below each other, each under a line about it."""
    parts: dict[str, list[str]] = {}
    for path in sorted(results.glob("*.json")):
        kept = _load(path)
        if "benchmarks" not in kept:
            continue
        machine = Machine(**kept["machine"])
        for entry in kept["benchmarks"].values():
            for value in entry["tables"]:
                table = Table.from_json(value)
                parts.setdefault(table.name, []).append(f"{_head(machine, entry)}\n\n{markdown(table)}")
    yield from ((name, "\n\n".join(texts)) for name, texts in parts.items())


def _head(machine: Machine, entry: Mapping[str, Any]) -> str:
    used = ", ".join(f"{name} {number}" for name, number in entry["versions"].items())
    return f"*{machine.sentence()}; {entry['date'][:10]}, `{entry['command']}`; {used}*"


def _demonstration(results: Path) -> Iterator[tuple[str, str]]:
    """How good the demonstration's swap is, and how long each step took."""
    path = results / "demonstration.json"
    if not path.is_file():
        return
    kept = _load(path)
    seen, unseen = kept["runs"]["seen"], kept["runs"]["unseen"]
    head = f"*{kept['date']}; {kept['machine']}*"
    rows = []
    for name in _SHORT:
        known = MEASURES[name]
        values = [f"{known.describe(run['measures'].get(name))}" for run in (seen, unseen)]
        rows.append([title(name), *values, known.describe_good()])
    columns = ["", "trained on the clip", "clip not seen", "good"]
    yield "demonstration", f"{head}\n\n{markdown(Table('', columns, rows))}"

    seconds, memory = seen["seconds"], seen["memory_gb"]
    steps = [
        ("setup", "set up, the first time"),
        ("extract", f"extract, {seen['extracted_frames']:,} frames of 1280 × 720 in four clips"),
        ("train", f"train, {seen['faces_seen']:,} faces seen"),
        ("convert", f"convert, {seen['converted_frames']:,} frames of 1280 × 720"),
        ("pictures", "pictures"),
        ("measure", "evaluate"),
    ]
    rows = []
    for step, words in steps:
        minutes, rest = divmod(round(seconds[step]), 60)
        rows.append([words, f"{minutes}:{rest:02}", f"{memory[step]} GB" if step in memory else "—"])
    yield "demonstration-time", f"{head}\n\n{markdown(Table('', ['', 'time', 'memory'], rows))}"


def _experiments(results: Path) -> Iterator[tuple[str, str]]:
    """Tables that were recorded once; their cells are text."""
    path = results / "experiments.json"
    for value in _load(path)["tables"] if path.is_file() else ():
        yield value["name"], markdown(Table.from_json(value))


def _registries() -> Iterator[tuple[str, str]]:
    """What evaluation measures, as the docstrings say it, and the options of each command."""
    rows: list[list[str]] = []
    for group, question in GROUPS.items():
        rows.append([f"**{question}**", "", ""])
        for name, known in MEASURES.items():
            if known.group == group:
                explained = " ".join((inspect.getdoc(known.compute) or "").replace("``", "`").split())
                mark = " •" if known.per_frame else ""
                rows.append([title(name) + mark, known.describe_good(), explained])
    yield "measures", markdown(Table("measures", ["measure", "good", "what it is"], rows))
    yield from ((f"options-{command}", options_table(command).rstrip()) for command in COMMANDS)


if __name__ == "__main__":
    main()
