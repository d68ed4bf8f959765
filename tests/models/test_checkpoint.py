import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from facedouble.errors import FullError, ModelError, OutputError
from facedouble.models import checkpoint
from facedouble.models.base import build
from facedouble.models.card import ModelCard
from facedouble.models.registry import MODELS
from facedouble.models.tensor_files import TensorSpec
from facedouble.run.events import Event
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.types import Side
from tests.full_disk import size_limit

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


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', "null", '"a"', '{"format": [1]}'])
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
    half = ("weights-00000025.safetensors", ".0123456789abcdef.new")
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
    (tmp_path / "state-00000020.safetensors").mkdir()  # in the way
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


def description(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return found


HOSTILE: dict[str, dict[str, Any]] = {
    "wrong types": {"iteration": "10", "resolution": "64"},
    "unknown name": {"pickle": "cos"},
    "negative": {"iteration": -3},
    "huge": {"iteration": 10**400},
    "coverage": {"coverage": 0},
    "nan": {"coverage": float("nan")},
    "no kind": {"architecture": {}},
    "kind of a list": {"architecture": {"kind": ["original"]}},
    "unknown kind": {"architecture": {"kind": "os.system"}},
    "no number": {"architecture": {"kind": "original", "filters": "4"}},
    "wide": {"architecture": {"kind": "original", "filters": 10**9}},
    "deep": {"architecture": {"kind": "double", "residuals": 10**9}},
    "outside": {"saves": [{"weights": "../weights-00000010.safetensors"}]},
    "absolute": {"saves": [{"weights": "/etc/passwd"}]},
    "many saves": {"saves": [{}] * 101},
    "colours": {"colour": {"a": [[1]], "b": []}},
    "sides": {"facesets": {"c": []}},
    "one side": {"colour": {"a": [[0.5] * 3, [0.2] * 3]}},
    "one side's facesets": {"facesets": {"a": []}},
    "no name": {"facesets": {"a": ["x\0y"], "b": []}},
    "measures": {"measures": [{"ssim": 1.0}]},
}


@pytest.mark.parametrize("harm", HOSTILE)
def test_a_description_is_checked_before_it_is_used(tmp_path: Path, harm: str) -> None:
    save(tmp_path, card(), 10, 1.0)
    values = description(tmp_path)
    for name, value in HOSTILE[harm].items():
        if name == "saves":
            value = [{**values["saves"][0], **entry} for entry in value]
        values[name] = value
    (tmp_path / "model.json").write_text(json.dumps(values))
    before = (tmp_path / "model.json").read_bytes()
    for use in (checkpoint.load, checkpoint.resume):
        with pytest.raises(ModelError) as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 1000
    assert (tmp_path / "model.json").read_bytes() == before


def test_losses_and_measures_that_are_not_known_are_no_damage(tmp_path: Path) -> None:
    c = card()
    c.history, c.measures = [[10, 0.25, math.nan]], [{"iteration": 10, "ssim": math.nan}]
    save(tmp_path, c, 10, 1.0)
    heard: list[Event] = []
    assert first_weight(tmp_path, heard) == 1.0
    assert not heard
    assert math.isnan(checkpoint.read_card(tmp_path).measures[0]["ssim"])
    (tmp_path / "model.json").unlink()
    assert math.isnan(checkpoint.read_card(tmp_path).history[0][2])


def test_a_newer_model_is_not_called_damaged(tmp_path: Path) -> None:
    save(tmp_path, card(), 10, 1.0)
    (tmp_path / "model.json").write_text(json.dumps({**description(tmp_path), "format": 3, "more": {}}))
    with pytest.raises(ModelError, match=r"newer version.*upgrade"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("text", [b"", bytes(4000), b"{", b"[" * 100_000, None])
def test_a_lost_description_is_restored_from_the_weights(tmp_path: Path, text: bytes | None) -> None:
    c = card()
    c.learning_rate_scale, c.history = 0.5, [[10, 0.25, 0.5]]
    save(tmp_path, c, 10, 1.0)
    save(tmp_path, c, 20, 2.0)
    whole = checkpoint.read_card(tmp_path)
    if text is None:
        (tmp_path / "model.json").unlink()
    else:
        (tmp_path / "model.json").write_bytes(text)
    assert checkpoint.exists(tmp_path)
    heard: list[Event] = []
    assert first_weight(tmp_path, heard) == 2.0
    assert "restored from weights-00000020" in str(heard[0])
    restored = checkpoint.resume(tmp_path)[0]
    assert restored == whole
    save(tmp_path, restored, 30, 3.0)
    assert [entry["iteration"] for entry in description(tmp_path)["saves"]] == [30, 20, 10]


def test_a_save_that_cannot_be_read_is_not_damaged_and_not_deleted(tmp_path: Path) -> None:
    """As a share answers for a moment. A device stands for it, which cannot be read either."""
    c = card()
    save(tmp_path, c, 10, 1.0)
    save(tmp_path, c, 20, 2.0)
    newest = tmp_path / "weights-00000020.safetensors"
    kept = newest.read_bytes()
    newest.unlink()
    os.mkfifo(newest)
    for use in (checkpoint.load, checkpoint.resume):
        with pytest.raises(ModelError, match=r"weights-00000020.safetensors: cannot be read .*may be whole"):
            use(tmp_path)
    newest.unlink()
    newest.write_bytes(kept)
    assert first_weight(tmp_path) == 2.0


@pytest.mark.parametrize("name", ["model.json", "weights-00000010.safetensors"])
@pytest.mark.parametrize("what", ["/dev/zero", "elsewhere", "pipe"])
def test_a_model_is_made_of_its_own_files(tmp_path: Path, name: str, what: str) -> None:
    folder = tmp_path / "model"
    save(folder, card(), 10, 1.0)
    (folder / name).rename(tmp_path / "elsewhere")
    if what == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(tmp_path / what)
    with pytest.raises(ModelError, match=r"not a file|a link"):
        checkpoint.load(folder)


def test_no_link_in_a_models_folder_is_written_through(tmp_path: Path) -> None:
    folder, outside = tmp_path / "model", tmp_path / "outside"
    outside.write_bytes(b"mine")
    folder.mkdir()
    names = ("model.json", "weights-00000010.safetensors", "state-00000010.safetensors", ".writable")
    for name in names:
        for planted in (name, f"{name}.new"):
            (folder / planted).symlink_to(outside)
    checkpoint.check_writable(folder)
    save(folder, card(), 10, 1.0)
    assert outside.read_bytes() == b"mine"
    assert not any((folder / name).is_symlink() for name in names[:3])


@pytest.mark.parametrize("name", ["tensorboard", "time-lapse"])
def test_a_folder_that_leads_out_of_the_models_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "outside")
    with pytest.raises(OutputError, match="a link that leads out"):
        checkpoint.check_writable(folder)


def test_every_architecture_has_the_specs_of_its_weights() -> None:
    for kind in ("original", "quick", "gan"):
        network = build(kind)
        specs = checkpoint.tensor_specs(MODELS[kind].read({"kind": kind}))
        assert specs == {name: TensorSpec.of(tensor) for name, tensor in network.state_dict().items()}


def test_weights_too_large_for_any_machine_are_refused_before_they_are_made() -> None:
    sizes = {"kind": "original", "filters": 1024, "bottleneck": 8192}
    with pytest.raises(ModelError, match="GB of weights"):
        checkpoint.tensor_specs(MODELS["original"].read(sizes))


def test_a_full_disk_is_told_apart_and_leaves_the_save_before_whole(tmp_path: Path) -> None:
    c = card()
    save(tmp_path, c, 10, 1.0)
    with size_limit(1000), pytest.raises(FullError, match="the save before it is whole"):
        save(tmp_path, c, 20, 2.0)
    assert first_weight(tmp_path) == 1.0
    assert len(list(tmp_path.iterdir())) == 3
    save(tmp_path, c, 20, 2.0)
    assert first_weight(tmp_path) == 2.0
