"""Errors name settings by field; front ends put their own names in."""

from __future__ import annotations

from facedouble.errors import SettingsError, render, setting


def test_a_settings_error_says_field_value_and_problem() -> None:
    error = SettingsError("mask.kind", "hull", "no such mask")
    assert (error.field, error.value, error.problem) == ("mask.kind", "hull", "no such mask")
    assert str(error) == "`mask.kind=hull`: no such mask"
    assert str(SettingsError("mask.kind", problem="is missing")) == "`mask.kind`: is missing"


def test_references_are_rendered_by_the_front_end() -> None:
    text = f"try a larger {setting('batch_size')} or {setting('compute.device', 'cpu')}; see `README`"

    def name(path: str, value: str | None) -> str | None:
        known = {"batch_size": "--batch-size", "compute.device": "--device"}
        return f"{known[path]} {value}" if value else known[path]

    assert render(text, name) == "try a larger --batch-size or --device cpu; see `README`"
    assert render(text, lambda path, value: None) == text
