"""``facedouble schema``."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def schema(
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="command whose settings are meant")],
) -> None:
    """Print the JSON Schema of a command's settings, as its --config file has them.

    For editors that check such files, and for forms.
    """
    from facedouble.settings.schema import json_schema

    print(json.dumps(json_schema(command), indent=1))
