"""Plans are saved and loaded without a difference in the frames; anything else in the file is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from facedouble.conversion.compositor import Compositor
from facedouble.conversion.plan import ConversionPlan
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.errors import InputError, OutputError
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options


@pytest.fixture(scope="module")
def plan(scene) -> ConversionPlan:
    how = from_options(ConvertSettings, colour="mkl", match_histogram=True, colour_space="lab")
    return replace(scene.fit(scene.swapper(), how), source_sha256="ab" * 32, deleted=3, not_selected=4)


def test_a_loaded_plan_gives_the_same_frames(scene, plan: ConversionPlan, tmp_path: Path) -> None:
    path = tmp_path / "plan.safetensors"
    save_plan(plan, path)
    again = load_plan(path)
    assert (again.source_sha256, again.deleted, again.not_selected) == ("ab" * 32, 3, 4)
    assert again.fit_keys == plan.fit_keys
    assert {index: len(faces) for index, faces in again.faces.items()} == {
        index: len(faces) for index, faces in plan.faces.items()
    }
    assert len({id(faces[0].fits) for faces in again.faces.values()}) == 1, "one fit for a track"
    how = from_options(ConvertSettings, colour="mkl", match_histogram=True, colour_space="lab")
    swapper = scene.swapper()
    compositor = Compositor(how, swapper)
    for index in (0, 5):
        frames = []
        for one in (plan, again):
            drawn = scene.drawn(swapper, scene.frames[index], one.faces[index])
            faces = list(zip(one.faces[index], drawn, strict=True))
            frames.append(compositor.compose(scene.frames[index], faces))
        assert np.array_equal(frames[0], frames[1])
        assert not np.array_equal(frames[0], scene.frames[index])


def test_a_plan_without_faces(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    save_plan(ConversionPlan("ab" * 32, {}, 1, 2), path)
    assert load_plan(path) == ConversionPlan("ab" * 32, {}, 1, 2)


def changed(data: bytes, header: Any = None, **arrays: Any) -> bytes:
    """A plan's file with parts of its header and its arrays replaced; ``None`` removes an array."""
    length = int.from_bytes(data[:8], "little")
    old = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["plan"])
    tensors = {name: array for name, array in {**load(data), **arrays}.items() if array is not None}
    return save(tensors, {"plan": json.dumps({**old, **(header or {})})})


def with_nan(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flat[7] = np.nan
    return copy


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-100],
        lambda data: b"\xff" * 64,
        lambda data: changed(data, {"format": 99}),
        lambda data: changed(data, {"source_sha256": 5}),
        lambda data: changed(data, {"deleted": -1}),
        lambda data: changed(data, {"fits": {}}),
        lambda data: changed(data, {"fits": {"0": {"os.system": {}}}}),
        lambda data: changed(data, {"fits": {"0": {"mask": {}}}}),
        lambda data: changed(data, {"fits": []}),
        lambda data: changed(data, {"fit_keys": {"model": "m", "steps": {"tones": 1}}}),
        lambda data: changed(data, outline=None),
        lambda data: changed(data, outline=load(data)["outline"][:, :5]),
        lambda data: changed(data, alignment=with_nan(load(data)["alignment"])),
        lambda data: changed(data, alignment=np.zeros_like(load(data)["alignment"])),
        lambda data: changed(data, statistics=load(data)["statistics"].astype(np.float64)),
        lambda data: changed(data, index=load(data)["index"][::-1].copy()),
        lambda data: changed(data, index=-load(data)["index"]),
        lambda data: changed(data, **{name: None for name in load(data) if name.endswith("/base")}),
        lambda data: changed(
            data, **{name: with_nan(array) for name, array in load(data).items() if "map0.matrix" in name}
        ),
        lambda data: changed(
            data, **{name: -array for name, array in load(data).items() if "map1.before" in name}
        ),
    ],
)
def test_a_damaged_plan_is_refused_in_one_line(plan: ConversionPlan, tmp_path: Path, damage: object) -> None:
    path = tmp_path / "plan.safetensors"
    save_plan(plan, path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(InputError) as error:
        load_plan(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_places_that_cannot_be_read_or_written(plan: ConversionPlan, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_plan(tmp_path / "nothing")
    with pytest.raises(OutputError, match="cannot be written"):
        save_plan(plan, tmp_path / "no folder" / "plan")
