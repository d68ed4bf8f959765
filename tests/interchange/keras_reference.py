"""The first faceswap's network as Keras has it, in numpy: its weights, its files, and what it draws.

Written from the layout of its layers and Keras's and TensorFlow's documented conventions; it shares nothing
with the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Layers = list[tuple[str, list[np.ndarray]]]


def layers(filters: int, bottleneck: int, convolutions: int, seed: int = 0) -> dict[str, Layers]:
    """Random weights of the three files, by name."""
    random = np.random.default_rng(seed)
    counts: dict[str, int] = {}

    def layer(kind: str, *shape: int) -> tuple[str, list[np.ndarray]]:
        counts[kind] = counts.get(kind, 0) + 1
        scale = 1.5 / np.sqrt(np.prod(shape[:-1]))
        return f"{kind}_{counts[kind]}", [
            random.normal(0, scale, shape).astype(np.float32),
            random.normal(0, 0.1, shape[-1]).astype(np.float32),
        ]

    def plain(kind: str) -> tuple[str, list[np.ndarray]]:
        counts[kind] = counts.get(kind, 0) + 1
        return f"{kind}_{counts[kind]}", []

    encoder, channels = [plain("input")], 3
    for step in range(convolutions):
        encoder += [layer("conv2d", 5, 5, channels, filters << step), plain("leaky_re_lu")]
        channels = filters << step
    side = 64 >> convolutions
    encoder += [plain("flatten"), layer("dense", side * side * channels, bottleneck)]
    encoder += [layer("dense", bottleneck, 16 * filters * 8), plain("reshape")]
    encoder += [
        layer("conv2d", 3, 3, filters * 8, filters * 16),
        plain("leaky_re_lu"),
        plain("pixel_shuffler"),
    ]
    found = {"encoder.h5": encoder}
    for name in ("decoder_A.h5", "decoder_B.h5"):
        decoder, channels = [plain("input")], filters * 4
        for out in (filters * 2, filters, filters // 2):
            decoder += [
                layer("conv2d", 3, 3, channels, out * 4),
                plain("leaky_re_lu"),
                plain("pixel_shuffler"),
            ]
            channels = out
        found[name] = [*decoder, layer("conv2d", 5, 5, channels, 3)]
    return found


def write(path: Path, content: Layers) -> None:
    """A file of Keras 2's ``save_weights``."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name, _ in content])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.1.2"
        for name, tensors in content:
            group = file.create_group(name)
            names = [f"{name}/kernel:0", f"{name}/bias:0"][: len(tensors)]
            group.attrs["weight_names"] = np.array([text.encode() for text in names])
            for text, tensor in zip(names, tensors, strict=True):
                group.create_dataset(text, data=tensor)


def swap(faces: np.ndarray, weights: dict[str, Layers], decoder: str) -> np.ndarray:
    """Faces (N, 64, 64, 3), B, G, R 0..1, through the encoder and a decoder."""
    tensors = _tensors(weights["encoder.h5"])
    convolutions = len([name for name, _ in weights["encoder.h5"] if name.startswith("conv2d")]) - 1
    x = faces.astype(np.float64)
    for _ in range(convolutions):
        kernel, bias = next(tensors)
        x = _leaky(_convolve(x, kernel, bias, stride=2))
    for _ in range(2):
        kernel, bias = next(tensors)
        x = x.reshape(len(x), -1) @ kernel + bias
    x = x.reshape(len(x), 4, 4, -1)
    x = _shuffle(_leaky(_convolve(x, *next(tensors))))
    tensors = _tensors(weights[decoder])
    for _ in range(3):
        x = _shuffle(_leaky(_convolve(x, *next(tensors))))
    return np.asarray(1 / (1 + np.exp(-_convolve(x, *next(tensors)))))


def _tensors(content: Layers) -> Iterator[Any]:
    return iter([tensors for _, tensors in content if tensors])


def _leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, x * 0.1, x)


def _convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """TensorFlow's "same": as many zeros as the last window lacks, the odd one at the end."""
    size, side = kernel.shape[0], x.shape[1]
    out = -(-side // stride)
    lacking = max((out - 1) * stride + size - side, 0)
    before = lacking // 2
    padded = np.pad(x, ((0, 0), (before, lacking - before), (before, lacking - before), (0, 0)))
    answer = np.zeros((len(x), out, out, kernel.shape[3])) + bias
    for i in range(size):
        for j in range(size):
            rows, columns = slice(i, i + stride * out, stride), slice(j, j + stride * out, stride)
            answer += padded[:, rows, columns][:, :out, :out] @ kernel[i, j]
    return answer


def _shuffle(x: np.ndarray) -> np.ndarray:
    """Pixel shuffle, channels last: a channel's number is place by place, then filter."""
    count, side, _, channels = x.shape
    parts = x.reshape(count, side, side, 2, 2, channels // 4)
    return parts.transpose(0, 1, 3, 2, 4, 5).reshape(count, 2 * side, 2 * side, channels // 4)
