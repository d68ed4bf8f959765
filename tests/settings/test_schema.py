"""What is made of the tree for forms and documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facedouble.settings.convert import ConvertCommand
from facedouble.settings.extract import ExtractCommand
from facedouble.settings.registry import COMMANDS
from facedouble.settings.schema import json_schema, option_names, options_table


def resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    node = dict(node)
    while "$ref" in node:
        name = node.pop("$ref").rpartition("/")[2]
        node = {**schema["$defs"][name], **node}
    return node


def test_choices_have_titles_and_descriptions() -> None:
    schema = json_schema("convert")
    converter = schema["properties"]["converter"]
    masked, adjust = (resolve(schema, one) for one in converter["oneOf"])
    assert adjust["properties"]["kind"]["const"] == "adjust"
    kind = resolve(schema, masked["properties"]["mask"])["properties"]["kind"]
    assert kind["enum"] == ["rect", "facehull", "facehullandrect", "extended", "learned"]
    assert {
        "const": "facehull",
        "title": "facehull",
        "description": "the convex hull of the landmarks",
    } in kind["oneOf"]
    compute = resolve(schema, schema["properties"]["compute"])
    batch = compute["properties"]["batch_size"]
    assert (batch["minimum"], batch["default"], batch["x-facedouble"]["unit"]) == (1, 16, "faces")
    assert batch["description"] == "faces in one call of the network"
    assert set(schema["required"]) == {"source", "model", "output"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_schema_is_the_published_one(command: str) -> None:
    """A change of a setting is a change for everybody who has files of settings: write them anew with
    scripts/write_schemas.py, and say so in CHANGELOG.md."""
    file = Path(__file__).parents[2] / "docs" / "schemas" / f"{command}.json"
    assert json.loads(file.read_text(encoding="utf-8")) == json_schema(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_schema_and_a_table(command: str) -> None:
    schema = json_schema(command)
    assert schema["additionalProperties"] is False
    table = options_table(command).splitlines()
    assert len({line.count("|") - 2 * line.count("\\|") for line in table}) == 1


def test_names_on_the_command_line() -> None:
    def names(path: str, value: str | None = None) -> str | None:
        return option_names(ConvertCommand, path, value)

    assert names("compute.device") == "--device"
    assert names("device", "cpu") == "--device cpu"
    assert names("converter.mask.kind", "learned") == "--mask-type learned"
    assert names("marking.kind", "none") == "--no-credentials"
    assert names("converter", "adjust") == "--converter adjust"
    assert names("keep_going") == "--keep-going"
    assert names("blend.kind", "alpha") == "--blend alpha"
    assert names("nonsense") is None
    assert names("kind") is None
    assert option_names(ExtractCommand, "source") == "--input"
