"""A network of TensorFlow Lite as a PyTorch module: in batches, on any device, differentiable."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from facedouble.errors import AssetError
from facedouble.networks.tflite import Graph, read_tflite
from facedouble.networks.tflite_operators import Function, build


class TfliteModule(nn.Module):
    """The network of a ``.tflite`` file, frozen. Gradients reach the input, never the weights.

    Tensors are kept as the file has them, (N, rows, columns, channels). Seen as (N, C, H, W) that is
    PyTorch's memory format *channels last*, so nothing is copied on the way to a convolution and back.
    """

    def __init__(self, path: Path, *, known: bool = False) -> None:
        """Read the network from ``path``. The shapes of all results are checked, which takes longer than
        reading, unless the file is ``known`` to be in order by its checksum. Raises ``AssetError`` for a file
        that is damaged or needs something that is not supported."""
        super().__init__()
        graph = read_tflite(path)
        try:
            self._build(graph)
            if not known:
                self._check(graph)
        except (ValueError, RuntimeError, IndexError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise AssetError(f"{path}: the network does not fit together ({reason})") from error
        self.eval()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """The outputs by their names in the file, each of the shape that the file declares, with the batch in
        front, for ``x`` of the file's input shape: pictures (N, 3, H, W), or for a network without pictures
        (N, ...) as declared."""
        if x.ndim == 4:
            x = x.permute(0, 2, 3, 1)
        if x.shape[1:] != self.input_shape:
            raise ValueError(f"samples of the shape {list(x.shape[1:])}, not {list(self.input_shape)}")
        values = self._run(x.contiguous(), self._last_reads)
        return {name: values[index] for name, index in self._outputs.items()}

    def _run(self, x: Tensor, last_reads: Sequence[Sequence[int]]) -> dict[int, Tensor]:
        """All values that are left if after each step those of ``last_reads`` are forgotten."""
        values = {self._input: x}
        for step, output, forgotten in zip(self.steps, self._written, last_reads, strict=True):
            values[output] = step(values)
            for index in forgotten:
                del values[index]
        return values

    def _build(self, graph: Graph) -> None:
        """Make a step of every operation that is not one of constants alone."""
        if len(graph.inputs) != 1:
            raise ValueError(f"{len(graph.inputs)} inputs")
        (self._input,) = graph.inputs
        self._outputs = {graph.tensors[index].name: index for index in graph.outputs}
        first = graph.tensors[self._input].shape
        if not first or first[0] != 1:
            raise ValueError(f"an input of the shape {list(first)}")
        self.input_shape = first[1:]
        """Of one sample, as the file declares it: for pictures rows, columns and channels."""
        constants = {
            index: torch.from_numpy(tensor.constant.copy())
            for index, tensor in enumerate(graph.tensors)
            if tensor.constant is not None
        }
        steps: list[_Step] = []
        self._written: list[int] = []
        for operation in graph.operations:
            (output,) = operation.outputs
            inputs = operation.inputs
            if operation.kind == "DEQUANTIZE" and inputs[0] in constants:
                constants[output] = constants[inputs[0]].float()
                continue
            if all(index in constants for index in inputs):
                raise ValueError(f"{operation.kind} of constants alone")
            shapes = [graph.tensors[index].shape if index >= 0 else () for index in inputs]
            given = [constants.get(index) for index in inputs]
            function, arguments = build(operation, shapes, graph.tensors[output].shape, given)
            reads = [
                index if index >= 0 and index not in constants else None for index in inputs[: len(arguments)]
            ]
            steps.append(_Step(function, reads, arguments))
            self._written.append(output)
        self.steps = nn.ModuleList(steps)
        last = {
            index: number for number, step in enumerate(steps) for index in step.reads if index is not None
        }
        last |= dict.fromkeys(graph.outputs, -1)
        self._last_reads = [
            [index for index, at in last.items() if at == number and index is not None]
            for number in range(len(steps))
        ]

    def _check(self, graph: Graph) -> None:
        """Let two samples through without computing anything, and compare all shapes with those declared."""
        count = 2
        shadow = copy.deepcopy(self).to("meta")
        values = shadow._run(torch.empty(count, *self.input_shape, device="meta"), [()] * len(self.steps))
        for index, value in values.items():
            declared = graph.tensors[index].shape
            # An output may lack the batch of one.
            bare = index in graph.outputs and len(declared) == value.ndim - 1
            if value.shape != (count, *(declared if bare else declared[1:])):
                raise ValueError(f"a result of the shape {list(value.shape)} instead of {list(declared)}")


class _Step(nn.Module):
    """One operation: ``function`` of the values that it ``reads`` (indices of tensors) and, where that is
    ``None``, of its ``constants``."""

    def __init__(
        self,
        function: Function,
        reads: Sequence[int | None],
        constants: Sequence[Tensor | None],
    ) -> None:
        super().__init__()
        self.function, self.reads = function, tuple(reads)
        for number, constant in enumerate(constants):
            weight = None if constant is None else nn.Parameter(constant, requires_grad=False)
            self.register_parameter(f"constant_{number}", weight)

    def forward(self, values: dict[int, Tensor]) -> Tensor:
        arguments = [
            self._parameters[f"constant_{number}"] if index is None else values[index]
            for number, index in enumerate(self.reads)
        ]
        return self.function(*arguments)
