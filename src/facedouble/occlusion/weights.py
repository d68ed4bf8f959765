"""Files of the network's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from facedouble.array_checks import check_arrays
from facedouble.errors import InputError, OutputError
from facedouble.files import write_whole
from facedouble.json_data import parse_json
from facedouble.occlusion.network import OcclusionNetwork
from facedouble.occlusion.weight_files import SHIPPED, read_weights_file

NAME = "unet"
"""What masks made by the network name as their maker; its version is the digest of the weights."""

_MARK = "facedouble_occlusion"
_FORMAT = "1"


def save_weights(network: OcclusionNetwork, path: Path, origin: str) -> None:
    """Write weights in half precision, with a line on where they are from. Raises ``OutputError``."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    try:
        write_whole(path, save(tensors, {_MARK: _FORMAT, "origin": origin}))
    except OSError as error:
        raise OutputError(f"{path}: the weights cannot be written ({error.strerror})") from error


def load_weights(path: Path | None = None) -> OcclusionNetwork:
    """The network with the weights in a file, by default those that come with the program, in evaluation
    mode.

    Raises ``InputError`` for a file that is none of :func:`save_weights`, ``AssetError`` if the program's
    own are missing or damaged.
    """
    data = read_weights_file(path)
    where = path or Path(SHIPPED)
    network = OcclusionNetwork()
    own = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    try:
        length = int.from_bytes(data[:8], "little")
        if parse_json(data[8 : 8 + length])["__metadata__"][_MARK] != _FORMAT:
            raise InputError(f"{where}: weights of another version of the occlusion network")
        arrays = {name: tensor.numpy() for name, tensor in load(data).items()}
        check_arrays(arrays, {name: ("float16", tuple(tensor.shape)) for name, tensor in own.items()})
        if any((array < 0).any() for name, array in arrays.items() if name.endswith("running_var")):
            raise ValueError("negative variance")
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: damaged, or no weights of the occlusion network") from error
    restored = {name: torch.from_numpy(np.array(array, np.float32)) for name, array in arrays.items()}
    network.load_state_dict(restored, strict=False)
    return network.eval()
