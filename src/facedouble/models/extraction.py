"""How the faces that a model was trained on were found, so that those of a new clip are found in the same
way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facedouble.errors import ModelError, SettingsError
from facedouble.models.card import ModelCard
from facedouble.run.run import Run
from facedouble.settings.extract import FINDING, NOT_RECORDED, ExtractSettings, read_recorded


def finding_record(settings: Mapping[str, Any], schemes: Sequence[str]) -> dict[str, Any]:
    """What a model records of one faceset: of the ``settings`` in its record, those in ``FINDING``; and the
    landmark scheme that its faces have, of several the first. Raises ``SettingsError`` for settings that
    cannot be read."""
    known = read_recorded(settings).dump()
    record = {name: known[name] for name in FINDING}
    return {**record, "landmarks": schemes[0]} if schemes else record


def extraction_settings(card: ModelCard, model: Path, run: Run) -> ExtractSettings:
    """The settings with which to extract a clip of A for this model: those of its faces of A.

    Says so if these were found in different ways (then the first faceset counts), or if the model does not
    record it (then it is the default). Raises ``ModelError`` for a record that cannot be used.
    """
    records = card.extraction.get("a", [])
    if not records:
        run.notice(
            "model.no_extraction",
            f"{model} does not record how the faces it was trained on were found; faces are found with the "
            "default settings",
            model=model,
        )
        return ExtractSettings()
    if any(other != records[0] for other in records):
        run.notice(
            "model.mixed_extraction",
            f"{model} was trained on faces of A that were found with different settings; those of its first "
            "faceset are used",
            model=model,
        )
    try:
        record = {name: value for name, value in records[0].items() if name in FINDING}
        return ExtractSettings.read({**NOT_RECORDED, **record})
    except SettingsError as error:
        raise ModelError(f"{model}: its record of how faces were found cannot be used: {error}") from error
