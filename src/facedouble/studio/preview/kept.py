"""What was used last is kept, up to a size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key; those unused for longest go when the sizes, as ``size`` has them, exceed ``most``."""

    def __init__(self, most: int, size: Callable[[Value], int] = lambda _: 1) -> None:
        self._most, self._size = most, size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._held = 0

    def get(self, key: Hashable) -> Value | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        if key in self._values:
            self._held -= self._size(self._values.pop(key))
        self._values[key] = value
        self._held += self._size(value)
        while self._held > self._most and len(self._values) > 1:
            _, gone = self._values.popitem(last=False)
            self._held -= self._size(gone)

    def retain(self, wanted: Callable[[Value], bool]) -> None:
        """Let all others go."""
        for key in [key for key, value in self._values.items() if not wanted(value)]:
            self._held -= self._size(self._values.pop(key))

    def values(self) -> list[Value]:
        return list(self._values.values())

    def clear(self) -> None:
        self._values.clear()
        self._held = 0
