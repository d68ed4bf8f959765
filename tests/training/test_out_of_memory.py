"""Memory that runs out in the middle of a run: with the exceptions that devices raise, from a limit that is
set here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facedouble.errors import TrainingError
from facedouble.models import checkpoint
from facedouble.models.classic import Classic
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.training import setup as preparation
from facedouble.training.loop import train
from facedouble.training.warp.pairs import Pairs, make_pairs
from facedouble.types import Side
from tests.training.how import varied

from .conftest import SMALL, Facesets

pytestmark = pytest.mark.training

ORIGINAL = varied(SMALL, trainer="original", arguments=("filters=4", "bottleneck=8"), batch_size=4)
ERRORS: list[Callable[[], BaseException]] = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    lambda: RuntimeError("MPS backend out of memory (MPS allocated: 9.06 GB, max allowed: 9.07 GB)."),
    MemoryError,
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So that both sides go through the encoder in one call, on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(facesets: Facesets, model: Path) -> tuple[list[list[float]], list[Notice]]:
    """The history of a training, and its warnings."""
    heard: list[Event] = []
    train(facesets["a"], facesets["b"], model, ORIGINAL, run=Run([heard.append]))
    notices = [event for event in heard if isinstance(event, Notice) and event.severity == "warning"]
    return checkpoint.read_card(model).history, notices


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "mps", "system"])
def test_the_network_has_no_room_from_the_third_step_on(
    facesets: Facesets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Callable[[], BaseException]
) -> None:
    """Another program took it meanwhile. This step and all after it are taken in parts."""
    whole, _ = trained(facesets, tmp_path / "whole")
    encode, calls = Classic.encode, []

    def limited(self: Classic, faces: Tensor, side: Side) -> Tensor:
        if torch.is_grad_enabled():
            calls.append(len(faces))
            if len(calls) > 2 and len(faces) > 4:
                raise error()
        return encode(self, faces, side)

    monkeypatch.setattr(Classic, "encode", limited)
    found, warnings = trained(facesets, tmp_path / "limited")
    assert [notice.code for notice in warnings] == ["train.out_of_memory"]
    assert warnings[0].data["micro_batch"] == 4
    assert len(found) == len(whole) == 6
    assert np.allclose(found, whole, rtol=1e-3)


def test_a_batch_has_no_room_once(
    facesets: Facesets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the thread that makes it. The same faces are drawn again; the network takes less from then on."""
    whole, _ = trained(facesets, tmp_path / "whole")
    made: list[Pairs] = []

    def once(*arguments: Any) -> Pairs:
        if len(made) == 5:
            made.append(made[-1])
            raise torch.OutOfMemoryError("CUDA out of memory.")
        made.append(make_pairs(*arguments))
        return made[-1]

    monkeypatch.setattr(preparation, "make_pairs", once)
    found, warnings = trained(facesets, tmp_path / "limited")
    assert [notice.code for notice in warnings] == ["train.out_of_memory"]
    assert np.allclose(found, whole, rtol=1e-3)


def test_where_there_is_no_room_at_all_what_was_saved_stays(
    facesets: Facesets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, calls = Classic.encode, []

    def limited(self: Classic, faces: Tensor, side: Side) -> Tensor:
        if torch.is_grad_enabled():
            calls.append(len(faces))
            if len(calls) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(self, faces, side)

    monkeypatch.setattr(Classic, "encode", limited)
    with pytest.raises(TrainingError, match="out of memory even with one face of each side"):
        trained(facesets, tmp_path / "m")
    assert checkpoint.read_card(tmp_path / "m").saves
