"""TensorFlow Lite's operators as functions of PyTorch tensors, and how operations of a file become them.

Pictures are (N, rows, columns, channels), as in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.networks.tflite import Operation

Function = Callable[..., Tensor]

_SAME, _VALID = 0, 1
_ACTIVATIONS: Mapping[int, Function | None] = {0: None, 1: F.relu, 3: F.relu6}

_UNARY: Mapping[str, Function] = {
    "LOGISTIC": torch.sigmoid,
    "NEG": torch.neg,
    "RELU": F.relu,
    "RELU6": F.relu6,
    "RSQRT": torch.rsqrt,
    "SQRT": torch.sqrt,
    "DEQUANTIZE": torch.Tensor.float,
}
_BINARY: Mapping[str, Function] = {
    "ADD": torch.add,
    "DIV": torch.div,
    "MUL": torch.mul,
    "SUB": torch.sub,
    "SQUARED_DIFFERENCE": lambda a, b: (a - b).square(),
}


def build(
    operation: Operation,
    shapes: Sequence[tuple[int, ...]],
    result: tuple[int, ...],
    constants: Sequence[Tensor | None],
) -> tuple[Function, list[Tensor | None]]:
    """The function for an operation, and for each of its arguments the constant to use, or ``None`` for one
    that is computed or absent. Sizes and axes are part of the function, and weights in PyTorch's order.

    ``shapes`` are those of the inputs and ``result`` that of the output as the file declares them, with a
    batch of one. Raises ``ValueError`` for what is not supported.
    """
    kind, options = operation.kind, operation.options
    if kind in _UNARY:
        return _UNARY[kind], [None]
    if kind in _BINARY:
        return _activated(_BINARY[kind], options), list(constants)
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return _convolution(kind, options, shapes, constants)
    if kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return _pool(kind, options, shapes[0]), [None]
    if kind == "PRELU":
        return _prelu, list(constants)
    if kind == "FULLY_CONNECTED":
        if options["weights_format"]:
            raise ValueError("shuffled weights are not supported")
        return _activated(_dense, options), list(constants)
    if kind == "RESIZE_BILINEAR":
        if bool(options["align_corners"]) == bool(options["half_pixel_centers"]):
            raise ValueError("this way of resizing is not supported")
        return partial(_resize, size=list(result[1:3]), align_corners=bool(options["align_corners"])), [None]
    if kind == "RESHAPE":
        return partial(_reshape, shape=_sample(result)), [None]
    if kind == "CONCATENATION":
        axis = _axis(options["axis"], len(result))
        return _activated(partial(_concatenate, axis=axis), options), list(constants)
    if kind in ("MEAN", "SUM"):
        axes = [_axis(int(axis), len(shapes[0])) for axis in _numbers(constants[1])]
        function = torch.mean if kind == "MEAN" else torch.sum
        return partial(function, dim=axes, keepdim=bool(options["keep_dims"])), [None]
    if kind == "TRANSPOSE":
        order = _numbers(constants[1])
        if order[0] != 0:
            raise ValueError("the batch is moved")
        return partial(torch.permute, dims=order), [None]
    if kind == "PAD":
        before_after = _numbers(constants[1])
        if before_after[:2] != [0, 0]:
            raise ValueError("the batch is padded")
        pairs = zip(before_after[-2::-2], before_after[-1::-2], strict=True)
        return partial(F.pad, pad=[number for pair in pairs for number in pair]), [None]
    if kind == "STRIDED_SLICE":
        return partial(_slice, slices=_slices(options, shapes[0], *map(_numbers, constants[1:]))), [None]
    raise ValueError(f"operator {kind} is not supported")


def padding(kind: int, size: int, window: int, stride: int) -> tuple[int, int]:
    """Pixels of padding before and after a row of ``size`` pixels, over which a ``window`` moves by
    ``stride``. ``SAME`` gives an output pixel for every stride begun, and puts an odd pixel at the end."""
    if stride < 1 or kind not in (_SAME, _VALID):
        raise ValueError(f"stride {stride}, padding {kind}")
    total = max((-(-size // stride) - 1) * stride + window - size, 0) if kind == _SAME else 0
    return total // 2, total - total // 2


def _convolution(
    kind: str,
    options: Mapping[str, int],
    shapes: Sequence[tuple[int, ...]],
    constants: Sequence[Tensor | None],
) -> tuple[Function, list[Tensor | None]]:
    weight, bias = constants[1], constants[2] if len(constants) > 2 else None
    if weight is None or weight.ndim != 4:
        raise ValueError("weights that are not constant")
    # From (outputs, rows, columns, inputs), or for each channel by itself (1, rows, columns, outputs).
    weight = weight.permute(0, 3, 1, 2) if kind == "CONV_2D" else weight.permute(3, 0, 1, 2)
    groups = 1 if kind == "CONV_2D" else shapes[0][3]
    dilation = (options["dilation_y"], options["dilation_x"])
    stride = (options["stride_y"], options["stride_x"])
    windows = [(side - 1) * step + 1 for side, step in zip(weight.shape[2:], dilation, strict=True)]
    rows, columns = (
        padding(options["padding"], *sizes) for sizes in zip(shapes[0][1:3], windows, stride, strict=True)
    )
    function = partial(_convolve, stride=stride, padding=(*columns, *rows), dilation=dilation, groups=groups)
    weight = weight.contiguous(memory_format=torch.channels_last)
    return _activated(function, options), [None, weight, bias]


def _pool(kind: str, options: Mapping[str, int], shape: tuple[int, ...]) -> Function:
    window = (options["height"], options["width"])
    stride = (options["stride_y"], options["stride_x"])
    rows, columns = (
        padding(options["padding"], *sizes) for sizes in zip(shape[1:3], window, stride, strict=True)
    )
    if kind == "AVERAGE_POOL_2D" and any((*rows, *columns)):
        raise ValueError("means over padded windows are not supported")
    if kind == "AVERAGE_POOL_2D":
        return _activated(partial(_mean_pool, window=window, stride=stride), options)
    return _activated(partial(_max_pool, window=window, stride=stride, padding=(*columns, *rows)), options)


def _slices(
    options: Mapping[str, int], shape: tuple[int, ...], begin: list[int], end: list[int], strides: list[int]
) -> tuple[slice, ...]:
    """The slices of a sample's axes, without the batch's. The only axis that may be dropped is the batch's,
    in the file; here it stays."""
    if options["ellipsis_mask"] or options["new_axis_mask"] or options["shrink_mask"] > 1:
        raise ValueError("this way of slicing is not supported")
    slices = []
    for axis, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        if stride < 1:
            raise ValueError(f"stride {stride}")
        start = None if options["begin_mask"] >> axis & 1 else first
        stop = None if options["end_mask"] >> axis & 1 else last
        slices.append(slice(start, stop, stride))
    if range(shape[0])[slices[0]] != range(1):
        raise ValueError("the batch is sliced")
    return tuple(slices[1:])


def _activated(function: Function, options: Mapping[str, int]) -> Function:
    """``function``, followed by the activation that its options name."""
    number = options.get("activation", 0)
    if number not in _ACTIVATIONS:
        raise ValueError(f"activation {number} is not supported")
    activation = _ACTIVATIONS[number]
    return function if activation is None else partial(_then, function, activation)


def _then(function: Function, activation: Function, *arguments: Tensor) -> Tensor:
    return activation(function(*arguments))


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    groups: int,
) -> Tensor:
    x, rest = _padded(x.permute(0, 3, 1, 2), padding, 0)
    x = F.conv2d(x, weight, bias, stride=stride, padding=rest, dilation=dilation, groups=groups)
    return x.permute(0, 2, 3, 1)


def _max_pool(
    x: Tensor, *, window: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> Tensor:
    x, rest = _padded(x.permute(0, 3, 1, 2), padding, -torch.inf)
    return F.max_pool2d(x, window, stride=stride, padding=rest).permute(0, 2, 3, 1)


def _mean_pool(x: Tensor, *, window: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    return F.avg_pool2d(x.permute(0, 3, 1, 2), window, stride=stride).permute(0, 2, 3, 1)


def _padded(x: Tensor, padding: tuple[int, int, int, int], value: float) -> tuple[Tensor, tuple[int, int]]:
    """``x`` (N, C, H, W), padded at left, right, top and bottom by what is not alike at both ends, and the
    rest, which is: rows and columns."""
    left, right, top, bottom = padding
    if left == right and top == bottom:
        return x, (top, left)
    return F.pad(x, padding, value=value), (0, 0)


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return F.prelu(x.permute(0, 3, 1, 2), slope.flatten()).permute(0, 2, 3, 1)


def _dense(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x.flatten(1), weight, bias)


def _resize(x: Tensor, *, size: list[int], align_corners: bool) -> Tensor:
    x = F.interpolate(x.permute(0, 3, 1, 2), size, mode="bilinear", align_corners=align_corners)
    return x.permute(0, 2, 3, 1)


def _reshape(x: Tensor, *, shape: tuple[int, ...]) -> Tensor:
    return x.reshape(len(x), *shape)


def _concatenate(*parts: Tensor, axis: int) -> Tensor:
    count = max(len(part) for part in parts)  # constants are of one sample
    return torch.cat([part.expand(count, *part.shape[1:]) for part in parts], dim=axis)


def _slice(x: Tensor, *, slices: tuple[slice, ...]) -> Tensor:
    return x[(slice(None), *slices)]


def _sample(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one sample, without the batch of one."""
    if not shape or shape[0] != 1:
        raise ValueError(f"the shape {list(shape)} is not that of a batch of one")
    return shape[1:]


def _axis(axis: int, count: int) -> int:
    """``axis``, counted from the first one; the batch's cannot be meant."""
    if not -count <= axis < count or axis % count == 0:
        raise ValueError(f"axis {axis} of {count}")
    return axis % count


def _numbers(constant: Tensor | None) -> list[int]:
    """The numbers of a constant that says sizes or axes."""
    if constant is None or constant.is_floating_point():
        raise ValueError("sizes or axes that are not constant")
    return [int(number) for number in constant.flatten().tolist()]
