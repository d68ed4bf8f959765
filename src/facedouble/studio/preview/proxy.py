"""A range of frames as a small clip for playing: made of the preview's own frames, in the background.

What is judged is the still; a proxy shows how it moves.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np

from facedouble.errors import FacedoubleError
from facedouble.types import Image
from facedouble.video.frame import Frame
from facedouble.video.libav import create_clip

MOST_FRAMES = 1500
_HEIGHT = 540
_CRF = "20"

Picture = Callable[[int], tuple[Frame, Image]]
"""Frame ``n`` of the clip, and how it is shown."""


@dataclass(slots=True)
class Proxy:
    """A proxy that is being made, or is there. ``error``: why it is not."""

    total: int
    path: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    done: int = 0
    ready: bool = False
    cancelled: bool = False
    error: FacedoubleError | None = None


class Proxies:
    """The proxies of one preview: the one that was asked for last, and a few that were before."""

    def __init__(self, most: int = 3) -> None:
        self._folder = TemporaryDirectory(prefix="facedouble-proxy-")
        self._kept: dict[tuple[str, int, int], Proxy] = {}
        self._most = most
        self._lock = threading.Lock()

    def make(self, stamp: str, first: int, last: int, picture: Picture) -> Proxy:
        """The proxy of frames ``first`` to ``last`` in the settings of a stamp; any other that is being made
        is given up."""
        key = (stamp, first, last)
        with self._lock:
            found = self._kept.get(key)
            if found is not None and not found.cancelled and found.error is None:
                return found
            for other in self._kept.values():
                other.cancelled |= not other.ready
            proxy = Proxy(last - first + 1, Path(self._folder.name) / f"{uuid.uuid4().hex}.mp4")
            self._kept.pop(key, None)
            self._kept[key] = proxy
            while len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept))).path.unlink(missing_ok=True)
        threading.Thread(target=self._work, args=(proxy, first, last, picture), daemon=True).start()
        return proxy

    def find(self, identity: str) -> Proxy | None:
        with self._lock:
            return next((proxy for proxy in self._kept.values() if proxy.id == identity), None)

    def _work(self, proxy: Proxy, first: int, last: int, picture: Picture) -> None:
        try:
            _write(proxy, first, last, picture)
        except FacedoubleError as error:
            proxy.error = error
        except Exception as error:  # noqa: BLE001  (shown to the person who asked)
            proxy.error = FacedoubleError(f"{type(error).__name__}: {error}")
        if not proxy.ready:
            proxy.path.unlink(missing_ok=True)


def _write(proxy: Proxy, first: int, last: int, picture: Picture) -> None:
    with create_clip(proxy.path, "mp4", {"movflags": "faststart"}) as clip:
        stream: av.VideoStream | None = None
        start = 0
        for number in range(first, last + 1):
            if proxy.cancelled:
                return
            frame, shown = picture(number)
            small = _small(shown)
            if stream is None:
                start = frame.pts
                stream = clip.add_stream("libx264", options={"preset": "ultrafast", "crf": _CRF})
                stream.width, stream.height = small.shape[1], small.shape[0]
                stream.pix_fmt = "yuv420p"
                stream.time_base = stream.codec_context.time_base = frame.time_base
            coded = av.VideoFrame.from_ndarray(small, "rgb24")
            coded.pts, coded.time_base = frame.pts - start, frame.time_base
            clip.mux(stream.encode(coded))
            proxy.done += 1
        if stream is not None:
            clip.mux(stream.encode(None))
    proxy.ready = not proxy.cancelled


def _small(picture: Image) -> Image:
    """At most ``_HEIGHT`` lines, of even width and height, 8 bits."""
    height, width = picture.shape[:2]
    scale = min(1.0, _HEIGHT / height)
    size = (max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2))
    return np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
