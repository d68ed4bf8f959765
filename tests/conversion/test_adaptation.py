"""A model adapted to a clip: the same however it is interrupted or shared, and the model itself unchanged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facedouble.conversion.adaptation import adapt_to_clip
from facedouble.conversion.plan import ConversionPlan, PlannedFace
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.torch_network import TorchNetwork
from facedouble.conversion.track_fits import fit_plan
from facedouble.errors import ConversionError, InputError, SettingsError
from facedouble.models.base import SwapModel
from facedouble.models.card import ModelCard, Save
from facedouble.models.double import Double
from facedouble.run.cancel import Cancelled
from facedouble.run.run import Run
from facedouble.settings.convert import ClipAdaptation, ConvertSettings
from facedouble.settings.train import TrainSettings

RAW = ConvertSettings().replace(detail={"kind": "none"}, retargeting=0)
NOTHING = ClipAdaptation(statistics=False)


def swapper(geometry: str | None = "dlib68") -> Swapper:
    torch.manual_seed(0)
    arguments = {"resolution": 32, "filters": 8, "bottleneck": 16, "inner": 16, "channels": (16, 8, 8)}
    network = Double(**arguments, residuals=0, geometry=geometry).eval()  # type: ignore[arg-type]
    network.split_decoders()
    card = ModelCard(
        architecture={"kind": "quick"},
        resolution=32,
        coverage=0.7,
        facesets={"a": [], "b": []},
        colour={"a": [[0.5] * 3, [0.1] * 3], "b": [[0.5] * 3, [0.1] * 3]},
        settings=TrainSettings().replace(recipe={"batch_size": 4}).dump(),
        saves=[Save(0, "", "small", "", "")],
    )
    return Swapper(TorchNetwork(network, card, torch.device("cpu"), torch.float32), "b")


def model_module(model: Swapper) -> SwapModel:
    assert isinstance(model.network, TorchNetwork)
    return model.network.module


def planned(scene, model: Swapper) -> list[PlannedFace]:
    faces = [face for index in sorted(scene.plan) for face in scene.plan[index]]
    told = model.describe([planned.face for planned in faces])
    return [replace(face, geometry=own, fits={}) for face, own in zip(faces, told, strict=True)]


def test_statistics_of_the_clip_are_part_of_the_plan_and_the_model_stays_as_it_is(scene, tmp_path) -> None:
    model = swapper()
    faces = planned(scene, model)
    before = {name: tensor.clone() for name, tensor in model_module(model).state_dict().items()}
    found = adapt_to_clip(faces, scene.faceset, model, ClipAdaptation(), tmp_path / "progress")
    assert set(found) == {f"normalise.a.running_{name}" for name in ("mean", "var")}
    by_frame: dict[int, list[PlannedFace]] = {}
    for face in faces:
        by_frame.setdefault(face.face.frame_index, []).append(face)
    plan = ConversionPlan("ab" * 32, by_frame, 0, 0, found)
    model.adopt(plan.adaptation)
    adapted = fit_plan(plan, scene.faceset, model, [])
    save_plan(adapted, tmp_path / "plan")
    again = load_plan(tmp_path / "plan")
    assert again.fit_keys == adapted.fit_keys != fit_plan(plan, scene.faceset, swapper(), []).fit_keys
    crop = np.full((32, 32, 3), 0.4, np.float32)
    told = [again.faces[5][0].geometry]
    expected = adapted.faces[5][0].geometry
    assert told[0] is not None
    assert expected is not None
    assert np.array_equal(told[0], expected)
    other = swapper()
    plain = other.draw([crop], told)[0].picture
    other.adopt(again.adaptation)
    assert np.array_equal(other.draw([crop], told)[0].picture, model.draw([crop], told)[0].picture)
    assert not np.array_equal(other.draw([crop], told)[0].picture, plain)
    other.adopt({})
    assert np.array_equal(other.draw([crop], told)[0].picture, plain)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model_module(model).state_dict().items())
    assert not adapt_to_clip(faces, scene.faceset, model, NOTHING, tmp_path / "progress")


@pytest.mark.slow
@pytest.mark.training
def test_trained_on_the_clip_it_is_the_same_when_it_was_interrupted(scene, tmp_path: Path) -> None:
    model = swapper()
    faces = planned(scene, model)
    how = ClipAdaptation(iterations=102)
    whole = adapt_to_clip(faces, scene.faceset, model, how, tmp_path / "whole")
    assert {name.split(".")[0] for name in whole} == {"encoder", "squeeze", "decoders", "mean", "normalise"}
    assert not any(name.startswith(("decoders.b", "mean.b", "normalise.b")) for name in whole)

    run = Run()

    def stop(event: object) -> None:
        if getattr(event, "stage", "") == "adapt" and getattr(event, "done", 0) >= 101:
            run.token.cancel()

    with pytest.raises(Cancelled), run.subscribed(stop):
        adapt_to_clip(faces, scene.faceset, model, how, tmp_path / "half", run)
    resumed = adapt_to_clip(faces, scene.faceset, model, how, tmp_path / "half")
    assert whole.keys() == resumed.keys()
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)

    (tmp_path / "half").write_bytes(b"damaged")
    with pytest.raises(ConversionError, match="convert again"):
        adapt_to_clip(faces, scene.faceset, model, how, tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_a_model_that_is_not_told_is_not_adapted_and_one_line_says_so(scene, tmp_path: Path) -> None:
    model, said = swapper(geometry=None), []
    run = Run([lambda event: said.append(getattr(event, "code", ""))])
    faces = planned(scene, model)
    assert faces[0].geometry is None
    assert adapt_to_clip(faces, scene.faceset, model, ClipAdaptation(iterations=5), tmp_path / "x", run) == {}
    assert "convert.not_adapted" in said


def test_what_does_not_fit_is_refused(scene) -> None:
    model = swapper()
    size = model_module(model).state_dict()["normalise.a.running_mean"].shape
    for wrong in (
        {"normalise.a.running_mean": np.zeros(3, np.float32)},
        {"normalise.a.running_mean": np.full(size, np.nan, np.float32)},
        {"normalise.a.running_mean": np.zeros(size, np.float64)},
        {"elsewhere": np.zeros(size, np.float32)},
    ):
        with pytest.raises(InputError, match="does not fit the model"):
            model.adopt(wrong)
    with pytest.raises(ConversionError, match="landmarks of dlib68"):
        model.draw([np.zeros((32, 32, 3), np.float32)])
    of_mesh, face = swapper("mediapipe478"), next(iter(scene.plan.values()))[0].face
    if face.scheme == "dlib68":
        with pytest.raises(InputError, match="extract the clip with mediapipe478"):
            of_mesh.describe([face])
    with pytest.raises(SettingsError):
        ClipAdaptation(iterations=-1)
