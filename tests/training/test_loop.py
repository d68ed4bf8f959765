"""Training on small facesets made from real frames."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facedouble.config import ExtractSettings, TrainSettings
from facedouble.errors import ModelError, SettingsError, TrainingError
from facedouble.events import Event, Progressed
from facedouble.extraction.extract import extract
from facedouble.models import checkpoint
from facedouble.training.loop import train
from facedouble.video import open_source
from facedouble.video.images import read_image, write_png

FACES = 10
SHORT = TrainSettings(iterations=6, batch_size=2, device="cpu", precision="fp32", seed=3)


@pytest.fixture(scope="module")
def facesets(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    root = tmp_path_factory.mktemp("facesets")
    result = {}
    for side, clip in (("a", "sample_02"), ("b", "sample_04")):
        images = root / f"images {side}"
        images.mkdir()
        for frame in islice(open_source(clips[clip]).frames(), 0, FACES * 10, 10):
            write_png(images / f"{frame.index:03d}.png", frame.image)
        extract(images, root / side, ExtractSettings(processes=1))
        result[side] = [root / side]
    return result


def losses(facesets: dict[str, list[Path]], model: Path, settings: TrainSettings) -> list[list[float]]:
    train(facesets["a"], facesets["b"], model, settings)
    history: list[list[float]] = json.loads((model / "model.json").read_text())["history"]
    return history


def test_the_loss_falls_and_everything_is_written(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    result = train(facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, iterations=40))
    history = checkpoint.read_card(tmp_path / "m").history
    assert (result.iteration, result.faces_seen) == (40, 160)
    assert history[-1][1] < history[0][1]
    assert history[-1][2] < history[0][2]
    preview = read_image(tmp_path / "m" / "preview.png")
    assert preview.shape == (6 * 96, 7 * 96, 3)
    model, card = checkpoint.load(tmp_path / "m")
    assert model.resolution == card.resolution == 96


def test_stopped_and_resumed_it_goes_on_as_if_never_stopped(
    facesets: dict[str, list[Path]], tmp_path: Path
) -> None:
    settings = replace(SHORT, iterations=8)
    whole = losses(facesets, tmp_path / "whole", settings)

    def stop_after_three(event: Event) -> None:
        if isinstance(event, Progressed) and event.stage == "train" and event.figures["iteration"] == "3":
            os.kill(os.getpid(), signal.SIGINT)

    first = train(facesets["a"], facesets["b"], tmp_path / "parts", settings, listener=stop_after_three)
    assert first.iteration == 3
    parts = losses(facesets, tmp_path / "parts", settings)
    assert [row[0] for row in parts] == list(range(1, 9))
    assert np.allclose(whole, parts, rtol=1e-4), (whole, parts)


def test_the_same_seed_gives_the_same_model_and_another_does_not(
    facesets: dict[str, list[Path]], tmp_path: Path
) -> None:
    def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
        train(facesets["a"], facesets["b"], tmp_path / name, replace(SHORT, seed=seed))
        return load_file(tmp_path / name / "weights-00000006.safetensors")

    one, two, other = weights("1", 3), weights("2", 3), weights("3", 4)
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
    assert any(not torch.allclose(one[name], other[name], atol=1e-3) for name in one)


def test_a_resumed_parted_model_keeps_its_two_decoders(
    facesets: dict[str, list[Path]], tmp_path: Path
) -> None:
    train(facesets["a"], facesets["b"], tmp_path / "m", SHORT)
    before = load_file(tmp_path / "m" / "state-00000006.safetensors")
    a, b = (before[f"weight/decoders.{side}.0.convolution.weight"] for side in ("a", "b"))
    assert not torch.equal(a, b)
    train(facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, iterations=7))
    after = load_file(tmp_path / "m" / "state-00000007.safetensors")
    a2, b2 = (after[f"weight/decoders.{side}.0.convolution.weight"] for side in ("a", "b"))
    assert (b2 - b).abs().max() < (a - b).abs().max(), "B's decoder went on from where it was"
    assert not torch.equal(a2, b2)


def test_ctrl_c_finishes_the_step_and_saves(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    heard: list[Event] = []

    def listener(event: Event) -> None:
        heard.append(event)
        steps = [e for e in heard if isinstance(e, Progressed) and e.stage == "train"]
        if isinstance(event, Progressed) and len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    result = train(
        facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, iterations=10_000), listener=listener
    )
    assert result.stopped == "stopped by hand"
    assert result.iteration < 100
    assert checkpoint.read_card(tmp_path / "m").iteration == result.iteration


def test_minutes_are_kept(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    start = time.perf_counter()
    result = train(facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, iterations=0, minutes=0.05))
    assert result.iteration > 0
    assert 3 <= result.seconds
    assert time.perf_counter() - start < 60


def test_too_few_faces_one_line_and_nothing_written(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    crops = sorted((facesets["b"][0] / "faces").iterdir())
    hidden = tmp_path / "hidden.png"
    crops[0].rename(hidden)
    try:
        with pytest.raises(TrainingError, match="9 faces"):
            train(facesets["a"], facesets["b"], tmp_path / "m", SHORT)
    finally:
        hidden.rename(crops[0])
    assert not (tmp_path / "m").exists()


def test_a_model_of_another_kind_is_not_overwritten(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    train(facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, iterations=1))
    before = {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()}
    with pytest.raises(ModelError, match="-t quick"):
        train(facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, trainer="original"))
    (tmp_path / "m" / "model.json").write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        train(facesets["a"], facesets["b"], tmp_path / "m", SHORT)
    after = {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()}
    assert {**before, "model.json": b"{"} == after


@pytest.mark.parametrize("change", [{"trainer": "nonesuch"}, {"device": "cuda:99"}, {"precision": "fp7"}])
def test_wrong_settings_are_one_clear_line(
    change: dict[str, str], facesets: dict[str, list[Path]], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError):
        train(facesets["a"], facesets["b"], tmp_path / "m", replace(SHORT, **change))
