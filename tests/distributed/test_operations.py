"""An operation worked on in parts gives what it gives in one go."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from facedouble.conversion.clip_conversion import ClipConversion
from facedouble.conversion.pipeline import convert
from facedouble.distributed.operations import join, plan, work
from facedouble.distributed.plan_folder import PlanFolder, spans_of
from facedouble.distributed.registry import OPERATIONS
from facedouble.errors import FacedoubleError, InputError, OutputError
from facedouble.extraction import segments
from facedouble.extraction.extract import extract
from facedouble.faceset.reference_set import save_references
from facedouble.run.events import Notice
from facedouble.run.run import Run
from facedouble.settings.base import Settings
from facedouble.settings.convert import ConvertCommand, ConvertSettings
from facedouble.settings.extract import ExtractCommand, ExtractSettings
from facedouble.types import SIDES
from facedouble.video.images import read_image
from tests.conversion.conftest import Scene
from tests.conversion.conftest import scene as scene
from tests.conversion.pipeline.conftest import faces as faces
from tests.conversion.pipeline.conftest import pictures as pictures
from tests.conversion.pipeline.conftest import rich as rich
from tests.conversion.pipeline.conftest import stand_in as stand_in
from tests.conversion.pipeline.test_resume import packets
from tests.extraction.facesets import contents

FINDING = {"processes": 1, "debug_landmarks": True}
WRITING = {
    "checkpoint_frames": 6,
    "compute": {"device": "cpu", "precision": "fp32"},
    "marking": {"kind": "none"},
}


def in_parts(
    name: str, command: Settings, folder: Path, parts: int, coordinator: Run | None = None
) -> object:
    """The operation in parts, worked on from the last to the first, each of them twice."""
    plan(name, command, folder, parts, run=coordinator)
    result = None
    for stage in OPERATIONS[name].stages:
        count = len(PlanFolder(folder).read().parts[stage])
        for part in reversed(range(count)):
            work(folder, stage, part)
            done = PlanFolder(folder).result(stage, part)
            before = done.read_bytes()
            done.unlink()
            work(folder, stage, part)
            if stage != "detect":  # which also says how long it took
                assert json.loads(done.read_bytes()) or before
        result = join(folder, stage, run=coordinator)
    return result


def fit(folder: Path) -> None:
    """Do the first stage of a conversion's plan."""
    for part in range(len(PlanFolder(folder).read().parts["fit"])):
        work(folder, "fit", part)
    join(folder, "fit")


@pytest.mark.subprocess
def test_extraction_in_parts_is_extraction(
    rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_MAX_FRAMES", 9)  # so that there are several
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    once = extract(rich, whole, ExtractSettings.read(FINDING))
    command = ExtractCommand.read({**FINDING, "source": str(rich), "output": str(parts)})
    result = in_parts("extract", command, tmp_path / "plan", 3)
    assert len(PlanFolder(tmp_path / "plan").read().parts["crop"]) == 3
    assert contents(parts) == contents(whole)
    assert {file.name for file in (parts / "landmarks").iterdir()} == {
        file.name for file in (whole / "landmarks").iterdir()
    }
    assert (result.faces, result.frames, result.faceset) == (once.faces, once.frames, parts)  # type: ignore[attr-defined]


@pytest.mark.subprocess
@pytest.mark.parametrize("frames", [None, {"ranges": ["3-8", "20-33"], "discard": True}])
def test_conversion_in_parts_is_conversion(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, frames: object
) -> None:
    settings = {**WRITING, **({} if frames is None else {"frames": frames})}
    once = convert(rich, stand_in, tmp_path / "whole.mov", ConvertSettings.read(settings), faceset=faces)
    places = {"source": str(rich), "model": str(stand_in), "faceset": str(faces)}
    command = ConvertCommand.read({**settings, **places, "output": str(tmp_path / "parts.mov")})
    result = in_parts("convert", command, tmp_path / "plan", 1)
    assert packets(tmp_path / "parts.mov") == packets(tmp_path / "whole.mov")
    assert result.frames_swapped == once.frames_swapped > 0  # type: ignore[attr-defined]
    assert result.frames_resumed == 0  # type: ignore[attr-defined]
    assert not (tmp_path / ".parts.mov.work").exists()


@pytest.mark.subprocess
def test_images_in_parts_are_the_same_and_marked(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    settings = {**WRITING, "marking": {"kind": "c2pa"}, "frames": {"ranges": ["0-13"], "discard": True}}
    convert(rich, stand_in, tmp_path / "whole", ConvertSettings.read(settings), faceset=faces)
    places = {"source": str(rich), "model": str(stand_in), "faceset": str(faces)}
    command = ConvertCommand.read({**settings, **places, "output": str(tmp_path / "parts")})
    in_parts("convert", command, tmp_path / "plan", 1)
    names = sorted(file.name for file in (tmp_path / "whole").iterdir())
    assert len(names) == 14
    assert sorted(file.name for file in (tmp_path / "parts").iterdir()) == names
    for name in names:
        one, other = (read_image(tmp_path / folder / name) for folder in ("whole", "parts"))
        assert np.array_equal(one, other)
        assert b"c2pa" in (tmp_path / "parts" / name).read_bytes()


@pytest.mark.subprocess
def test_two_people_fitted_apart_are_those_fitted_together(
    pair_frames: Path, extracted_pair: Path, stand_in: Path, scene: Scene, tmp_path: Path
) -> None:
    model = shutil.copytree(stand_in, tmp_path / "model")
    for side in SIDES:  # so that expressions and real detail are fitted
        save_references(model, side, scene.references)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    said: dict[Path, list[Notice]] = {whole: [], parts: []}

    def hearing(path: Path) -> Run:
        return Run([lambda event: said[path].append(event) if isinstance(event, Notice) else None])

    settings = ConvertSettings.read(WRITING)
    convert(pair_frames, model, whole, settings, faceset=extracted_pair, run=hearing(whole))
    places = {"source": str(pair_frames), "model": str(model), "faceset": str(extracted_pair)}
    command = ConvertCommand.read({**WRITING, **places, "output": str(parts)})
    in_parts("convert", command, tmp_path / "plan", 2, hearing(parts))
    stages = PlanFolder(tmp_path / "plan").read().parts
    assert {stage: len(spans) for stage, spans in stages.items()} == {"fit": 2, "convert": 2}
    names = sorted(file.name for file in whole.iterdir())
    assert sorted(file.name for file in parts.iterdir()) == names
    assert all((parts / name).read_bytes() == (whole / name).read_bytes() for name in names)
    assert {one.code for one in said[whole]} <= {one.code for one in said[parts]}


@pytest.mark.subprocess
def test_faces_are_read_again_only_where_the_faceset_changed(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(faces, tmp_path / "own")
    places = {"source": str(rich), "model": str(stand_in), "faceset": str(own)}
    settings = {**WRITING, "checkpoint_frames": 40, "frames": {"ranges": ["0-2"], "discard": True}}
    command = ConvertCommand.read({**settings, **places, "output": str(tmp_path / "out.mov")})
    plan("convert", command, tmp_path / "plan", 1)
    fit(tmp_path / "plan")
    work(tmp_path / "plan", "convert", 0)
    shutil.copytree(tmp_path / "plan", tmp_path / "again")
    with monkeypatch.context() as patch:
        patch.setattr(ClipConversion, "given_faces", None)
        assert join(tmp_path / "plan", "convert").frames_swapped == 3
    (tmp_path / "out.mov").unlink()
    (own / "faces" / "000001_0.png").unlink()
    with pytest.raises(InputError, match="changed since the plan was made; plan again"):
        join(tmp_path / "again", "convert")


def test_parts_that_are_missing_damaged_or_not_there(faces: Path, rich: Path, tmp_path: Path) -> None:
    command = ExtractCommand.read({**FINDING, "source": str(rich), "output": str(tmp_path / "faces")})
    folder = tmp_path / "plan"
    with pytest.raises(InputError, match="no plan in it"):
        work(folder, "detect", 0)
    plan("extract", command, folder, 4)
    assert plan("extract", command, folder, 7) == PlanFolder(folder).read(), "the same plan, once"
    with pytest.raises(OutputError, match="plan of something else"):
        plan("extract", command.replace(size=128), folder, 4)
    with pytest.raises(InputError, match="1 of 1 parts of stage detect are not done, the first of them 0"):
        join(folder, "detect")
    with pytest.raises(InputError, match="stage crop begins when stage detect is joined"):
        work(folder, "crop", 0)
    with pytest.raises(InputError, match="no stage 'paint'"):
        work(folder, "paint", 0)
    with pytest.raises(InputError, match="has parts 0 to 0, and no 1"):
        work(folder, "detect", 1)
    (folder / "detect").mkdir()
    (folder / "detect" / "000000.json").write_text('{"failure": null, "seconds": {}}\n{"frames": [')
    with pytest.raises(InputError, match="delete it, and its part is worked on again"):
        join(folder, "detect")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"program": "0.0.0"},
        {"operation": "delete"},
        {"parts": {"../x": [[0, 1]]}},
        {"parts": {"detect": [[3, 1]]}},
        {"parts": {"detect": [[0, 1e9]]}},
        {"parts": 3},
        {"settings": []},
    ],
)
def test_a_plan_that_is_none(rich: Path, tmp_path: Path, change: dict[str, object]) -> None:
    command = ExtractCommand.read({**FINDING, "source": str(rich), "output": str(tmp_path / "faces")})
    plan("extract", command, tmp_path / "plan", 1)
    file = tmp_path / "plan" / "plan.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(FacedoubleError, match="plan"):
        work(tmp_path / "plan", "detect", 0)
    shutil.rmtree(tmp_path / "plan")


def test_units_are_spread_evenly() -> None:
    assert spans_of(10, 3) == [(0, 3), (3, 6), (6, 10)]
    assert spans_of(2, 5) == [(0, 1), (1, 2)]
    assert spans_of(0, 5) == [(0, 0)]
