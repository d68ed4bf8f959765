"""Training settings as the tests vary them: by the names of options, in one line."""

from __future__ import annotations

from typing import Any

from facedouble.settings.files import parse_assignment, parse_value
from facedouble.settings.options import by_option
from facedouble.settings.recipe import Recipe
from facedouble.settings.train import TrainSettings
from facedouble.settings.tree import overlay

_OPTIONS: dict[str, dict[str, Any]] = {}


def how(**options: Any) -> TrainSettings:
    """Settings by option names. ``arguments`` are the model's own (``"filters=4"``), ``recipe`` changes
    fields of its recipe (``"losses.dssim=0.5"``)."""
    named = {name: value for name, value in options.items() if name not in ("arguments", "recipe")}
    nested = by_option(TrainSettings, named)
    for text in options.get("arguments", ()):
        name, _, value = text.partition("=")
        nested = overlay(TrainSettings, nested, {"architecture": {name: parse_value(value)}})
    for text in options.get("recipe", ()):
        nested = overlay(TrainSettings, nested, {"recipe": parse_assignment(text)})
    settings = TrainSettings.read(nested)
    _OPTIONS[settings.model_dump_json()] = options
    return settings


def varied(settings: TrainSettings, **options: Any) -> TrainSettings:
    """Settings that :func:`how` made, with other options."""
    return how(**{**_OPTIONS[settings.model_dump_json()], **options})


def make_recipe(*assignments: str) -> Recipe:
    """A recipe with some of its fields set: ``"losses.dssim=0.5"``."""
    values: dict[str, Any] = {}
    for text in assignments:
        values = overlay(Recipe, values, parse_assignment(text))
    return Recipe.read(values)
