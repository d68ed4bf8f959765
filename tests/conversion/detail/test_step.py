"""The steps that carry detail and bend expressions, on real faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedouble.conversion.compositor import Compositor
from facedouble.conversion.detail.step import DetailFit
from facedouble.conversion.detail.survey import handle_points
from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.plan import ConversionPlan, FitRecord
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.conversion.retarget_step import RetargetFit, RetargetLips
from facedouble.conversion.track_fits import Drawings, Track, fit_keys
from facedouble.errors import InputError
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings, Override


@pytest.fixture(scope="module")
def fitted(scene):
    """The settings, a swapper with references, and a plan fitted for a few frames."""
    how, swapper = ConvertSettings(), scene.swapper(32, references=True)
    faces = {index: scene.plan[index] for index in (3, 4, 5, 6)}
    return how, swapper, scene.fit(swapper, how, faces)


def composed(scene, how: ConvertSettings, swapper, plan: ConversionPlan, index: int = 5) -> np.ndarray:
    drawn = scene.drawn(swapper, scene.frames[index], plan.faces[index])
    faces = list(zip(plan.faces[index], drawn, strict=True))
    return Compositor(how, swapper).compose(scene.frames[index], faces)


def test_references_give_each_region_of_each_face_its_detail(fitted) -> None:
    _, _, plan = fitted
    fit = plan.faces[5][0].fits["detail"]
    assert isinstance(fit, DetailFit)
    assert list(fit.faces) == [plan.faces[index][0].face.key for index in (3, 4, 5, 6)]
    for face in fit.faces.values():
        shares = np.sum([donation.weights for donation in face.donated], axis=0)
        assert shares == pytest.approx(face.strength, abs=1e-5)
        assert (shares <= 1 + 1e-5).all()


def test_a_saved_plan_gives_the_same_frame(fitted, scene, tmp_path: Path) -> None:
    how, swapper, plan = fitted
    save_plan(plan, tmp_path / "plan")
    loaded = load_plan(tmp_path / "plan")
    first = composed(scene, how, swapper, plan)
    assert np.array_equal(composed(scene, how, scene.swapper(32, references=True), loaded), first)
    assert not np.array_equal(first, scene.frames[5])


def test_detail_is_finer_than_what_the_model_draws(fitted, scene) -> None:
    how, swapper, plan = fitted
    x, y = np.round(plan.faces[5][0].face.box.centre).astype(int)
    area = np.s_[y - 40 : y + 40, x - 40 : x + 40]

    def fine(settings: ConvertSettings) -> float:
        picture = composed(scene, settings, swapper, plan)[area].astype(float)
        return float(np.abs(np.diff(picture, axis=1)).mean())

    assert fine(how) > 1.2 * fine(how.replace(detail={"kind": "none"}))


def test_references_are_chosen_for_the_lips_as_they_are_wanted(fitted) -> None:
    """And bent to them; so another amount of retargeting needs another survey."""
    how, swapper, plan = fitted
    fits = plan.faces[5][0].fits
    lips, handles = fits["lips"], list(handle_points(swapper.references["b"].scheme))
    assert np.abs(lips.target - lips.drawn).max() > 1e-3
    surveyed = np.stack([face.handles for face in fits["detail"].faces.values()])
    assert np.allclose(surveyed, lips.target[:, handles])
    keys, other = (
        fit_keys(swapper, make_steps(how.replace(retargeting=amount), swapper), plan).steps
        for amount in (1, 0.5)
    )
    assert keys["detail"] != other["detail"]


def test_an_override_of_retargeting_has_a_survey_of_its_own(scene) -> None:
    override = Override(ranges=("4-4",), retargeting=0.0)
    how, swapper = ConvertSettings(overrides=(override,)), scene.swapper(32, references=True)
    plan = scene.fit(swapper, how, {index: scene.plan[index] for index in (3, 4, 5)})
    usual, own = (plan.faces[4][0].fits[name].faces for name in ("detail", "detail@0"))
    assert any(not np.allclose(usual[key].handles, own[key].handles, atol=1e-4) for key in usual)


@pytest.mark.parametrize(
    ("name", "part", "broken"),
    [
        ("detail", "rows", np.full((1, 2), 99, np.int64)),
        ("detail", "motion", np.zeros((3, 1), np.int8)),
        ("detail", "weights", np.full((1, 3), np.nan, np.float32)),
        ("detail", "keys", np.zeros((0, 2), np.int64)),
        ("lips", "drawn", np.zeros((1, 1), np.float32)),
        ("expression", "drawn", np.zeros((1, 1), np.float32)),
        ("expression", "target", np.zeros((2, 5, 2), np.float64)),
    ],
)
def test_a_damaged_fit_is_refused(fitted, name: str, part: str, broken: np.ndarray) -> None:
    kind: type[DetailFit] | type[RetargetFit] = DetailFit if name == "detail" else RetargetFit
    record = fitted[2].faces[5][0].fits[name].to_record()
    with pytest.raises((InputError, KeyError, ValueError, IndexError)):
        kind.from_record(FitRecord(record.values, {**record.arrays, part: broken}))
    kind.from_record(record)


def test_faces_of_another_scheme_keep_their_expression_and_a_line_says_so(scene) -> None:
    swapper = scene.swapper(32, references=True)
    step = RetargetLips(1.0, swapper)
    other = next(name for name in LANDMARK_SCHEMES if name != swapper.references["b"].scheme.name)
    faces = [
        replace(item, face=item.face.with_(scheme=other)) for item in (scene.plan[3][0], scene.plan[4][0])
    ]
    heard: list[Event] = []
    run = Run()
    with Faceset.open(scene.faceset) as store, run.subscribed(heard.append):
        track = Track([scene.plan[3][0], scene.plan[4][0]], store, swapper, run)
        track.drawn()
        track.faces = faces
        fit = step.fit(track)
    assert np.array_equal(fit.drawn, fit.target)
    assert [event.code for event in heard if isinstance(event, Notice)] == ["convert.no_retargeting"]


def test_what_is_fitted_on_demand_is_what_a_conversion_fits(scene) -> None:
    """Whichever frame is asked for first, and with what was drawn for other settings before."""
    how, swapper = ConvertSettings(), scene.swapper(32, references=True)
    faces = {index: scene.plan[index] for index in range(12)}
    drawings = Drawings()
    for amount in (1.0, 0.4):
        settings = how.replace(retargeting=amount)
        whole = scene.fit(swapper, settings, faces).faces
        asked = scene.fit(swapper, settings, faces, drawings=drawings, on_demand=True).faces
        for frame in (9, 0, 11, 5):
            key = asked[frame][0].face.key
            found, wanted = (plan[frame][0].fits["detail"].faces[key] for plan in (asked, whole))
            assert np.array_equal(found.handles, wanted.handles)
            assert np.array_equal(found.strength, wanted.strength)
            assert [one.reference for one in found.donated] == [one.reference for one in wanted.donated]
            for one, other in zip(found.donated, wanted.donated, strict=True):
                assert np.array_equal(one.weights, other.weights)
                assert np.array_equal(one.motion, other.motion)
        record, complete = (plan[0][0].fits["detail"].to_record() for plan in (asked, whole))
        assert record.arrays.keys() == complete.arrays.keys()
        assert all(np.array_equal(record.arrays[name], complete.arrays[name]) for name in complete.arrays)
