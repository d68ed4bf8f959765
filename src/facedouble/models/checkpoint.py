"""Model folders: saved so that nothing can be lost, loaded so that nothing is guessed.

    MODEL/
      model.json                    architecture, settings, iterations, loss history, facesets, saves
      weights-00001200.safetensors  the averaged weights, which conversion uses
      state-00001200.safetensors    what training needs to go on: live weights, optimizer, random state

Every file is written under another name, flushed to the disk, and renamed; ``model.json`` last, so
it never names a file that is not whole. The last three saves are kept, each with its checksums.
Weights are safetensors and the rest is JSON: opening a model cannot run code. Every weights file carries a
copy of the description, from which a ``model.json`` that is lost or empty is restored.

Training resumes from a save only if both its files are whole; conversion needs the weights alone. A save that
cannot be read, for whatever reason other than damage, ends both: it may be the best there is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facedouble.errors import FullError, ModelError, OutputError
from facedouble.files import (
    check_writable_folder,
    is_full,
    leads_out,
    open_regular,
    read_regular,
    remove_drafts,
    write_whole,
)
from facedouble.json_data import parse_json
from facedouble.models.base import SwapModel
from facedouble.models.card import DESCRIPTION, ModelCard, Save, card_of
from facedouble.models.tensor_files import DamageError, TensorSpec, read_header, read_tensors, write_tensors
from facedouble.run.run import Run
from facedouble.settings.train import Architecture

KEPT_SAVES = 3
FOLDERS = ("tensorboard", "time-lapse")
"""Folders in that of a model."""
_FILE = re.compile(r"(weights|state)-(\d{8,16})\.safetensors", re.ASCII)
_MAX_DESCRIPTION = 1 << 26  # bytes
_DESCRIBED = "facedouble"
"""Under this name the metadata of weights hold the description."""


def exists(folder: Path) -> bool:
    """Whether there is a model in ``folder``, or what is left of one."""
    return (folder / DESCRIPTION).exists() or bool(_saved(folder))


def read_card(folder: Path, *, run: Run | None = None) -> ModelCard:
    """The description of the model in ``folder``; one that is lost, empty or cut off is restored from what
    the weights say. Raises ``ModelError``."""
    file = folder / DESCRIPTION
    try:
        text = read_regular(file, _MAX_DESCRIPTION)
    except FileNotFoundError as error:
        if not _saved(folder):
            raise ModelError(
                f"{folder}: there is no model here (no {DESCRIPTION}); make one with train"
            ) from error
        return _restored(folder, "it is not there", run or Run())
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        # Measures may be NaN; where they may not, the record says so.
        values = parse_json(text, finite=False)
    except (ValueError, RecursionError) as error:
        return _restored(folder, str(error), run or Run())
    return card_of(values, str(file))


def _restored(folder: Path, why: str, run: Run) -> ModelCard:
    """The card of a model whose description cannot be used, from its weights."""
    saves: list[Save] = []
    described: dict[str, Any] | None = None
    for weights in sorted(_saved(folder), reverse=True):
        state = weights.replace("weights", "state", 1)
        try:
            values = parse_json(read_header(folder / weights)[1][_DESCRIBED], finite=False)
            card = card_of(values, weights)
            if (folder / state).exists():
                checksums = _checksum(folder / weights), _checksum(folder / state)
                saves.append(Save(card.iteration, weights, checksums[0], state, checksums[1], card.progress))
        except OSError as error:
            raise ModelError(f"{folder / weights}: cannot be read ({error.strerror})") from error
        except (DamageError, KeyError, ValueError, RecursionError, ModelError):
            continue
        described = described or values
    file = folder / DESCRIPTION
    if described is None or not saves:
        raise ModelError(f"{file}: damaged ({why}), and no save says what it held; it is left as it is")
    card = card_of(described, str(file))
    card.saves = saves
    run.warn(
        "model.restored",
        f"{file}: damaged ({why}); restored from {saves[0].weights}",
        folder=folder,
        iteration=saves[0].iteration,
    )
    return card


def _saved(folder: Path) -> list[str]:
    """Names of the files of weights in ``folder``."""
    try:
        return [path.name for path in folder.iterdir() if _FILE.fullmatch(path.name) and path.name[0] == "w"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror})") from error


def _checksum(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(folder: Path) -> None:
    """Raise ``OutputError`` if nothing can be saved in ``folder``, or a folder in it is a link that leads
    elsewhere. It is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable_folder(folder)
    except OSError as error:
        raise OutputError(f"{folder}: a model cannot be saved here ({error.strerror})") from error
    for name in FOLDERS:
        if leads_out(folder, folder / name):
            raise OutputError(f"{folder / name}: a link that leads out of the model's folder; remove it")


def save(
    folder: Path,
    card: ModelCard,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
) -> None:
    """Add a save to ``folder`` and drop what no kept save needs: the oldest beyond three, damaged
    ones, and what a killed run left half done. ``card.saves`` is brought up to date.

    Raises ``OutputError`` when the folder cannot be written, ``FullError`` when there is no room."""
    weights_name = f"weights-{card.iteration:08d}.safetensors"
    state_name = f"state-{card.iteration:08d}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_drafts(folder)
        values = asdict(card) | {"saves": []}
        described = {_DESCRIBED: json.dumps(values, ensure_ascii=False)}
        entry = Save(
            iteration=card.iteration,
            weights=weights_name,
            weights_sha256=write_tensors(folder / weights_name, weights, described),
            state=state_name,
            state_sha256=write_tensors(folder / state_name, state, {}),
            progress=card.progress,
        )
        others = [old for old in card.saves if old.iteration != card.iteration]
        saves = [entry, *others][:KEPT_SAVES]
        text = json.dumps(values | {"saves": [asdict(s) for s in saves]}, indent=1, ensure_ascii=False)
        write_whole(folder / DESCRIPTION, text.encode(), durable=True)
        card.saves = saves
        kept = {name for kept_save in saves for name in (kept_save.weights, kept_save.state)}
        for path in list(folder.iterdir()):
            if _FILE.fullmatch(path.name) and path.name not in kept:
                path.unlink(missing_ok=True)
    except OSError as error:
        kind = FullError if is_full(error) else OutputError
        raise kind(
            f"{folder}: the model cannot be saved ({error.strerror or error}); the save before it is whole"
        ) from error


def load(folder: Path, *, run: Run | None = None) -> tuple[SwapModel, ModelCard]:
    """The trained model for conversion: averaged weights of the newest save that is whole, and the card as
    it was then."""
    run = run or Run()
    card = read_card(folder, run=run)
    specs = tensor_specs(card.read_architecture())
    entry, (tensors,) = _newest(folder, card, specs, ("weights",), run)
    if specs != {name: TensorSpec.of(tensor) for name, tensor in tensors.items()}:
        raise ModelError(f"{folder / entry.weights}: these weights are of another architecture")
    model = card.read_architecture().build()
    model.load_state_dict(tensors)
    card.go_back(entry)
    return model.eval(), card


def resume(folder: Path, *, run: Run | None = None) -> tuple[ModelCard, dict[str, Tensor], dict[str, Tensor]]:
    """What training needs to resume, from the newest save of which both files are whole: the card as
    it was then, the averaged weights, and the state. Raises ``ModelError`` if there is none."""
    run = run or Run()
    card = read_card(folder, run=run)
    specs = tensor_specs(card.read_architecture())
    entry, (weights, state) = _newest(folder, card, specs, ("weights", "state"), run)
    card.go_back(entry)
    return card, weights, state


def tensor_specs(architecture: Architecture) -> dict[str, TensorSpec]:
    """Type and shape of everything in the weights of a model of this ``architecture``; takes no memory.
    Raises ``ModelError`` for more than any model here has."""
    with torch.device("meta"):
        network = architecture.build()
    specs = {name: TensorSpec.of(tensor) for name, tensor in network.state_dict().items()}
    size = sum(spec.bytes for spec in specs.values())
    if size > _MAX_WEIGHTS:
        raise ModelError(f"this model's architecture asks for {size / 1e9:.0f} GB of weights; too many")
    return specs


def _newest(
    folder: Path, card: ModelCard, specs: Mapping[str, TensorSpec], kinds: Sequence[str], run: Run
) -> tuple[Save, list[dict[str, Tensor]]]:
    """The newest save of ``card`` whose files of all ``kinds`` are whole, and what is in them."""
    size = sum(spec.bytes for spec in specs.values())
    limits = {"weights": size + _MORE, "state": _STATES * size + _MORE}
    for entry in card.saves:
        name = ""
        try:
            found = []
            for kind in kinds:
                name = getattr(entry, kind)
                found.append(read_tensors(folder / name, getattr(entry, f"{kind}_sha256"), limits[kind]))
            return entry, found
        except (DamageError, FileNotFoundError) as error:
            run.warn(
                "model.damaged_save",
                f"{folder}: the save of iteration {entry.iteration} is damaged ({error}); "
                "trying the one before it",
                folder=folder,
                iteration=entry.iteration,
            )
        except OSError as error:
            raise ModelError(
                f"{folder / name}: cannot be read ({error.strerror}); it may be whole, so nothing was changed"
            ) from error
    raise ModelError(f"{folder}: none of its {len(card.saves)} saves can be read; nothing was changed")


_MAX_WEIGHTS = 1 << 33  # bytes; the flagship has 0.3 GB
_STATES = 8  # times the size of the weights: live weights, two moments; and
_MORE = 1 << 30  # bytes for discriminators with theirs, and random states
