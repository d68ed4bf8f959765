"""The weights in a file of Keras 2 (HDF5), read in a process of its own with limits on memory and time.

Such a file has a group for each layer, in the order of its attribute ``layer_names``; each group names its
tensors in ``weight_names``. HDF5 can do far more: refer to other files, compress, make up what is not stored,
load filters from libraries. Whatever is not a plain array of float32 is refused before it is read.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from facedouble.errors import InputError
from facedouble.files import open_regular
from facedouble.process_limits import MAX_MEMORY, Watch, limit_memory

FloatTensor = npt.NDArray[np.float32]

MAX_BYTES = 600 << 20
"""Of a file, and of all that is in it. The largest of 2018 has 279 MB."""
_MAX_LAYERS = 200
_MAX_WEIGHTS = 8
_MAX_NAME = 200
_MAX_DIMENSIONS = 4
_CHUNK = 1 << 20
_WHY = "why"


def read_weights(path: Path) -> list[FloatTensor]:
    """The tensors of a file in the order of its layers. Raises ``InputError`` for a file that cannot be read,
    or holds something else."""
    environment = {**os.environ, "HDF5_PLUGIN_PRELOAD": "::", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, os.fspath(path.absolute())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        watch = Watch(process)
        parts: list[bytes] = []
        try:
            assert process.stdout is not None
            room = MAX_BYTES + _CHUNK
            while room > 0 and (part := process.stdout.read(_CHUNK)):
                watch.heard()
                parts.append(part)
                room -= len(part)
        finally:
            watch.stop()
            process.kill()
    if watch.expired:
        raise InputError(f"{path}: reading it takes more than {watch.seconds:.0f} seconds")
    try:
        found = load(b"".join(parts))
        if _WHY in found:
            raise InputError(f"{path}: {found[_WHY].tobytes().decode('utf-8', 'replace')}")
        return [np.asarray(found[str(number)], np.float32) for number in range(len(found))]
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: reading it needs more than {MAX_MEMORY >> 30} GiB, or stops the reader"
        ) from error


# -- in the process ------------------------------------------------------------------------------------


def _tensors(path: Path) -> list[FloatTensor]:
    """Raises ``ValueError`` and ``OSError``."""
    import h5py

    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES >> 20} MiB")
        with h5py.File(file, "r") as opened:
            root = _child(opened, "model_weights") if "model_weights" in opened else opened
            layers = _names(root, "layer_names", _MAX_LAYERS)
            datasets = []
            for layer in layers:
                group = _child(root, layer)
                datasets += [_walk(group, name) for name in _names(group, "weight_names", _MAX_WEIGHTS)]
            size = sum(_checked(dataset) for dataset in datasets)
            if size > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES >> 20} MiB of weights")
            found = [np.asarray(dataset[()], dtype=np.float32) for dataset in datasets]
    if not all(np.isfinite(tensor).all() for tensor in found):
        raise ValueError("weights that are no numbers")
    return found


def _names(group: Any, attribute: str, limit: int) -> list[str]:
    """A list of names in an attribute: fixed strings alone, so that nothing else is looked at."""
    import h5py

    if not isinstance(group, h5py.Group) or attribute not in group.attrs:
        raise ValueError(f"not weights of Keras ({attribute} is missing)")
    kind, space = (getattr(group.attrs.get_id(attribute), name) for name in ("dtype", "shape"))
    if space == (0,):
        return []  # a layer without weights
    if kind.kind != "S" or kind.itemsize > _MAX_NAME or len(space) != 1 or space[0] > limit:
        raise ValueError(f"{attribute} is no list of names")
    return [bytes(name).decode("utf-8") for name in group.attrs[attribute]]


def _walk(group: Any, name: str) -> Any:
    for part in name.split("/"):
        group = _child(group, part)
    return group


def _child(group: Any, name: str) -> Any:
    """A member of a group that is in this file."""
    import h5py

    if not isinstance(group, h5py.Group) or name in ("", ".", "..") or "/" in name:
        raise ValueError("a name that is none")
    link = group.get(name, getlink=True)
    if link is None:
        raise ValueError(f"{name[:80]} is missing")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name[:80]} is a link to somewhere else")
    return group[name]


def _checked(dataset: Any) -> int:
    """The bytes of a plain array of float32. Raises ``ValueError`` for anything else."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError("a group where weights should be")
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize != 4:
        raise ValueError(f"numbers of type {str(dataset.dtype)[:40]}, not float32")
    if dataset.is_virtual or dataset.external:
        raise ValueError("weights that are in another file")
    plan = dataset.id.get_create_plist()
    if plan.get_nfilters() or plan.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise ValueError("weights that are compressed or in pieces")
    if dataset.shape is None or not 1 <= len(dataset.shape) <= _MAX_DIMENSIONS or not dataset.size:
        raise ValueError("weights of no shape")
    size = int(dataset.size) * 4
    if size > MAX_BYTES or dataset.id.get_storage_size() != size:
        raise ValueError("weights of another size than is stored")
    return size


def _main(path: Path) -> None:
    limit_memory()
    try:
        tensors = {str(number): tensor for number, tensor in enumerate(_tensors(path))}
    except OSError as error:
        tensors = _said(f"cannot be read ({error.strerror or 'not an HDF5 file, or damaged'})")
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        tensors = _said(" ".join(str(error).split())[:200])
    except MemoryError:
        tensors = _said(f"reading it needs more than {MAX_MEMORY >> 30} GiB")
    sys.stdout.buffer.write(save(tensors))
    sys.stdout.buffer.flush()


def _said(why: str) -> dict[str, Any]:
    return {_WHY: np.frombuffer(why.encode("utf-8"), np.uint8)}


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
