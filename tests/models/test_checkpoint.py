import json
from pathlib import Path

import pytest
import torch

from facedouble.errors import ModelError, OutputError
from facedouble.models import checkpoint
from facedouble.models.base import build
from facedouble.models.checkpoint import ModelCard
from facedouble.run.events import Event
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.types import Side

ARGUMENTS = {"filters": 4, "bottleneck": 8}


def card() -> ModelCard:
    colour: dict[Side, list[list[float]]] = {"a": [[0.5] * 3, [0.2] * 3], "b": [[0.4] * 3, [0.1] * 3]}
    return ModelCard({"kind": "original", **ARGUMENTS}, 64, 0.7, {"a": ["x"], "b": ["y"]}, colour)


def save(folder: Path, model_card: ModelCard, iteration: int, value: float) -> None:
    model = build("original", ARGUMENTS)
    torch.nn.init.constant_(next(model.parameters()), value)
    model_card.iteration = iteration
    state = {"progress": torch.tensor([1.0, 2.0, 0.0]), "value": torch.tensor(value)}
    checkpoint.save(folder, model_card, model.state_dict(), state)


def first_weight(folder: Path, heard: list[Event] | None = None) -> float:
    model, _ = checkpoint.load(folder, run=Run([(heard if heard is not None else []).append]))
    return float(next(model.parameters()).flatten()[0])


def test_the_newest_of_three_kept_saves_is_loaded(tmp_path: Path) -> None:
    c = card()
    for i in range(1, 6):
        save(tmp_path, c, i * 10, float(i))
    assert first_weight(tmp_path) == 5.0
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == sorted(
        ["model.json"]
        + [f"{kind}-{i:08d}.safetensors" for kind in ("weights", "state") for i in (30, 40, 50)]
    )


def test_a_damaged_save_is_reported_and_the_one_before_it_used(tmp_path: Path) -> None:
    c = card()
    save(tmp_path, c, 10, 1.0)
    save(tmp_path, c, 20, 2.0)
    newest = tmp_path / "weights-00000020.safetensors"
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    heard: list[Event] = []
    assert first_weight(tmp_path, heard) == 1.0
    assert "checksum" in str(heard[0])
    assert newest.read_bytes() == data, "loading changes nothing"
    assert checkpoint.load(tmp_path)[1].iteration == 10, "what it says is true of these weights"


def test_no_whole_save_is_an_error_that_changes_nothing(tmp_path: Path) -> None:
    save(tmp_path, card(), 10, 1.0)
    (tmp_path / "weights-00000010.safetensors").write_bytes(b"junk")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ModelError, match="saves"):
        checkpoint.load(tmp_path)
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1, "saves": []}'])
def test_a_damaged_description_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelError):
        checkpoint.read_card(tmp_path)
    assert (tmp_path / "model.json").read_text() == text


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    save(tmp_path, card(), 10, 1.0)
    values = json.loads((tmp_path / "model.json").read_text())
    values["architecture"] = {"kind": "original", "filters": 8, "bottleneck": 8}
    (tmp_path / "model.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="architecture"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("kind", ["weights", "state"])
def test_weights_and_state_go_back_together(tmp_path: Path, kind: str) -> None:
    c = card()
    c.learning_rate_scale = 0.5
    save(tmp_path, c, 10, 1.0)
    c.history, c.learning_rate_scale = [[10, 0.5, 0.5], [20, 0.4, 0.4]], 0.25
    c.iteration = 20
    c.note({"score": 0.7})
    save(tmp_path, c, 20, 2.0)
    (tmp_path / f"{kind}-00000020.safetensors").write_bytes(b"")
    loaded, weights, state = checkpoint.resume(tmp_path)
    assert (loaded.iteration, loaded.learning_rate_scale, loaded.best) == (10, 0.5, None)
    (name, _), *_ = build("original", ARGUMENTS).named_parameters()
    assert (weights[name] == 1).all()
    assert float(state["value"]) == 1.0
    assert loaded.history == [[10, 0.5, 0.5]]
    assert loaded.measures == []
    assert [entry.iteration for entry in loaded.saves] == [10]


def test_the_next_save_clears_away_what_is_damaged_or_half_done(tmp_path: Path) -> None:
    c = card()
    for i in (10, 20):
        save(tmp_path, c, i, float(i))
    (tmp_path / "state-00000020.safetensors").write_bytes(b"junk")
    half = ("weights-00000025.safetensors", "state-00000025.safetensors.new")
    for name in (*half, "weights-mine.safetensors"):
        (tmp_path / name).write_bytes(b"half")
    resumed, _, _ = checkpoint.resume(tmp_path)
    save(tmp_path, resumed, 15, 3.0)
    names = {path.name for path in tmp_path.iterdir()}
    kept = {f"{kind}-{i:08d}.safetensors" for kind in ("weights", "state") for i in (10, 15)}
    assert names == {"model.json", "weights-mine.safetensors", *kept}


def test_a_save_that_fails_leaves_those_before_as_they_are(tmp_path: Path) -> None:
    c = card()
    save(tmp_path, c, 10, 1.0)
    (tmp_path / "state-00000020.safetensors.new").mkdir()  # in the way of the draft
    with pytest.raises(OutputError, match="whole"):
        save(tmp_path, c, 20, 2.0)
    assert first_weight(tmp_path) == 1.0
    assert checkpoint.resume(tmp_path)[0].iteration == 10


def test_no_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train"):
        checkpoint.load(tmp_path / "none")


def test_the_settings_of_a_training_are_read_back_from_its_model(tmp_path: Path) -> None:
    settings = TrainSettings.read({"architecture": {"kind": "original", **ARGUMENTS}, "seed": 7})
    c = card()
    c.settings = settings.dump()
    save(tmp_path, c, 10, 1.0)
    loaded = checkpoint.load(tmp_path)[1]
    assert loaded.read_settings() == settings
    loaded.settings["seed"] = "seven"
    with pytest.raises(ModelError, match="seed"):
        loaded.read_settings()
