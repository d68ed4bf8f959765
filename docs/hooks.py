"""What MkDocs does not do by itself."""

from __future__ import annotations

import re
from typing import Any


def on_page_content(html: str, **_: Any) -> str:
    """Cross-references in the style of Sphinx, as docstrings have them, become plain code."""
    return re.sub(r":(?:func|class|mod|meth|attr|data):<code>~?([^<]+)</code>", r"<code>\1</code>", html)
