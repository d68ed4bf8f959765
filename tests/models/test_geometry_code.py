"""What a decoder is told: statistics of both people, bounds, and the models that take it."""

import copy

import numpy as np
import pytest
import torch

from facedouble.errors import ModelError
from facedouble.faces.registry import GEOMETRIES
from facedouble.models.base import SwapModel
from facedouble.models.double import Double
from facedouble.models.geometry_code import GeometryCode, at_rest
from facedouble.models.geometry_record import check_geometry_record, geometry_record
from facedouble.types import FloatArray

GEOMETRY = GEOMETRIES["dlib68"]
MOUTH = GEOMETRY.components.index("mouth_open")


def people(n: int = 200) -> dict[str, FloatArray]:
    random = np.random.default_rng(0)
    own = {side: random.normal(0, 0.1, (n, GEOMETRY.count)).astype(np.float32) for side in "ab"}
    own["b"] = own["b"] * 0.5 + 3.0  # of another shape, and calmer
    for values in own.values():
        values[:, MOUTH] += np.abs(random.normal(0, 0.3, n)).astype(np.float32)
    return own


def fitted() -> GeometryCode:
    code = GeometryCode(GEOMETRY)
    code.fit(people())  # type: ignore[arg-type]
    return code


def test_a_person_at_rest_has_the_mouth_shut() -> None:
    values = people()["b"]
    assert at_rest(values, GEOMETRY)[MOUTH] < np.median(values[:, MOUTH])


def test_both_people_say_the_same_in_the_same_units_and_what_one_never_did_is_bounded() -> None:
    code, own = fitted().eval(), people()
    rest = {side: torch.from_numpy(at_rest(values, GEOMETRY))[None] for side, values in own.items()}
    blank = torch.zeros(1, 3, 8, 8)
    assert code(rest["a"], blank, "a", "b").abs().max() < 1e-5
    assert code(rest["b"], blank, "b", "b").abs().max() < 1e-5
    wide = rest["a"].clone()
    wide[0, MOUTH] += 100
    assert float(code(wide, blank, "a", "a")[0, MOUTH]) > 50
    bounded = float(code(wide, blank, "a", "b")[0, MOUTH])
    seen = float(code(torch.from_numpy(own["b"]), torch.zeros(200, 1), "b", "b")[:, MOUTH].max())
    assert 0 < bounded <= seen
    assert code(None, blank, "a", "b").tolist() == [[0.0] * GEOMETRY.count]


def test_an_eye_that_is_half_shut_is_half_shut_on_another_person() -> None:
    """B's eyes are twice as wide."""
    eye, other = (GEOMETRY.components.index(f"{side}_eye_open") for side in ("right", "left"))
    own = people()
    for side, wide in (("a", 0.2), ("b", 0.4)):
        own[side][:, [eye, other]] = wide
        own[side][::9, eye] = 0.0  # blinks
        own[side][:, MOUTH] = 0.0
    code = GeometryCode(GEOMETRY).eval()
    code.fit(own)  # type: ignore[arg-type]
    blank, unit = torch.zeros(1, 3, 8, 8), float(code.unit[eye])
    for source, target, wide in (("a", "b", 0.2), ("b", "a", 0.4)):
        half = code.get_buffer(f"rest_{source}")[None].clone()
        half[0, eye] = wide / 2
        said = code(half, blank, source, target)[0] * unit
        assert float(said[eye]) == pytest.approx(-(0.6 - wide) / 2, abs=1e-3)
        assert abs(float(said[other])) < 1e-3
        same = code(half, blank, source, source)[0, eye] * unit
        assert float(same) == pytest.approx(-wide / 2, abs=1e-3)


def told(topology: str = "df", **changes: object) -> Double:
    torch.manual_seed(0)
    arguments = {"resolution": 32, "filters": 8, "bottleneck": 16, "inner": 16, "channels": (16, 8, 8)}
    arguments |= {"topology": topology, "residuals": 0, "geometry": "dlib68", **changes}
    model = Double(**arguments)  # type: ignore[arg-type]
    model.fit_geometry(people())  # type: ignore[arg-type]
    return model


def pictures(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("topology", ["df", "liae"])
def test_what_is_told_changes_what_is_drawn(topology: str) -> None:
    model = told(topology).eval()
    model.split_decoders()
    own = people()["a"]
    one, other = (torch.from_numpy(own[part]) for part in (slice(0, 3), slice(3, 6)))
    with torch.no_grad():
        first, second = (model(pictures(3), "a", "b", part).picture for part in (one, other))
        assert not torch.allclose(first, second)
        assert torch.equal(first, model(pictures(3), "a", "b", one).picture)


def test_training_hides_the_learned_code_of_some_faces() -> None:
    model, batch = told(code_dropout=0.5, noise=0.0).eval(), {"a": pictures(400)}
    noise, described = {"a": model.draw_noise(400, 0.1)}, {"a": torch.from_numpy(people(400)["a"])}
    codes, plain = (model.encode_sides(batch, drawn, described)["a"] for drawn in (noise, None))  # type: ignore[arg-type]
    hidden = (codes[:, :16] == 0).all(dim=1)
    assert 150 < int(hidden.sum()) < 250
    assert torch.equal(codes[~hidden, :16], plain[~hidden, :16])
    assert codes.shape == (400, 16 + GEOMETRY.count)
    assert 0.08 < float((codes - plain)[:, 16:].std()) < 0.12


def test_calibrated_to_a_clip_its_codes_lie_where_those_of_training_did() -> None:
    model = told().eval()
    model.calibrate(pictures(300).split(64), "a")
    clip = pictures(100) * 0.5 + 0.4
    before = copy.deepcopy(model)
    model.calibrate_to_clip(clip.split(64), "a", prior=0)
    with torch.no_grad():
        assert before.encode(clip, "a")[:, :16].mean(0).abs().max() > 0.5
        assert model.encode(clip, "a")[:, :16].mean(0).abs().max() < 1e-3
    few = copy.deepcopy(before)
    few.calibrate_to_clip([clip[:2]], "a", prior=1000)
    means = [one.normalise["a"].get_buffer("running_mean") for one in (before, few)]
    assert torch.allclose(means[0], means[1], atol=0.01), "two faces say little"


@pytest.mark.parametrize("topology", ["df", "liae"])
def test_what_draws_the_other_person_is_not_adaptable(topology: str) -> None:
    model = told(topology)
    model.split_decoders()
    model.requires_grad_(False)
    for parameter in model.adaptable("a"):
        parameter.requires_grad_(True)
    described = torch.from_numpy(people()["b"][:3])
    code = model.encode_sides({"b": pictures(3)}, geometry={"b": described})["b"].detach()
    assert not model.decode(code, "b").picture.requires_grad
    assert model(pictures(3), "a", "a", described).picture.requires_grad


def test_models_that_are_not_told_ignore_it() -> None:
    model = told(geometry=None).eval()
    described = torch.from_numpy(people()["a"][:3])
    assert model.geometry is None
    with torch.no_grad():
        plain, same = model(pictures(3), "a", "b"), model(pictures(3), "a", "b", described)
    assert torch.equal(plain.picture, same.picture)


def test_a_record_of_another_version_is_refused_by_its_version() -> None:
    record = geometry_record(GEOMETRY)
    check_geometry_record(record, "dlib68")
    check_geometry_record(None, None)
    with pytest.raises(ModelError, match="version 7 of the geometry of dlib68"):
        check_geometry_record({**record, "version": 7}, "dlib68")
    for wrong in (None, {**record, "components": ["yaw"]}):
        with pytest.raises(ModelError, match="does not fit"):
            check_geometry_record(wrong, "dlib68")
    with pytest.raises(ModelError, match="does not fit"):
        check_geometry_record(record, None)


def test_the_base_class_adapts_nothing() -> None:
    assert SwapModel.adaptable(told(), "a") == []
