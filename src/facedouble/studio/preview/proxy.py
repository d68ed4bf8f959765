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
from facedouble.studio.preview.sound import add_sound, write_sound
from facedouble.types import FloatArray, Image
from facedouble.video.frame import Frame
from facedouble.video.libav import create_clip

MOST_FRAMES = 1500
_HEIGHT = 540
_CRF = "20"

Picture = Callable[[int], tuple[Frame, Image]]
"""Frame ``n`` of the clip, and how it is shown."""
Sound = Callable[[], FloatArray | None]
"""The sound of the range, as :mod:`.sound` has it."""


@dataclass(slots=True)
class Proxy:
    """A proxy that is being made, or is there. ``error``: why it is not; ``note``: why it has no sound where
    the clip has some."""

    total: int
    path: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    done: int = 0
    ready: bool = False
    cancelled: bool = False
    error: FacedoubleError | None = None
    note: str = ""


class Proxies:
    """The proxies of one preview: the one that was asked for last, and a few that were before."""

    def __init__(self, most: int = 3) -> None:
        self._folder = TemporaryDirectory(prefix="facedouble-proxy-")
        self._kept: dict[tuple[str, int, int], Proxy] = {}
        self._most = most
        self._lock = threading.Lock()

    def make(self, stamp: str, first: int, last: int, picture: Picture, sound: Sound) -> Proxy:
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
        threading.Thread(target=self._work, args=(proxy, first, last, picture, sound), daemon=True).start()
        return proxy

    def find(self, identity: str) -> Proxy | None:
        with self._lock:
            return next((proxy for proxy in self._kept.values() if proxy.id == identity), None)

    def _work(self, proxy: Proxy, first: int, last: int, picture: Picture, sound: Sound) -> None:
        try:
            _write(proxy, first, last, picture, sound)
        except FacedoubleError as error:
            proxy.error = error
        except Exception as error:  # noqa: BLE001  (shown to the person who asked)
            proxy.error = FacedoubleError(f"{type(error).__name__}: {error}")
        if not proxy.ready:
            proxy.path.unlink(missing_ok=True)


def _write(proxy: Proxy, first: int, last: int, picture: Picture, sound: Sound) -> None:
    samples: FloatArray | None = None
    try:
        samples = sound()
    except FacedoubleError as error:
        proxy.note = str(error)
    with create_clip(proxy.path, "mp4", {"movflags": "faststart"}) as clip:
        stream: av.VideoStream | None = None
        sound_stream: av.AudioStream | None = None
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
                sound_stream = None if samples is None else add_sound(clip)
            coded = av.VideoFrame.from_ndarray(small, "rgb24")
            coded.pts, coded.time_base = frame.pts - start, frame.time_base
            clip.mux(stream.encode(coded))
            proxy.done += 1
        if stream is not None:
            clip.mux(stream.encode(None))
        if sound_stream is not None and samples is not None:
            write_sound(clip, sound_stream, samples)
    proxy.ready = not proxy.cancelled


def _small(picture: Image) -> Image:
    """At most ``_HEIGHT`` lines, of even width and height, 8 bits."""
    height, width = picture.shape[:2]
    scale = min(1.0, _HEIGHT / height)
    size = (max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2))
    return np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
