"""What follows a training from its events alone; and that one model is trained by one run at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import BusyError
from facedouble.models import checkpoint
from facedouble.models.card import ModelCard
from facedouble.run.events import Event, Metrics, Notice, Preview, Progress
from facedouble.run.locks import hold
from facedouble.run.run import Run
from facedouble.training.loop import train
from facedouble.training.subscribers import Curves, TensorBoard, TimeLapse
from facedouble.video.images import read_image, write_png

from .conftest import SMALL, Facesets
from .how import varied


@pytest.mark.training
def test_metrics_come_as_numbers_with_units(facesets: Facesets, tmp_path: Path) -> None:
    heard: list[Event] = []
    settings = varied(SMALL, measure=True, write_image=True)
    result = train(facesets["a"], facesets["b"], tmp_path / "m", settings, run=Run([heard.append]))
    metrics = [event for event in heard if isinstance(event, Metrics) and event.stage == "train"]
    losses = [event for event in metrics if "loss/a" in event.values]
    assert [event.step for event in losses] == [1, 2, 3, 4, 5, 6]
    assert losses[-1].values["loss/a"] == result.loss_a
    assert losses[-1].units == {"speed": "faces/s"}
    history = checkpoint.read_card(tmp_path / "m").history
    assert [[e.step, e.values["loss/a"], e.values["loss/b"]] for e in losses] == history
    [*_, held_out] = [event for event in metrics if "held_out/ssim" in event.values]
    assert held_out.step == 6
    assert held_out.values["held_out/score"] == checkpoint.read_card(tmp_path / "m").measures[-1]["score"]
    previews = [event for event in heard if isinstance(event, Preview)]
    assert previews[-1].path == tmp_path / "m" / "preview.png"
    assert previews[-1].step == 6
    assert [e.done for e in heard if isinstance(e, Progress) and e.stage == "train"] == [1, 2, 3, 4, 5, 6]


@pytest.mark.training
def test_a_second_training_of_a_model_is_refused_and_a_faceset_being_written_is_told(
    facesets: Facesets, tmp_path: Path
) -> None:
    with hold(tmp_path / "m", inside=True), pytest.raises(BusyError, match="another run is writing it"):
        train(facesets["a"], facesets["b"], tmp_path / "m", SMALL)
    assert not (tmp_path / "m").exists()
    heard: list[Event] = []
    with hold(facesets["a"][0], inside=True):
        train(facesets["a"], facesets["b"], tmp_path / "m", SMALL, run=Run([heard.append]))
    [notice] = [e for e in heard if isinstance(e, Notice) and e.code == "input.being_written"]
    assert notice.severity == "warning"
    assert notice.data["path"] == str(facesets["a"][0])


def test_tensorboard_gets_what_is_new_at_most_once_a_second(tmp_path: Path) -> None:
    time = 0.0
    board = TensorBoard(tmp_path / "events", now=lambda: time)
    sizes = []
    for now, event in (
        (0.0, Metrics("train", 1, {"loss/a": 0.5})),
        (0.5, Metrics("train", 2, {"loss/a": 0.4})),
        (0.6, Metrics("train", 2, {"held_out/ssim": 0.4})),
        (1.7, Metrics("train", 3, {"loss/a": 0.3})),
        (9.0, Metrics("find", 3, {"faces": 3})),
    ):
        time = now
        board(event)
        [file] = (tmp_path / "events").iterdir()
        sizes.append(file.stat().st_size)
    assert sizes[0] == sizes[1] < sizes[2] < sizes[3] == sizes[4]


def test_curves_go_back_with_the_training(tmp_path: Path) -> None:
    card = ModelCard.__new__(ModelCard)
    card.history, card.measures = [[1, 0.9, 0.8], [2, 0.8, 0.7]], [{"iteration": 2, "ssim": 0.5}]
    pictures = []
    for steps in ((3, 4), (3, 4, 3, 4), (3, 9)):
        curves = Curves(tmp_path / "losses.png", card)
        for step in steps:
            curves(Metrics("train", step, {"loss/a": 0.7 / step, "loss/b": 0.6 / step}))
        curves(Preview("train", 4, tmp_path / "preview.png", ""))
        pictures.append(read_image(tmp_path / "losses.png"))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_the_time_lapse_keeps_some_previews_and_other_files_are_let_be(tmp_path: Path) -> None:
    preview = tmp_path / "preview.png"
    (tmp_path / "lapse").mkdir()
    (tmp_path / "lapse" / "favourite.png").write_bytes(b"mine")
    lapse = TimeLapse(tmp_path / "lapse")
    for step in (1, 100, 101, 104):
        write_png(preview, np.full((4, 4, 3), step, np.uint8))
        lapse(Preview("train", step, preview, ""))
    names = sorted(path.name for path in (tmp_path / "lapse").iterdir())
    assert names == ["00000001.png", "00000100.png", "00000104.png", "favourite.png"]
    assert read_image(tmp_path / "lapse" / "00000100.png")[0, 0, 0] == 100
    TimeLapse(tmp_path / "lapse")(Preview("train", 105, preview, ""))
    assert not (tmp_path / "lapse" / "00000105.png").exists()
