"""Caches of preprocessed crops: in memory, or in a file on disk where they do not fit."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from facedouble.errors import TrainingError
from facedouble.types import Image

_CHUNK = 64  # crops read at once where all are read


class CropCache(Protocol):
    """N crops (C, S, S) uint8, readable in any order."""

    shape: tuple[int, int, int, int]
    device: torch.device

    def take(self, chosen: Tensor) -> Tensor:
        """The crops at these indices (n,), as (n, C, S, S) uint8 on ``device``."""
        ...


def chunks(store: CropCache) -> Iterator[Tensor]:
    """All crops in order, in chunks."""
    for chosen in torch.arange(store.shape[0]).split(_CHUNK):
        yield store.take(chosen)


class MemoryCache:
    """Crops on the training device."""

    def __init__(self, pixels: Tensor) -> None:
        self._pixels = pixels
        n, c, height, width = pixels.shape
        self.shape, self.device = (n, c, height, width), pixels.device

    @classmethod
    def filled(
        cls, pictures: Iterable[Image], shape: tuple[int, int, int, int], device: torch.device
    ) -> MemoryCache:
        """Cache ``pictures``, each (C, S, S) uint8; ``shape`` is (N, C, S, S)."""
        pixels = np.empty(shape, dtype=np.uint8)
        for place, picture in zip(pixels, pictures, strict=True):
            place[:] = picture
        return cls(torch.from_numpy(pixels).to(device))

    def take(self, chosen: Tensor) -> Tensor:
        return self._pixels.index_select(0, chosen.to(self.device))


class DiskCache:
    """Crops in an unnamed file, which the system removes however the program ends.

    They are stored uncompressed, so that reading costs no decoding; the system's page cache holds as many as
    there is room for. Safe for a thread that prefetches for another.
    """

    def __init__(
        self,
        pictures: Iterable[Image],
        shape: tuple[int, int, int, int],
        device: torch.device,
        folder: Path,
    ) -> None:
        """Raises ``TrainingError`` when ``folder`` has no room for them or cannot be written."""
        self.shape, self.device = shape, device
        self._bytes = int(np.prod(shape[1:]))
        self._lock = threading.Lock()
        needed = shape[0] * self._bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            room = shutil.disk_usage(folder).free
            if room < needed:
                raise TrainingError(
                    f"the faces fit neither in memory nor in {folder}: they need {needed / 1e9:.1f} GB, "
                    f"there is room for {room / 1e9:.1f}; take fewer faces or a smaller model"
                )
            # It is to live as long as this object.
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
            for picture in pictures:
                self._file.write(np.ascontiguousarray(picture).data)
        except OSError as error:
            raise TrainingError(f"{folder}: the faces cannot be written there ({error.strerror})") from error

    def take(self, chosen: Tensor) -> Tensor:
        result = np.empty((len(chosen), *self.shape[1:]), dtype=np.uint8)
        with self._lock:
            for number, place in zip(chosen.tolist(), result.reshape(len(chosen), -1), strict=True):
                self._file.seek(number * self._bytes)
                if self._file.readinto(place.data) != self._bytes:
                    raise TrainingError("the file that holds the faces was cut off; start training again")
        return torch.from_numpy(result).to(self.device)
