"""The steps of the face pipeline, and how another one joins them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facedouble.conversion.compositor import Compositor
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.face_step import FaceStep, FittedStep
from facedouble.conversion.plan import FitRecord
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.conversion.registry import FACE_STEPS
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Track
from facedouble.registry import Entry
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options


@pytest.mark.parametrize("name", FACE_STEPS)
def test_every_step_is_what_the_registry_says(name: str) -> None:
    step = FACE_STEPS[name]
    assert issubclass(step, FaceStep)
    assert step.name == name


def test_settings_choose_the_steps_and_the_registry_orders_them(scene) -> None:
    def names(**settings: object) -> list[str]:
        swapper = scene.swapper(references=True)
        return [step.name for step in make_steps(from_options(ConvertSettings, **settings), swapper)]

    assert names() == ["lips", "detail", "expression", "tones", "mask"]
    assert names(detail="sharpen", retargeting=0.0) == ["tones", "sharpen", "mask"]
    assert names(occlusion="learned", detail="none", retargeting=0.0) == [
        "tones",
        "mask",
        "learned_occlusion",
    ]


def test_what_hides_a_face_is_known_before_anything_is_drawn_of_it(scene) -> None:
    swapper = scene.swapper(references=True)
    steps = make_steps(from_options(ConvertSettings, occlusion="auto"), swapper)
    lips, last = steps[0], steps[-1]
    assert (lips.name, last.name) == ("lips", "occlusion")
    assert isinstance(last, FittedStep)
    assert last.after == ()
    assert any(step.after for step in steps if isinstance(step, FittedStep))


@dataclass(frozen=True)
class Brightness:
    """The mean brightness of a track's faces."""

    mean: float

    def to_record(self) -> FitRecord:
        return FitRecord({"mean": self.mean}, {})


class Flatten(FittedStep):
    """A step of twenty lines: every face becomes a plain surface as bright as its track."""

    name = "flatten"

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> Flatten:
        return cls()

    def fit_key(self) -> str:
        return "mean"

    def fit(self, track: Track) -> Brightness:
        return Brightness(float(np.mean([face.crop.mean() / 255 for face in track.sample(3)])))

    @classmethod
    def load_fit(cls, record: FitRecord) -> Brightness:
        return Brightness(float(record.values["mean"]))

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        fit = layer.planned.fits[self.name]
        assert isinstance(fit, Brightness)
        return layer.with_(picture=np.full_like(layer.picture, fit.mean))


def test_a_new_step_is_one_class_and_one_entry(
    scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(FACE_STEPS.entries, "flatten", Entry(f"{__name__}:Flatten", "plain"))
    how, swapper = ConvertSettings(), scene.swapper()
    compositor = Compositor(how, swapper)
    plan = scene.fit(swapper, how)
    path = tmp_path / "plan"
    save_plan(plan, path)
    planned = load_plan(path).faces[5][0]
    assert planned.fits["flatten"] == plan.faces[5][0].fits["flatten"]
    drawn = scene.drawn(swapper, scene.frames[5], [planned])
    result = compositor.compose(scene.frames[5], [(planned, drawn[0])])
    x, y = np.round(planned.face.box.centre).astype(int)
    middle = result[y - 20 : y + 20, x - 20 : x + 20]
    assert np.ptp(middle) == 0
    fit = planned.fits["flatten"]
    assert isinstance(fit, Brightness)
    assert middle[0, 0, 0] == round(fit.mean * 255)
