"""JSON from files that people exchange: no number in it may be infinite or none at all, unless asked for."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def parse_json(text: str | bytes, *, finite: bool = True) -> Any:
    """The value of a JSON text. Raises ``ValueError`` for what is no JSON and, where it has to be ``finite``,
    for ``NaN`` and ``Infinity``, and for a number too large to be finite (``1e999``); ``RecursionError`` for
    one that is nested too deeply."""
    if not finite:
        return json.loads(text)
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not a finite number")
