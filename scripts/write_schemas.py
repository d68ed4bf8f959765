"""Write the JSON Schema of every command's settings to docs/schemas/; a test compares them.

python scripts/write_schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path

from facedouble.settings.registry import COMMANDS
from facedouble.settings.schema import json_schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for command in COMMANDS:
        text = json.dumps(json_schema(command), indent=1) + "\n"
        (FOLDER / f"{command}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
