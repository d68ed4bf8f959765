"""Every registered model as an ONNX file draws what it draws in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from facedouble.models.base import SwapModel, build
from facedouble.models.onnx_file import CODE_MEAN, CODE_VARIANCE, OPERATORS
from facedouble.models.onnx_graph import make_graph
from facedouble.models.registry import MODELS
from facedouble.types import Side
from tests.models.test_registry import SMALL

pytestmark = pytest.mark.slow

EXACT, HALF = 1e-3, 1e-2
GEOMETRY = {"double": {"geometry": "mediapipe478"}, "quick": {"geometry": "dlib68"}}
COUNT = 3


def unlike(name: str) -> SwapModel:
    """A small model whose two sides differ in everything, as those of a trained one."""
    torch.manual_seed(0)
    if name == "2018":
        model = build("lowmem", {**SMALL["lowmem"], "same_padding": True}).eval()
    else:
        model = build(name, {**SMALL.get(name, {}), **GEOMETRY.get(name, {})}).eval()
    model.split_decoders()
    with torch.no_grad():
        for tensor_name, tensor in model.named_buffers():
            if tensor.is_floating_point():
                low = 0.5 if tensor_name.endswith(("running_var", "unit")) else -0.5
                tensor.uniform_(low, low + 1)
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.startswith("mean."):
                parameter.uniform_(0, 1)
            elif parameter_name.endswith("bias"):
                parameter.uniform_(-0.1, 0.1)
    return model


@pytest.mark.parametrize(
    ("name", "half"),
    [*((name, False) for name in MODELS), ("quick", True), ("highres", True), ("2018", False)],
)
def test_a_model_draws_the_same(name: str, half: bool) -> None:
    model = unlike(name)
    graph = make_graph(model, "b", half=half)
    assert graph.opset_import[0].version >= 17
    assert {node.op_type for node in graph.graph.node} <= OPERATORS  # what its reader takes
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    names = [value.name for value in session.get_outputs()]
    generator = torch.Generator().manual_seed(1)
    faces = torch.rand(COUNT, 3, model.resolution, model.resolution, generator=generator)
    given: dict[str, Any] = {"face": faces.numpy()}
    told = None
    if model.geometry is not None:
        told = torch.rand(COUNT, model.geometry.count, generator=generator)
        given["geometry"] = told.numpy()
    sides: tuple[Side, ...] = ("a", "b")
    for own, source in enumerate(sides):
        if model.tensors_of_side("a"):
            given["own"] = np.array([own])
        found = dict(zip(names, session.run(None, given), strict=True))
        with torch.no_grad():
            picture, mask = model(faces, source, "b", told)
        tolerance = HALF if half else EXACT
        assert np.abs(found["picture"] - picture.numpy()).max() < tolerance
        assert ("mask" in found) == (mask is not None)
        if mask is not None:
            assert np.abs(found["mask"] - mask.numpy()).max() < tolerance
        assert picture.std() > 10 * tolerance


def test_statistics_may_be_left_out_and_given() -> None:
    model = unlike("quick")
    assert model.geometry is not None
    session = onnxruntime.InferenceSession(make_graph(model, "b").SerializeToString())
    optional = {value.name: value.shape for value in session.get_overridable_initializers()}
    code = model.get_buffer("normalise.a.running_mean").numel()
    assert optional == {CODE_MEAN: [2, code], CODE_VARIANCE: [2, code]}
    side = model.resolution
    given = {
        "face": np.full((1, 3, side, side), 0.4, np.float32),
        "geometry": np.zeros((1, model.geometry.count), np.float32),
        "own": np.array([0]),
    }
    statistics = {CODE_MEAN: np.zeros((2, code), np.float32), CODE_VARIANCE: np.ones((2, code), np.float32)}
    (raw,) = session.run(["code"], given | statistics)
    (code_of,) = session.run(["code"], given)
    mean, variance = (model.get_buffer(f"normalise.a.running_{part}").numpy() for part in ("mean", "var"))
    assert np.allclose((raw - mean) / np.sqrt(variance + 1e-5), code_of, atol=1e-4)
