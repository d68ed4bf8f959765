"""The machinery that writes and reads values of a dataclass by a description of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from facedouble.faceset.kinds import Kind, Rectangle

T = TypeVar("T")

_EDGES = ("left", "top", "right", "bottom")
_FEW = 16  # rows below which reading column by column does not pay


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in the dataclass, and in JSON; its kind; a note for people who read the SQL.

    ``column`` is its name in SQL where that differs. ``in_record`` is whether it goes into a crop's record.
    ``by_hand`` is whether it belongs to what a person sets when they correct landmarks.
    """

    name: str
    kind: Kind
    note: str = ""
    nullable: bool = False
    column: str = ""
    in_record: bool = True
    by_hand: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return _EDGES if isinstance(self.kind, Rectangle) else (self.column or self.name,)


def _nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {}


class Codec(Generic[T]):
    """Writes and reads values of one dataclass by its ``fields``; ``key`` names those of the primary key.

    A field may depend only on fields in front of it.
    """

    def __init__(self, cls: type[T], table: str, key: Sequence[str], fields: Sequence[Field]) -> None:
        self.cls, self.table, self.key, self.fields = cls, table, tuple(key), tuple(fields)
        self.columns = tuple(column for field in fields for column in field.columns)

    # -- SQL ---------------------------------------------------------------------------------------

    def create_table(self, *constraints: str) -> str:
        """The statement that creates the table."""
        width = max(len(column) for column in self.columns)
        lines = []
        for field in self.fields:
            for column in field.columns:
                null = "" if field.nullable else " NOT NULL"
                note = f"  -- {field.note}" if field.note and column == field.columns[0] else ""
                lines.append((f"    {column:<{width}} {field.kind.sql}{null}", note))
        lines += [
            (f"    {text}", "") for text in (f"PRIMARY KEY ({', '.join(self._key_columns)})", *constraints)
        ]
        body = "\n".join(f"{text},{note}" for text, note in lines[:-1])
        return f"CREATE TABLE {self.table} (\n{body}\n{lines[-1][0]}\n) WITHOUT ROWID"

    @property
    def select(self) -> str:
        """The query for all rows, in order of their keys."""
        return f"SELECT {', '.join(self._quoted)} FROM {self.table} ORDER BY {', '.join(self._key_columns)}"

    @property
    def upsert(self) -> str:
        """The statement that writes one row, over the one with its key if there is one.

        What was set by hand stays as it is.
        """
        changes = []
        for field in self.fields:
            if field.name in self.key:
                continue
            for column in map(_quote, field.columns):
                value = f"excluded.{column}"
                if field.by_hand:
                    value = f"CASE WHEN {self.table}.edited THEN {self.table}.{column} ELSE {value} END"
                changes.append(f"{column} = {value}")
        marks = ", ".join("?" * len(self.columns))
        return (
            f"INSERT INTO {self.table} ({', '.join(self._quoted)}) VALUES ({marks}) "
            f"ON CONFLICT ({', '.join(self._key_columns)}) DO UPDATE SET {', '.join(changes)}"
        )

    def update(self, names: Sequence[str]) -> str:
        """The statement that writes only the fields ``names`` of a row that exists; for :meth:`to_update`."""
        columns = [column for field in self._named(names) for column in map(_quote, field.columns)]
        changes = ", ".join(f"{column} = ?" for column in columns)
        which = " AND ".join(f"{column} = ?" for column in self._key_columns)
        return f"UPDATE {self.table} SET {changes} WHERE {which}"

    def to_update(self, value: T, names: Sequence[str]) -> tuple[Any, ...]:
        """The values for :meth:`update`. Raises ``ValueError`` for a value that could not be read again."""
        return self._cells(value, (*self._named(names), *self._named(self.key)))

    def to_row(self, value: T) -> tuple[Any, ...]:
        """The values of :attr:`columns`. Raises ``ValueError`` for a value that could not be read again."""
        return self._cells(value, self.fields)

    def _cells(self, value: T, fields: Iterable[Field]) -> tuple[Any, ...]:
        row: list[Any] = []
        known = self._known(value)
        for field in fields:
            found = self._write(field, known, field.kind.to_sql)
            row.extend(found if isinstance(field.kind, Rectangle) and found is not None else (found,))
        return tuple(row)

    def from_row(self, row: Sequence[Any]) -> T:
        """The value of a row of :attr:`columns`. Raises ``ValueError``."""
        return self.cls(**self._from_row(row))

    def from_rows(
        self, rows: Sequence[Sequence[Any]], more: Callable[[dict[str, Any]], dict[str, Any]] = _nothing
    ) -> list[T]:
        """The values of many rows. ``more`` gives the fields that are not stored, from those that are.

        Raises ``ValueError``.
        """
        if len(rows) >= _FEW:
            try:
                columns = self._columns(rows)
            except (TypeError, ValueError):
                pass  # row by row says which field it is
            else:
                stored = (
                    dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
                )
                return [self.cls(**values, **more(values)) for values in stored]
        found = map(self._from_row, rows)
        return [self.cls(**values, **more(values)) for values in found]

    # -- JSON --------------------------------------------------------------------------------------

    def to_json(self, value: T) -> dict[str, Any]:
        """All fields as JSON, exact to the bit. Raises ``ValueError``."""
        return self._to_json(value, self.fields)

    def from_json(self, data: Any) -> T:
        """The value of :meth:`to_json`. Raises ``ValueError``, also for a field too many or too few."""
        return self._from_json(data, self.fields, {})

    def to_record(self, value: T, *, leave_out: Iterable[str] = ()) -> dict[str, Any]:
        """The fields that go into a crop's record, as JSON, exact to the bit. Raises ``ValueError``."""
        return self._to_json(value, self._record_fields(leave_out))

    def from_record(self, data: Any, **more: object) -> T:
        """The value of :meth:`to_record`; ``more`` are fields that it left out. Raises ``ValueError``."""
        return self._from_json(data, self._record_fields(more), more)

    def to_plain(self, value: T) -> dict[str, Any]:
        """All fields as JSON that other programs read: arrays are nested lists."""
        known = self._known(value)
        return {field.name: self._write(field, known, field.kind.to_plain) for field in self.fields}

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _quoted(self) -> list[str]:
        return [_quote(column) for column in self.columns]

    @property
    def _key_columns(self) -> list[str]:
        return [_quote(field.columns[0]) for field in self.fields if field.name in self.key]

    def _record_fields(self, leave_out: Iterable[str]) -> list[Field]:
        without = set(leave_out)
        return [field for field in self.fields if field.in_record and field.name not in without]

    def _to_json(self, value: T, fields: Iterable[Field]) -> dict[str, Any]:
        known = self._known(value)
        return {field.name: self._write(field, known, field.kind.to_json) for field in fields}

    def _from_json(self, data: Any, fields: Sequence[Field], more: Mapping[str, object]) -> T:
        names = {field.name for field in fields}
        wrong = sorted(names ^ data.keys()) if isinstance(data, dict) else ["object"]
        if wrong:
            raise ValueError(f"{self.table}: unknown or missing {wrong[0][:40]}")
        known: dict[str, Any] = dict(more)
        for field in fields:
            known[field.name] = self._read(field, data[field.name], known, field.kind.from_json)
        return self.cls(**known)

    def _from_row(self, row: Sequence[Any]) -> dict[str, Any]:
        known: dict[str, Any] = {}
        cells: Iterator[Any] = iter(row)
        for field in self.fields:
            cell = [next(cells) for _ in _EDGES] if isinstance(field.kind, Rectangle) else next(cells)
            known[field.name] = self._read(field, cell, known, field.kind.from_sql)
        return known

    def _columns(self, rows: Sequence[Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """The values of rows, column by column, which is several times as fast."""
        found: dict[str, Sequence[Any]] = {}
        cells = zip(*rows, strict=True)
        for field in self.fields:
            edges = isinstance(field.kind, Rectangle)
            column = list(zip(*(next(cells) for _ in _EDGES), strict=True)) if edges else next(cells)
            context = field.kind.depends_on
            if context and len(set(found[context])) != 1:
                raise ValueError
            known = {context: found[context][0]} if context else {}
            present = [cell for cell in column if cell is not None] if field.nullable else column
            values = iter(field.kind.from_sql_column(present, known)) if present else iter(())
            found[field.name] = [None if field.nullable and cell is None else next(values) for cell in column]
        return found

    def _named(self, names: Sequence[str]) -> list[Field]:
        by_name = {field.name: field for field in self.fields}
        return [by_name[name] for name in names]

    def _known(self, value: T) -> dict[str, Any]:
        return {field.name: getattr(value, field.name) for field in self.fields}

    def _write(self, field: Field, known: dict[str, Any], write: Any) -> Any:
        return self._read(field, known[field.name], known, write)

    def _read(self, field: Field, data: Any, known: dict[str, Any], read: Any) -> Any:
        if data is None and field.nullable:
            return None
        try:
            return read(data, known)
        except ValueError as error:
            raise ValueError(f"{self.table}: {field.name} has a wrong value") from error


def _quote(name: str) -> str:
    return f'"{name}"'
