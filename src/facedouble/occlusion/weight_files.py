"""Files of the network's weights. Without PyTorch: a conversion names them where it is not installed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facedouble.errors import InputError
from facedouble.files import read_regular
from facedouble.networks.shipped import shipped_weights

SHIPPED = "occlusion.safetensors"
_MOST_BYTES = 1 << 24


def weights_digest(path: Path | None = None) -> str:
    """The first digits of the SHA-256 of the weights in a file, by default of the program's own."""
    return hashlib.sha256(read_weights_file(path)).hexdigest()[:12]


def read_weights_file(path: Path | None) -> bytes:
    """A file of weights, by default the program's own. Raises ``InputError`` and ``AssetError``."""
    if path is None:
        return shipped_weights(SHIPPED).read_bytes()
    try:
        return read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
