"""A swap model as an ONNX graph: what a conversion asks of it, with everything that it is told as inputs.

PyTorch exports it: https://docs.pytorch.org/docs/stable/onnx_export.html
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from facedouble.models.base import SwapModel
from facedouble.models.onnx_file import (
    CODE,
    CODE_MEAN,
    CODE_VARIANCE,
    FACE,
    GEOMETRY,
    MASK,
    OPSET,
    OWN,
    PICTURE,
)
from facedouble.types import OTHER_SIDE, Side

if TYPE_CHECKING:
    import onnx

_UNBOUNDED = float(torch.finfo(torch.float16).max)  # no geometry reaches it
_BATCH = 4


class SwapGraph(nn.Module):
    """``network`` drawing the person of ``target``, as a function of plain tensors in the order of ``inputs``
    and ``outputs``; :mod:`.onnx_file` says what each is.

    With ``half`` it calculates in float16; inputs and outputs are float32 all the same.
    """

    def __init__(self, network: SwapModel, target: Side, *, half: bool = False) -> None:
        super().__init__()
        kind, source = (torch.float16 if half else torch.float32), OTHER_SIDE[target]
        self.kind = kind
        self.swap = _Swap(copy.deepcopy(network).to(kind), source, target).eval()
        own, other = network.tensors_of_side(target), network.tensors_of_side(source)
        tensors = dict(self.swap.network.named_buffers())
        self.replaced: dict[str, str] = {}
        """Names of what differs between pictures of the two people, in the network and here."""
        for role, name in other.items():
            self._register(role, f"network.{name}", tensors[name], tensors[own[role]])
        if network.geometry_code is not None:
            # Nobody's own pictures are bounded, or have lids that move as another person's.
            lids = tensors["geometry_code.lids"]
            self._register("lids", "network.geometry_code.lids", lids, torch.zeros_like(lids))
            for bound, limit in (("low", -_UNBOUNDED), ("high", _UNBOUNDED)):
                name = f"geometry_code.{bound}_{target}"
                known = tensors[name]
                self._register(f"geometry_{bound}", f"network.{name}", known, torch.full_like(known, limit))
        self.statistics = [role for role in (CODE_MEAN, CODE_VARIANCE) if role in other]
        told = [] if network.geometry is None else [GEOMETRY]
        self.inputs = [FACE, *told, *([OWN] if self.replaced else []), *self.statistics]

    def _register(self, role: str, name: str, other: Tensor, own: Tensor) -> None:
        self.replaced[name] = role
        self.register_buffer(role, torch.stack([other, own]))

    def forward(self, *given: Tensor) -> dict[str, Tensor]:
        by_name = dict(zip(self.inputs, given, strict=True))
        told = by_name[GEOMETRY].to(self.kind) if GEOMETRY in by_name else None
        tensors = {
            name: self._as_computed(by_name.get(role, self.get_buffer(role)))
            .index_select(0, by_name[OWN])
            .squeeze(0)
            for name, role in self.replaced.items()
        }
        picture, mask, code = functional_call(self.swap, tensors, (by_name[FACE].to(self.kind), told))
        found = {PICTURE: picture.float()}
        if mask is not None:
            found[MASK] = mask.float()
        if self.statistics:
            found[CODE] = code[:, : self.get_buffer(CODE_MEAN).shape[1]].float()
        return found

    def _as_computed(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.kind) if tensor.is_floating_point() else tensor

    def example(self) -> list[Tensor]:
        """Inputs for a small batch of faces."""
        network = self.swap.network
        side = network.resolution
        examples = {FACE: torch.rand(_BATCH, 3, side, side), OWN: torch.zeros(1, dtype=torch.int64)}
        if network.geometry is not None:
            examples[GEOMETRY] = torch.zeros(_BATCH, network.geometry.count)
        for role in self.statistics:
            examples[role] = self.get_buffer(role).float()
        return [examples[name] for name in self.inputs]


class _Swap(nn.Module):
    def __init__(self, network: SwapModel, source: Side, target: Side) -> None:
        super().__init__()
        self.network, self.source, self.target = network, source, target

    def forward(self, face: Tensor, geometry: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        known = None if geometry is None else {self.source: geometry}
        codes = self.network.encode_sides({self.source: face}, geometry=known, target=self.target)
        code = codes[self.source]
        picture, mask = self.network.decode(code, self.target)
        return picture, mask, code


def make_graph(network: SwapModel, target: Side, *, half: bool = False) -> onnx.ModelProto:
    """The graph of ``network`` drawing the person of ``target``. Needs ``onnx`` and ``onnxscript``."""
    import onnx

    graph = SwapGraph(network, target, half=half)
    example = graph.example()
    batch = torch.export.Dim("faces")
    shapes = [{0: batch} if name in (FACE, GEOMETRY) else {} for name in graph.inputs]
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        outputs = list(graph(*example))
        program = torch.onnx.export(
            graph,
            tuple(example),
            dynamo=True,
            opset_version=OPSET,
            input_names=graph.inputs,
            output_names=outputs,
            dynamic_shapes=(tuple(shapes),),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for role in graph.statistics:  # an input with a value of its own may be left out
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(graph.get_buffer(role).float().numpy(), role)
        )
    _forget_sources(model)
    onnx.checker.check_model(model)
    return model


def _forget_sources(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes of this program's own files."""
    model.doc_string = model.graph.doc_string = ""
    del model.metadata_props[:], model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notices, of what is not installed and of its own progress."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
