from pathlib import Path

import numpy as np
import pytest

from facedouble.demo import _write_project, demo
from facedouble.errors import InputError, SettingsError
from facedouble.models import checkpoint
from facedouble.models.card import ModelCard
from facedouble.project.file import read_project
from facedouble.settings.demo import Clips, DemoSettings
from facedouble.settings.train import TrainSettings


def test_clips_of_one_person_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"`clips\.b`: is missing"):
        DemoSettings.read({"output": str(tmp_path / "out"), "clips": {"a": ["a.mp4"]}})
    assert not (tmp_path / "out").exists()


def test_a_clip_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.mp4"):
        clips = Clips(a=(tmp_path / "a.mp4",), b=(tmp_path / "b.mp4",))
        demo(DemoSettings(output=tmp_path / "out", clips=clips))


def test_unseen_needs_a_clip_to_train_on(clips: dict[str, Path], tmp_path: Path) -> None:
    one = (clips["sample_02"],)
    with pytest.raises(SettingsError, match="two clips of A"):
        mine = Clips(a=one, b=(clips["sample_04"],))
        demo(DemoSettings(output=tmp_path / "out", clips=mine, unseen=True))


def test_a_model_of_other_clips_is_not_trained_on(clips: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out"
    colour = np.full((2, 3), 0.5).tolist()
    card = ModelCard({"kind": "quick"}, 96, 0.7, {"a": ["x"], "b": ["y"]}, {"a": colour, "b": colour})
    checkpoint.save(output / "model-quick", card, {}, {})
    before = {p.name: p.read_bytes() for p in (output / "model-quick").iterdir()}
    with pytest.raises(SettingsError, match="other clips"):
        demo(DemoSettings(output=output, quick=True))
    assert before == {p.name: p.read_bytes() for p in (output / "model-quick").iterdir()}


def test_the_demonstration_can_be_taken_further_as_a_project(tmp_path: Path) -> None:
    clips = ([tmp_path / "one.mp4", tmp_path / "two.mp4"], [tmp_path / "three.mp4"])
    _write_project(tmp_path, clips, clips[0][1], tmp_path / "model", tmp_path / "swap.mp4", TrainSettings())
    project = read_project(tmp_path)
    assert [clip.train for clip in project.people["a"].clips] == [True, False]
    assert project.faceset("b", project.people["b"].clips[0]) == "faces-b/three"
    assert (project.model_folder("a-b"), project.output("swap")) == ("model", "swap.mp4")
