"""VGG-19's lower layers, whose features measure how similar two pictures look."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from facedouble.errors import AssetError

_BLOCKS = (2, 2, 4, 4)
"""Number of convolutions in each block; the fifth block is not used."""

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class Vgg19(nn.Module):
    """The first four blocks of VGG-19 (Simonyan and Zisserman 2015), frozen.

    The weights are those published by torchvision (trained on ImageNet): a state dict with the keys
    ``features.N.weight`` and ``features.N.bias``; anything above the fourth block is ignored.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, path: Path) -> None:
        """Read the weights from ``path``, a ``.safetensors`` file or a ``.pth`` file, which is read without
        executing code from it. Raises ``AssetError`` for a file that is missing, damaged or of another
        network."""
        super().__init__()
        tensors = _read(path)
        self.blocks = nn.ModuleList()
        number, channels = 0, 3
        try:
            for count in _BLOCKS:
                block = nn.Sequential()
                for _ in range(count):
                    weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
                    convolution = nn.Conv2d(channels, weight.shape[0], 3, padding=1)
                    convolution.load_state_dict({"weight": weight, "bias": bias})
                    block.append(convolution)
                    block.append(nn.ReLU())
                    channels = weight.shape[0]
                    number += 2
                self.blocks.append(block)
                number += 1  # the pooling between blocks
        except (KeyError, RuntimeError, IndexError, AttributeError) as error:
            raise AssetError(f"{path}: not the weights of VGG-19 ({error})") from error
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Activations of the last layer of each block for pictures (N, 3, H, W), R, G, B in 0..1: (N, C, h,
        w) with 64, 128, 256, 512 channels and H, H/2, H/4, H/8 rows, all at least 0."""
        x = (pictures - self.mean) / self.deviation
        activations = []
        for i, block in enumerate(self.blocks):
            x = block(F.max_pool2d(x, 2) if i else x)
            activations.append(x)
        return activations


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of the file. PyTorch's file names end in the first eight digits of the file's SHA-256; if
    present, they are verified."""
    try:
        named = re.search(r"-([0-9a-f]{8})\.", path.name)
        if named:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if not found.startswith(named[1]):
                raise AssetError(
                    f"{path}: damaged or incomplete (its SHA-256 begins with {found[:8]}, its name says "
                    f"{named[1]}); download it again"
                )
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except AssetError:
        raise
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise AssetError(f"{path}: not a weights file, or damaged ({type(error).__name__})") from error
    if not isinstance(tensors, dict):
        raise AssetError(f"{path}: not a state dict but a {type(tensors).__name__}")
    return tensors
