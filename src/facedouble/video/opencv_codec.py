"""Image files as OpenCV reads and writes them, and one kind of error for all that it raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

_ERRORS = (cv2.error, ValueError, RuntimeError, MemoryError, SystemError, OverflowError)


def decode(data: bytes | memoryview, flags: int) -> npt.NDArray[Any]:
    """The pixels of an image file, BGR or BGRA. Raises ``ValueError`` for what cannot be read."""
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if len(data) else None
    except _ERRORS as error:
        raise ValueError(f"not a readable image ({_reason(error)})") from error
    if found is None:
        raise ValueError("not a readable image")
    return np.asarray(found)


def encode(suffix: str, pixels: npt.NDArray[Any], options: Sequence[int] = ()) -> bytes:
    """An image file of pixels (H, W), or (H, W, 3) BGR or (H, W, 4) BGRA. Raises ``ValueError`` where it
    cannot be made."""
    try:
        done, encoded = cv2.imencode(suffix, pixels, list(options))
    except _ERRORS as error:
        raise ValueError(f"the image cannot be encoded as {suffix} ({_reason(error)})") from error
    if not done:
        raise ValueError(f"the image cannot be encoded as {suffix}")
    return np.asarray(encoded).tobytes()


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "err", "") or str(error) or type(error).__name__).split())
