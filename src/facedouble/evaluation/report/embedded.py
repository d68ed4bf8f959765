"""Data inside a page."""

from __future__ import annotations

import json


def script_json(value: object) -> str:
    """JSON for a script element: nothing in it can close the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
