"""Lazy registries: what there is to choose from, known by name before it is imported.

A registry maps names to objects (functions, classes, presets) that live elsewhere. Names and summaries
are plain data, so that help texts, forms and checks need none of the heavy imports behind them; the object
itself is imported when it is first looked up. Each package keeps its registries in a module ``registry``
that imports nothing but this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from facedouble.errors import SettingsError

if TYPE_CHECKING:
    from facedouble.run.run import Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One choice: ``target`` is where the object is, ``"package.module:name"``; ``summary`` says in a few
    words what it does, for help texts and forms. ``prepare`` is where the function is, if any, that fetches
    what the object needs or checks that it is installed (see :meth:`Registry.prepare`)."""

    target: str
    summary: str
    prepare: str = ""

    def load(self) -> object:
        """Import and return the object."""
        return _imported(self.target)


class Registry(Mapping[str, T], Generic[T]):
    """Choices of one ``kind`` (a noun, such as ``"mask"``), by name, in the order in which to offer them.

    ``registry[name]`` imports and returns the object; iteration, ``in``, ``len`` and :meth:`summaries`
    import nothing. An unknown name raises ``SettingsError`` that lists the names.
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self.entries: Mapping[str, Entry] = dict(entries)

    def __getitem__(self, name: str) -> T:
        self.check(name)
        return cast(T, self.entries[name].load())

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __eq__(self, other: object) -> bool:
        return self is other  # a mapping's own would import every entry

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {list(self.entries)})"

    def check(self, name: str) -> None:
        """Raise ``SettingsError`` if there is no entry ``name``. Imports nothing."""
        if name not in self.entries:
            raise SettingsError(f"no {self.kind} {name!r}; choose one of: {', '.join(self.entries)}")

    def prepare(self, name: str, run: Run | None = None) -> None:
        """See to it that the entry ``name`` can be used: what it needs is fetched, once, before several
        processes want it. ``run`` is told of downloads. Raises ``SettingsError`` if there is no such entry,
        and ``AssetError`` if something cannot be had."""
        self.check(name)
        if target := self.entries[name].prepare:
            cast("Callable[..., object]", _imported(target))(run=run)

    def summaries(self) -> dict[str, str]:
        """Names with what each one does."""
        return {name: entry.summary for name, entry in self.entries.items()}


def _imported(target: str) -> object:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
