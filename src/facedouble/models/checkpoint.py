"""Model folders: saved so that nothing can be lost, loaded so that nothing is guessed.

    MODEL/
      model.json                    architecture, settings, iterations, loss history, facesets, saves
      weights-00001200.safetensors  the averaged weights, which conversion uses
      state-00001200.safetensors    what training needs to go on: live weights, optimizer, random state

Every file is written under another name, flushed to the disk, and renamed; ``model.json`` last, so
it never names a file that is not whole. The last three saves are kept, each with its checksums.
Weights are safetensors and the rest is JSON: opening a model cannot run code.

Training goes on from a save only if both its files are whole; conversion needs the weights alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file
from torch import Tensor

from facedouble._version import __version__
from facedouble.errors import ModelError, OutputError, SettingsError
from facedouble.files import write_whole
from facedouble.models.base import SwapModel
from facedouble.models.card_record import CardRecord
from facedouble.models.registry import MODELS
from facedouble.run.run import Run
from facedouble.settings.train import Architecture, TrainSettings
from facedouble.types import FloatArray, Side

DESCRIPTION = "model.json"
FORMAT = 2
KEPT_SAVES = 3
_OURS = re.compile(r"(weights|state)-\d{8,}\.safetensors(\.new)?")


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
    """What ``model.json`` says. ``colour`` (side to 2x3) are the sides' mean colour statistics,
    ``history`` rows of iteration, smoothed loss of A, of B; ``measures`` what was measured on faces
    held out, with the iteration; ``saves`` are newest first.

    How far training is: ``seconds`` and ``faces_seen`` over all runs; whether the decoders have
    ``decoders_split``; ``learning_rate_scale``, the factor that mishaps have put on the learning rate;
    ``best`` held-out measure (higher is better) and the iteration ``best_at`` of it.
    """

    architecture: dict[str, Any]
    resolution: int
    coverage: float
    facesets: dict[Side, list[str]]
    colour: dict[Side, list[list[float]]]
    settings: dict[str, Any] = field(default_factory=dict)
    iteration: int = 0
    seconds: float = 0.0
    faces_seen: int = 0
    decoders_split: bool = False
    learning_rate_scale: float = 1.0
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


_PROGRESS = ("seconds", "faces_seen", "decoders_split", "learning_rate_scale", "best", "best_at")


def exists(folder: Path) -> bool:
    """Whether there is a model in ``folder``."""
    return (folder / DESCRIPTION).exists()


def read_card(folder: Path) -> ModelCard:
    """The description of the model in ``folder``. Raises ``ModelError``."""
    file = folder / DESCRIPTION
    if not file.is_file():
        raise ModelError(f"{folder}: there is no model here (no {DESCRIPTION}); make one with train")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise ModelError(f"{file}: format {values['format']} is not known to this version")
        record = CardRecord.read(values).model_dump()
        record["saves"] = [Save(**save) for save in record["saves"]]
        card = ModelCard(**record)
        card.read_architecture()
    except (ValueError, KeyError, TypeError, OSError, SettingsError, RecursionError) as error:
        raise ModelError(f"{file}: damaged ({error}); it is left as it is") from error
    return card


def check_writable(folder: Path) -> None:
    """Raise ``OutputError`` if nothing can be saved in ``folder``. It is made if it is not there."""
    probe = folder / ".writable.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: a model cannot be saved here ({error.strerror})") from error


def save(
    folder: Path,
    card: ModelCard,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
) -> None:
    """Add a save to ``folder`` and drop what no kept save needs: the oldest beyond three, damaged
    ones, and what a killed run left half done. ``card.saves`` is brought up to date.

    Raises ``OutputError`` when the folder cannot be written."""
    weights_name = f"weights-{card.iteration:08d}.safetensors"
    state_name = f"state-{card.iteration:08d}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entry = Save(
            iteration=card.iteration,
            weights=weights_name,
            weights_sha256=_write_tensors(folder / weights_name, weights),
            state=state_name,
            state_sha256=_write_tensors(folder / state_name, state),
            progress=card.progress,
        )
        others = [old for old in card.saves if old.iteration != card.iteration]
        saves = [entry, *others][:KEPT_SAVES]
        text = json.dumps({**asdict(card), "saves": [asdict(s) for s in saves]}, indent=1, ensure_ascii=False)
        write_whole(folder / DESCRIPTION, text.encode(), durable=True)
        card.saves = saves
        kept = {name for kept_save in saves for name in (kept_save.weights, kept_save.state)}
        for path in list(folder.iterdir()):
            if _OURS.fullmatch(path.name) and path.name not in kept:
                path.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{folder}: the model cannot be saved ({reason}); the save before it is whole"
        ) from error


def load(folder: Path, *, run: Run | None = None) -> tuple[SwapModel, ModelCard]:
    """The trained model for conversion: averaged weights of the newest save that is whole, and the card as
    it was then."""
    card = read_card(folder)
    entry, (tensors,) = _newest(folder, card.saves, ("weights",), run or Run())
    model = card.read_architecture().build()
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{folder / entry.weights}: these weights are of another architecture") from error
    card.go_back(entry)
    return model.eval(), card


def resume(folder: Path, *, run: Run | None = None) -> tuple[ModelCard, dict[str, Tensor], dict[str, Tensor]]:
    """What training needs to go on, from the newest save of which both files are whole: the card as
    it was then, the averaged weights, and the state. Raises ``ModelError`` if there is none."""
    card = read_card(folder)
    entry, (weights, state) = _newest(folder, card.saves, ("weights", "state"), run or Run())
    card.go_back(entry)
    return card, weights, state


def _newest(
    folder: Path, saves: Sequence[Save], kinds: Sequence[str], run: Run
) -> tuple[Save, list[dict[str, Tensor]]]:
    """The newest of ``saves`` whose files of all ``kinds`` are whole, and what is in them."""
    for entry in saves:
        try:
            return entry, [_read_tensors(folder, entry, kind) for kind in kinds]
        except (OSError, SafetensorError, ValueError) as error:
            text = f"{folder}: the save of iteration {entry.iteration} is damaged ({error}); trying the one"
            run.warn("model.damaged_save", f"{text} before it", folder=folder, iteration=entry.iteration)
    raise ModelError(f"{folder}: none of its {len(saves)} saves can be read; nothing was changed")


def _read_tensors(folder: Path, entry: Save, kind: str) -> dict[str, Tensor]:
    name = getattr(entry, kind)
    data = (folder / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != getattr(entry, f"{kind}_sha256"):
        raise ValueError(f"{name}: its checksum is wrong")
    return load_tensors(data)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    draft = path.with_name(path.name + ".new")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft)
    with draft.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    draft.replace(path)
    return digest
