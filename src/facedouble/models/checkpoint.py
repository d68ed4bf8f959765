"""Model folders: saved so that nothing can be lost, loaded so that nothing is guessed.

    MODEL/
      model.json                    architecture, settings, iterations, loss history, facesets, saves
      weights-00001200.safetensors  the averaged weights, which conversion uses
      state-00001200.safetensors    what training needs to go on: live weights, optimizer, random state

Every file is written under another name, flushed to the disk, and renamed; ``model.json`` last, so
it never names a file that is not whole. The last three saves are kept, each with its checksums.
Weights are safetensors and the rest is JSON: opening a model cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file
from torch import Tensor

from facedouble._version import __version__
from facedouble.errors import ModelError, OutputError
from facedouble.events import Listener, Noted, ignore
from facedouble.files import write_whole
from facedouble.models import build
from facedouble.models.base import SwapModel
from facedouble.types import FloatArray, Side

DESCRIPTION = "model.json"
FORMAT = 1
KEPT_SAVES = 3


@dataclass(frozen=True, slots=True)
class Save:
    """One save: its files and their SHA-256."""

    iteration: int
    weights: str
    weights_sha256: str
    state: str
    state_sha256: str


@dataclass(slots=True)
class ModelCard:
    """What ``model.json`` says. ``colour`` (side to 2x3) are the sides' mean colour statistics,
    ``history`` rows of iteration, loss of A, loss of B; ``saves`` are newest first."""

    trainer: str
    arguments: dict[str, Any]
    resolution: int
    coverage: float
    facesets: dict[Side, list[str]]
    colour: dict[Side, list[list[float]]]
    settings: dict[str, Any] = field(default_factory=dict)
    iteration: int = 0
    seconds: float = 0.0
    faces_seen: int = 0
    parted: bool = False
    history: list[list[float]] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)
    program: str = f"facedouble {__version__}"
    format: int = FORMAT

    def statistics(self, side: Side) -> FloatArray:
        return np.array(self.colour[side], dtype=np.float32)


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
        values["saves"] = [Save(**save) for save in values["saves"]]
        return ModelCard(**values)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(f"{file}: damaged ({error}); it is left as it is") from error


def save(
    folder: Path,
    card: ModelCard,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
) -> None:
    """Add a save to ``folder`` and drop the oldest beyond three. ``card.saves`` is brought up to
    date. Raises ``OutputError`` when the folder cannot be written."""
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
        )
        others = [old for old in card.saves if old.iteration != card.iteration]
        card.saves = [entry, *others][:KEPT_SAVES]
        text = json.dumps(asdict(card), indent=1, ensure_ascii=False)
        write_whole(folder / DESCRIPTION, text.encode(), durable=True)
        kept = {name for kept_save in card.saves for name in (kept_save.weights, kept_save.state)}
        for old in others:
            for name in {old.weights, old.state} - kept:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: the model cannot be saved ({error.strerror}); the save before it is whole"
        ) from error


def load(folder: Path, *, listener: Listener = ignore) -> tuple[SwapModel, ModelCard]:
    """The trained model for conversion: averaged weights of the newest save that is whole."""
    card = read_card(folder)
    entry, tensors = _newest(folder, card, "weights", listener)
    model = build(card.trainer, card.arguments)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{folder / entry.weights}: these weights are of another architecture") from error
    return model.eval(), card


def load_state(folder: Path, *, listener: Listener = ignore) -> tuple[ModelCard, dict[str, Tensor]]:
    """What training needs to go on, from the newest save that is whole."""
    card = read_card(folder)
    entry, tensors = _newest(folder, card, "state", listener)
    if entry.iteration != card.iteration:
        card.history = [row for row in card.history if row[0] <= entry.iteration]
    card.iteration = entry.iteration
    return card, tensors


def load_weights(
    folder: Path, card: ModelCard, *, listener: Listener = ignore
) -> tuple[dict[str, Tensor], ModelCard]:
    """The averaged weights that belong to ``card``'s iteration; see :func:`load_state`."""
    card.saves = [entry for entry in card.saves if entry.iteration <= card.iteration]
    _, tensors = _newest(folder, card, "weights", listener)
    return tensors, card


def _newest(folder: Path, card: ModelCard, kind: str, listener: Listener) -> tuple[Save, dict[str, Tensor]]:
    for entry in card.saves:
        file = folder / getattr(entry, kind)
        try:
            data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() == getattr(entry, f"{kind}_sha256"):
                return entry, load_tensors(data)
            reason = "its checksum is wrong"
        except (OSError, SafetensorError) as error:
            reason = str(error)
        listener(Noted(f"{file.name} is damaged ({reason}); trying the save before it", warning=True))
    raise ModelError(f"{folder}: none of its {len(card.saves)} saves can be read; nothing was changed")


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    draft = path.with_name(path.name + ".new")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft)
    with draft.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    draft.replace(path)
    return digest
