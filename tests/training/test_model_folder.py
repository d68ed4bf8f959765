"""What may happen around a training: links, a full disk, a person's own files, facesets that have changed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from facedouble.errors import FullError, OutputError
from facedouble.models import checkpoint
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.training import loop
from facedouble.training.loop import train
from facedouble.training.train_state import TrainState
from facedouble.types import OTHER_SIDE
from tests.full_disk import size_limit

from .conftest import SMALL, Facesets
from .how import varied

pytestmark = pytest.mark.training

DRAWN = varied(SMALL, write_image=True, save_interval=2)


def notices(heard: list[Event]) -> dict[str, Notice]:
    return {event.code: event for event in heard if isinstance(event, Notice)}


def train_again(facesets: Facesets, model: Path, **options: object) -> dict[str, Notice]:
    heard: list[Event] = []
    train(facesets["a"], facesets["b"], model, varied(DRAWN, **options), run=Run([heard.append]))
    return notices(heard)


def test_no_link_in_the_folder_is_written_through(facesets: Facesets, tmp_path: Path) -> None:
    model, outside = tmp_path / "m", tmp_path / "outside"
    outside.write_bytes(b"mine")
    (model / "time-lapse").mkdir(parents=True)
    pictures = ("preview.png", "losses.png", "time-lapse/00000002.png")
    for name in (*pictures[:2], "model.json.new", *(f"{picture}.new" for picture in pictures)):
        (model / name).symlink_to(outside)
    train_again(facesets, model)
    assert outside.read_bytes() == b"mine"
    for name in pictures:
        assert not (model / name).is_symlink()
        assert (model / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["tensorboard", "time-lapse"])
def test_a_folder_that_leads_elsewhere_is_refused_before_the_first_step(
    facesets: Facesets, tmp_path: Path, name: str
) -> None:
    model, outside = tmp_path / "m", tmp_path / "outside"
    outside.mkdir()
    model.mkdir()
    (model / name).symlink_to(outside)
    with pytest.raises(OutputError, match=f"{name}: a link that leads out"):
        train_again(facesets, model)
    assert list(outside.iterdir()) == []
    assert [path.name for path in model.iterdir()] == [name]


def test_a_persons_own_pictures_in_the_time_lapse_do_no_harm(facesets: Facesets, tmp_path: Path) -> None:
    folder = tmp_path / "m" / "time-lapse"
    folder.mkdir(parents=True)
    own = ("favourite.png", "00000020 copy.png", "²²²²²²²².png", "٠٠٠٠٠٠٢٠.png", "20.png")
    for name in own:
        (folder / name).write_bytes(b"mine")
    train_again(facesets, tmp_path / "m")
    assert {path.name for path in folder.iterdir()} > {*own, "00000002.png"}
    assert all((folder / name).read_bytes() == b"mine" for name in own)


def test_folders_that_cannot_be_used_end_nothing(facesets: Facesets, tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.mkdir()
    for name in ("tensorboard", "time-lapse"):
        (model / name).write_bytes(b"mine")
    heard: list[Event] = []
    result = train(facesets["a"], facesets["b"], model, DRAWN, run=Run([heard.append]))
    assert result.iteration == 6
    texts = [e.text for e in heard if isinstance(e, Notice) and e.code == "subscriber.failed"]
    assert {text.split()[0] for text in texts} == {"TensorBoard", "TimeLapse"}
    assert (model / "tensorboard").read_bytes() == b"mine"


def test_on_a_full_disk_it_waits_for_room_and_says_so(
    facesets: Facesets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_TRY_AGAIN", 0.01)
    model, heard = tmp_path / "m", list[Event]()
    whole = train(facesets["a"], facesets["b"], tmp_path / "whole", DRAWN)
    with ExitStack() as full:

        def follow(event: Event) -> None:
            heard.append(event)
            if isinstance(event, Notice) and event.code == "train.disk_full":
                assert [entry.iteration for entry in checkpoint.read_card(model).saves] == [2, 0]
                full.close()  # somebody makes room
            elif len(checkpoint.read_card(model).saves) == 2 and not full_once:
                full_once.append(True)
                full.enter_context(size_limit(1000))

        full_once: list[bool] = []
        result = train(facesets["a"], facesets["b"], model, DRAWN, run=Run([follow]))
    assert result.iteration == 6
    assert result.loss_a == pytest.approx(whole.loss_a)
    assert [entry.iteration for entry in checkpoint.read_card(model).saves] == [6, 4, 2]
    assert "free some space" in notices(heard)["train.disk_full"].text
    assert not list(model.rglob(".*"))


def test_on_a_full_disk_it_can_be_stopped(facesets: Facesets, tmp_path: Path) -> None:
    model = tmp_path / "m"
    train_again(facesets, model, iterations=2)
    run = Run()
    run.subscribe(lambda e: run.cancel() if isinstance(e, Notice) and e.code == "train.disk_full" else None)
    with size_limit(1000), pytest.raises(FullError, match="cannot be saved"):
        train(facesets["a"], facesets["b"], model, DRAWN, run=run)
    assert checkpoint.resume(model)[0].iteration == 2


def test_a_disk_that_is_full_before_the_first_step_is_one_line(facesets: Facesets, tmp_path: Path) -> None:
    with size_limit(1000), pytest.raises(FullError, match="cannot be saved"):
        train_again(facesets, tmp_path / "m")
    assert not list((tmp_path / "m").glob("*.safetensors"))


@pytest.mark.parametrize("moved", [False, True])
def test_exchanged_sides_are_noticed(facesets: Facesets, tmp_path: Path, moved: bool) -> None:
    train_again(facesets, tmp_path / "m", iterations=1)
    assert "train.sides_exchanged" not in train_again(facesets, tmp_path / "m", iterations=2)
    other: Facesets = {side: facesets[OTHER_SIDE[side]] for side in facesets}  # type: ignore[index]
    if moved:
        for side, [path] in list(other.items()):
            other[side] = [shutil.copytree(path, tmp_path / f"as {side}")]
    notice = train_again(other, tmp_path / "m", iterations=3)["train.sides_exchanged"]
    assert notice.severity == "warning"


def test_an_unfinished_faceset_is_noticed(facesets: Facesets, tmp_path: Path) -> None:
    path = shutil.copytree(facesets["a"][0], tmp_path / "a")
    database = sqlite3.connect(path / "faceset.sqlite")
    database.execute("DELETE FROM meta WHERE key = 'complete'")
    database.commit()
    database.close()
    found = train_again({**facesets, "a": [path]}, tmp_path / "m", iterations=1)
    assert "did not finish; training sees the 10 faces of A" in found["train.unfinished_faceset"].text


def test_weights_that_are_no_numbers_are_never_saved(
    facesets: Facesets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step may end in them while its losses were still numbers."""
    update = TrainState.update_ema
    done: list[int] = []

    def spoil(state: TrainState) -> None:
        update(state)
        if state.card.iteration == 3 and not done:
            done.append(3)
            with torch.no_grad():
                next(state.ema.parameters()).fill_(float("nan"))

    monkeypatch.setattr(TrainState, "update_ema", spoil)
    found = train_again(facesets, tmp_path / "m")
    assert done == [3]
    assert "back to iteration 2" in found["train.diverged"].text
    network, card = checkpoint.load(tmp_path / "m")
    assert card.iteration == 6
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
