"""A conversion with an exported model is that of the model itself, also where PyTorch is not installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from facedouble.conversion.adaptation import adapt_to_clip
from facedouble.conversion.pipeline import convert
from facedouble.conversion.plan import PlannedFace, plan_faces
from facedouble.conversion.swapper import Swapper
from facedouble.errors import FacedoubleError, ModelError
from facedouble.faceset.reference_set import save_references
from facedouble.faceset.store import Faceset
from facedouble.interchange.export_model import export_model
from facedouble.models import checkpoint
from facedouble.models.card import ModelCard
from facedouble.models.double import QuickArchitecture
from facedouble.models.onnx_file import KEY, read_onnx
from facedouble.run.run import Run
from facedouble.settings.convert import ClipAdaptation, ConvertSettings
from facedouble.settings.interchange import ExportSettings
from facedouble.training.preprocess import FaceCrop
from facedouble.training.reference_selection import choose_references, make_reference_set
from facedouble.types import SIDES
from tests.without import facedouble, without

ONNX = ConvertSettings().replace(compute={"runtime": "onnx"})
TORCH = ConvertSettings().replace(compute={"precision": "fp32"})
FRAMES = {"frames": {"ranges": ("0-2",), "discard": True}, "marking": {"kind": "none"}}


@pytest.fixture(scope="module")
def folder(extracted_pair: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is told what faces do, holds pictures of both people, and was never trained."""
    torch.manual_seed(1)
    architecture = QuickArchitecture(
        resolution=32, filters=8, bottleneck=16, inner=16, channels=(16, 8, 8), geometry="dlib68"
    )
    network = architecture.build()
    network.split_decoders()
    colour = [[0.55, 0.4, 0.35], [0.2, 0.18, 0.17]]
    card = ModelCard(
        architecture=architecture.dump(),
        resolution=32,
        coverage=0.7,
        facesets={"a": ["/home/somebody/faces"], "b": []},
        colour={"a": colour, "b": colour},
        geometry=geometry_of(network),
        iteration=7,
    )
    path = tmp_path_factory.mktemp("model") / "model"
    checkpoint.save(path, card, network.state_dict(), {})
    swapper = Swapper.load(path, TORCH)
    with Faceset.open(extracted_pair) as store:
        planned = plan_faces([face for face in store.all_faces() if face.cropped], swapper.describe)
        crops = [
            FaceCrop(item.face, extracted_pair, store.crop_path(item.face), item.statistics, item.geometry)
            for item in planned
        ]
    for side in SIDES:
        references, _ = make_reference_set(choose_references(crops), Run())
        save_references(path, side, references)
    return path


def geometry_of(network: Any) -> dict[str, Any]:
    from facedouble.models.geometry_record import geometry_record

    return geometry_record(network.geometry)


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_model(folder, path)
    return path


@pytest.mark.slow
@pytest.mark.subprocess
def test_without_pytorch_a_conversion_gives_the_same_pixels(
    pair_frames: Path, extracted_pair: Path, folder: Path, exported: Path, tmp_path: Path
) -> None:
    environment = without(tmp_path, "torch", "torchgen", "functorch")
    road: list[str | Path] = ["convert", "-i", pair_frames, "-a", extracted_pair, "--no-credentials"]
    road += ["--frame-ranges", "0-2", "--discard-frames", "--converter", "adjust"]
    refused = facedouble(environment, *road, "-m", folder, "-o", tmp_path / "torch")
    assert refused.returncode == 1
    assert "needs PyTorch" in refused.stderr
    assert refused.stderr.count("\n") == 1
    done = facedouble(environment, *road, "-m", exported, "--runtime", "onnx", "-o", tmp_path / "onnx")
    assert done.returncode == 0, done.stderr
    how = TORCH.replace(**FRAMES, converter={"kind": "adjust"})
    convert(pair_frames, folder, tmp_path / "torch", how, faceset=extracted_pair)
    pictures = sorted((tmp_path / "torch").glob("*.png"))
    assert len(pictures) == 3
    for picture in pictures:
        expected, found = (
            cv2.imread(str(path / picture.name)) for path in (picture.parent, tmp_path / "onnx")
        )
        assert expected is not None
        assert found is not None
        difference = np.abs(expected.astype(int) - found)
        # Which detail is chosen may turn on the last bit of what is drawn.
        assert difference.mean() < 0.05
        assert (difference > 2).mean() < 1e-3


@pytest.mark.slow
def test_a_face_is_drawn_the_same_and_adapts_to_a_clip_the_same(
    scene: Any, folder: Path, exported: Path, tmp_path: Path
) -> None:
    crop = np.full((32, 32, 3), 0.4, np.float32)
    pictures, redrawn, adaptations = [], [], []
    for model, how in ((folder, TORCH), (exported, ONNX)):
        swapper = Swapper.load(model, how)
        assert set(swapper.references) == set(SIDES)
        faces: list[PlannedFace] = [face for index in sorted(scene.plan) for face in scene.plan[index]]
        told = swapper.describe([face.face for face in faces])
        before = swapper.draw([crop], told[:1])[0].picture
        adaptation = adapt_to_clip(faces, scene.faceset, swapper, ClipAdaptation(), tmp_path / "progress")
        swapper.adopt(adaptation)
        after = swapper.draw([crop], told[:1])[0]
        assert np.abs(after.picture - before).max() > 1e-3
        assert after.mask is not None
        pictures.append(after.picture)
        redrawn.append(swapper.redraw([crop], told[:1])[0].picture)
        adaptations.append(list(adaptation.values()))
        swapper.adopt({})
        assert np.array_equal(swapper.draw([crop], told[:1])[0].picture, before)
        with pytest.raises(FacedoubleError, match="does not fit the model"):
            swapper.adopt({"code_mean": np.zeros((2, 3), np.float32)})
    assert np.abs(pictures[0] - pictures[1]).max() < 1e-4
    assert np.abs(redrawn[0] - redrawn[1]).max() < 1e-4
    assert np.abs(redrawn[0] - pictures[0]).max() > 1e-3
    for one, both in zip(*adaptations, strict=True):  # of A alone, and of both people
        assert np.allclose(one, both[0], atol=1e-4)


def test_what_a_file_says_of_itself(exported: Path) -> None:
    record = read_onnx(exported).record
    said = json.loads(exported.with_name("model.onnx.json").read_text(encoding="utf-8"))
    assert record.dump() == said
    assert said["about"].startswith("likeness of B")
    assert (said["kind"], said["iteration"], said["side"]) == ("quick", 7, "b")
    assert "somebody" not in json.dumps(said)
    assert b"/src/" not in exported.read_bytes()
    assert [entry["name"] for entry in said["inputs"]] == [
        *("face", "geometry", "own", "code_mean", "code_variance"),
    ]
    assert [entry["shape"] for entry in said["outputs"]] == [
        *(["faces", 3, 32, 32], ["faces", 1, 32, 32], ["faces", 16]),
    ]
    constants = said["preprocessing"]["constants"]
    assert (constants["coverage"], constants["standard_deviation"]) == (0.7, 0.18)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"compute": {"runtime": "torch"}}, "is a file"),
        ({"swap_model": True}, "draws B, not A"),
        ({"compute": {"runtime": "onnx", "precision": "bf16"}}, "has its own"),
        ({"compute": {"runtime": "onnx", "device": "mps"}}, "no such device"),
        ({"adaptation": {"iterations": 5}}, "needs PyTorch"),
    ],
)
def test_what_it_cannot_do_is_said(
    changes: dict[str, Any],
    said: str,
    exported: Path,
    pair_frames: Path,
    extracted_pair: Path,
    tmp_path: Path,
) -> None:
    how = ONNX.replace(**FRAMES, **changes)
    with pytest.raises(FacedoubleError, match=said):
        convert(pair_frames, exported, tmp_path / "out", how, faceset=extracted_pair)
    assert not (tmp_path / "out").exists()


def test_a_folder_is_no_onnx_file(folder: Path) -> None:
    with pytest.raises(ModelError, match="is a folder"):
        Swapper.load(folder, ONNX)


def test_a_model_is_exported_to_a_new_onnx_file_only(folder: Path, exported: Path, tmp_path: Path) -> None:
    for output, settings, said in (
        (exported, ExportSettings(), "exists"),
        (tmp_path / "model.bin", ExportSettings(), r"ends in \.onnx"),
        (tmp_path / "model.onnx", ExportSettings(format="fsa"), "is for facesets"),
    ):
        with pytest.raises(FacedoubleError, match=said):
            export_model(folder, output, settings)


# -- files of strangers -----------------------------------------------------------------------------------


def _external(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def _loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["x"], body=body))


def _own_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "elsewhere"
    model.opset_import.append(helper.make_opsetid("elsewhere", 1))


def _doubled(model: onnx.ModelProto) -> None:
    name = "face"
    for number in range(40):
        model.graph.node.append(helper.make_node("Concat", [name, name], [f"twice{number}"], axis=0))
        name = f"twice{number}"


def _huge(model: onnx.ModelProto) -> None:
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([1 << 40])


def _statistics(model: onnx.ModelProto) -> None:
    for number, tensor in enumerate(model.graph.initializer):
        if tensor.name == "code_mean":
            bad = np.full(tuple(tensor.dims), np.nan, np.float32)
            model.graph.initializer[number].CopyFrom(numpy_helper.from_array(bad, "code_mean"))


def _nobody(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def _record(**changes: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        values = json.loads(model.metadata_props[0].value)
        helper.set_model_props(model, {KEY: json.dumps(values | changes)})

    return change


def _deep(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {KEY: "[" * 100_000})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_external, "outside the file"),
        (_loop, "operator Loop"),
        (_own_operator, "elsewhere"),
        (_doubled, "too large"),
        (_huge, "too large"),
        (_statistics, "not finite"),
        (_nobody, "did not export it"),
        (_deep, "not a model"),
        (_record(format=2), "of format 2"),
        (_record(resolution=64), "inputs and outputs"),
        (_record(coverage="wide"), "coverage"),
        (_record(geometry={"landmarks": "dlib68", "version": 1, "components": ["yaw"]}), "geometry|inputs"),
        (_record(extra=1), "extra"),
    ],
)
def test_a_file_with_more_than_a_model_is_refused(
    change: Callable[[onnx.ModelProto], None], said: str, exported: Path, tmp_path: Path
) -> None:
    model = onnx.load(str(exported))
    change(model)
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=said) as refused:
        Swapper.load(path, ONNX)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"PK\x03\x04nothing", b"\xff" * 4096])
def test_what_is_no_onnx_file_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        Swapper.load(path, ONNX)
