"""The one form in which benchmarks give what they measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

Cell = str | float | int | None
"""What stands in a table: a number as it was measured, a text, ``None`` where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of measurements. ``name`` is short, lower case and unlike every other table's
    (``train-speed``); units stand in the heads of the columns or in the first cell of a row. Numbers
    are given unrounded: they are kept as they are and shown with three digits."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Table:
        return cls(**value)


def shown(cell: Cell) -> str:
    """A cell as a reader sees it: numbers with three digits that count, whole ones from 100 up."""
    if cell is None:
        return "—"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    if cell == 0:
        return "0"
    digits = 2 if abs(cell) >= 1 else 3
    return f"{cell:.{1 if abs(cell) >= 10 else digits}f}"


def markdown(table: Table) -> str:
    """The table in Markdown; numbers to the right."""
    numeric = [
        any(not isinstance(row[i], str) for row in table.rows) and i > 0 for i in range(len(table.columns))
    ]
    lines = [table.columns, ["---:" if right else "---" for right in numeric]]
    lines += [[shown(cell).replace("|", "\\|") for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(table: Table) -> str:
    """The table for a terminal, in columns."""
    rows = [list(table.columns), *([shown(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in [table.name, *(f"  {line}" for line in lines)])


def print_tables(tables: Sequence[Table]) -> None:
    """What a benchmark's ``main`` ends with."""
    print("\n\n".join(map(text, tables)))
