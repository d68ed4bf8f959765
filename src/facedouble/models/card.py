"""The description of a model: what ``model.json`` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facedouble._version import __version__
from facedouble.errors import ModelError, SettingsError
from facedouble.models.card_record import CardRecord
from facedouble.models.geometry_record import check_geometry_record
from facedouble.models.registry import MODELS
from facedouble.settings.train import Architecture, TrainSettings
from facedouble.types import FloatArray, Side

FORMAT = 2
DESCRIPTION = "model.json"
"""In the folder of a model."""


@dataclass(frozen=True, slots=True)
class Save:
    """One save: its files, their SHA-256, and how far training was (``ModelCard.progress``)."""

    iteration: int
    weights: str
    weights_sha256: str
    state: str
    state_sha256: str
    progress: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ModelCard:
    """What ``model.json`` says. ``extraction`` says for each of the ``facesets`` how its faces were found
    (the settings in :data:`~facedouble.settings.extract.FINDING`; empty in models of older versions).
    ``geometry`` says what the decoder is told of a face besides its picture (``models/geometry_record.py``).
    ``colour`` (side to 2x3) are the sides' mean colour statistics, ``history`` rows of iteration, smoothed
    loss of A, of B; ``measures`` what was measured on faces held out, with the iteration; ``saves`` are
    newest first.

    How far training is: ``seconds`` and ``faces_seen`` over all runs; whether the decoders have
    ``decoders_split``; ``learning_rate_scale``, the factor that mishaps have put on the learning rate;
    ``batch_scale``, how many times the recipe's batch was chosen to fill the memory, 0 if it was not chosen;
    ``best`` held-out measure (higher is better) and the iteration ``best_at`` of it.
    """

    architecture: dict[str, Any]
    resolution: int
    coverage: float
    facesets: dict[Side, list[str]]
    colour: dict[Side, list[list[float]]]
    extraction: dict[Side, list[dict[str, Any]]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    geometry: dict[str, Any] | None = None
    iteration: int = 0
    seconds: float = 0.0
    faces_seen: int = 0
    decoders_split: bool = False
    learning_rate_scale: float = 1.0
    batch_scale: int = 0
    best: float | None = None
    best_at: int = 0
    history: list[list[float]] = field(default_factory=list)
    measures: list[dict[str, float]] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)
    program: str = f"facedouble {__version__}"
    format: int = FORMAT

    @property
    def kind(self) -> str:
        """The model's name in the registry."""
        return str(self.architecture["kind"])

    def read_architecture(self) -> Architecture:
        """The architecture, checked. Raises ``ModelError``."""
        try:
            return MODELS[self.kind].read(self.architecture)
        except (KeyError, SettingsError) as error:
            raise ModelError(f"this model has no architecture that is known here: {error}") from error

    def read_settings(self) -> TrainSettings:
        """The settings that the model was trained with, checked. Raises ``ModelError``."""
        try:
            return TrainSettings.read(self.settings)
        except SettingsError as error:
            raise ModelError(f"the settings of this model's training cannot be used: {error}") from error

    def statistics(self, side: Side) -> FloatArray:
        return np.array(self.colour[side], dtype=np.float32)

    @property
    def progress(self) -> dict[str, Any]:
        """How far training is, as each save keeps it."""
        return {name: getattr(self, name) for name in _PROGRESS}

    def note(self, measures: dict[str, float]) -> None:
        """Take what was measured on faces held out at this iteration; ``score`` says how good it is."""
        self.measures.append({"iteration": self.iteration, **measures})
        if self.best is None or measures["score"] > self.best:
            self.best, self.best_at = measures["score"], self.iteration

    def go_back(self, entry: Save) -> None:
        """Be what this card was when ``entry`` was made; saves after it count no more."""
        self.iteration = entry.iteration
        for name, value in entry.progress.items():
            setattr(self, name, value)
        self.history = [row for row in self.history if row[0] <= entry.iteration]
        self.measures = [row for row in self.measures if row["iteration"] <= entry.iteration]
        self.saves = self.saves[self.saves.index(entry) :]


_PROGRESS = (
    "seconds",
    "faces_seen",
    "decoders_split",
    "learning_rate_scale",
    "batch_scale",
    "best",
    "best_at",
)


def card_of(values: Any, name: str) -> ModelCard:
    """The card in plain ``values``, checked. Raises ``ModelError``, which calls them ``name``."""
    try:
        version = values["format"]
        if type(version) is int and version > FORMAT:
            raise ModelError(
                f"{name}: made by a newer version of facedouble (format {min(version, 10**9)}, this one "
                f"knows {FORMAT}); upgrade facedouble"
            )
        if version != FORMAT:
            raise ModelError(f"{name}: format {str(version)[:20]} is not known to this version")
        record = CardRecord.read(values).model_dump()
        record["saves"] = [Save(**save) for save in record["saves"]]
        card = ModelCard(**record)
        check_geometry_record(card.geometry, getattr(card.read_architecture(), "geometry", None))
    except (ValueError, KeyError, TypeError, SettingsError, RecursionError) as error:
        raise ModelError(f"{name}: damaged ({error}); it is left as it is") from error
    return card


def is_model(folder: Path) -> bool:
    """Whether ``folder`` is that of a model, or what is left of one."""
    return (folder / DESCRIPTION).exists() or any(folder.glob("weights-*.safetensors"))
