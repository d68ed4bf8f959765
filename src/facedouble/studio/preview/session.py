"""The preview of one result: its frames by number, in any settings, and ranges of them as small clips."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.settings.convert import ConvertSettings
from facedouble.studio.preview.decoded import DecodedFrames
from facedouble.studio.preview.preparation import Preparation, Progressing
from facedouble.studio.preview.proxy import MOST_FRAMES, Proxies, Proxy
from facedouble.studio.preview.rendering import FramePainter, Look
from facedouble.studio.preview.sound import sound_between
from facedouble.types import Image
from facedouble.video.frame import Frame
from facedouble.video.opencv_codec import encode
from facedouble.video.source import open_source

View = Literal["source", "result", "mask", "detail", "source-detail"]
_FINE = 1.6  # pixels; Gaussian, finer than which is detail
_GAIN = 4.0


class Preview:
    """A clip with the face of ``model``'s person in it, frame by frame. Any thread may ask."""

    def __init__(self, clip: Path, model: Path, faceset: Path, settings: ConvertSettings) -> None:
        self.source = open_source(clip, settings.reading)
        self._frames = DecodedFrames(self.source)
        self._preparation = Preparation(self.source, model, faceset)
        self._painter = FramePainter()
        self.proxies = Proxies()
        self._lock = threading.Lock()

    def look(self, settings: ConvertSettings, frame: int | None = None) -> Look | Progressing:
        """What frames are made with for these settings, or how far that is; ``frame`` is shown meanwhile."""
        return self._preparation.look(settings, frame)

    def picture(self, number: int, view: View, look: Look | None) -> Image:
        """Frame ``number`` as it is shown, (H, W, 3) uint8. ``look`` is not needed for the source.

        Raises ``InputError`` where there is no such frame, ``ConversionError`` where it cannot be converted.
        """
        return self._shown(number, view, look)[1]

    def proxy(self, stamp: str, first: int, last: int, look: Look) -> Proxy:
        """Frames ``first`` to ``last`` of the result as a small clip, made in the background. Raises
        ``InputError`` for frames that are not there, or too many."""
        if not 0 <= first <= last < self.source.index.count:
            raise InputError("there are no such frames")
        if last - first >= MOST_FRAMES:
            raise InputError(f"a proxy has at most {MOST_FRAMES} frames; choose a shorter range")
        times, tick = self.source.index.times, self.source.info.time_base
        start, end = (Fraction(int(times[number])) * tick for number in (first, last))
        end += 1 / self.source.info.rate
        return self.proxies.make(
            stamp,
            first,
            last,
            lambda number: self._shown(number, "result", look),
            lambda: sound_between(self.source.info.path, start, end),
        )

    def _shown(self, number: int, view: View, look: Look | None) -> tuple[Frame, Image]:
        with self._lock:
            frame = original = self._frames[number]
            if look is not None and view in ("result", "detail"):
                frame = self._painter.result(look, frame)
            elif look is not None and view == "mask":
                frame = self._painter.mask(look, frame)
            shown = frame.rgb()
        return original, _detail(shown) if view.endswith("detail") else shown


def _detail(picture: Image) -> Image:
    """What is finer than some pixels, enlarged around grey: where skin is too smooth, or too sharp."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = np.clip(128 + _GAIN * (luma - cv2.GaussianBlur(luma, (0, 0), _FINE)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(fine, cv2.COLOR_GRAY2RGB))


def png(picture: Image) -> bytes:
    """A picture as a file, lossless, made for speed."""
    return encode(".png", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_PNG_COMPRESSION, 1])
