"""The preview of one result: its frames by number, in any settings."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from facedouble.settings.convert import ConvertSettings
from facedouble.studio.preview.decoded import DecodedFrames
from facedouble.studio.preview.preparation import Preparation, Progressing
from facedouble.studio.preview.rendering import FramePainter, Look
from facedouble.types import Image
from facedouble.video.opencv_codec import encode
from facedouble.video.source import open_source

View = Literal["source", "result", "mask"]


class Preview:
    """A clip with the face of ``model``'s person in it, frame by frame. Any thread may ask."""

    def __init__(self, clip: Path, model: Path, faceset: Path, settings: ConvertSettings) -> None:
        self.source = open_source(clip, settings.reading)
        self._frames = DecodedFrames(self.source)
        self._preparation = Preparation(self.source, model, faceset)
        self._painter = FramePainter()
        self._lock = threading.Lock()

    def look(self, settings: ConvertSettings) -> Look | Progressing:
        """What frames are made with for these settings, or how far that is."""
        return self._preparation.look(settings)

    def picture(self, number: int, view: View, look: Look | None) -> Image:
        """Frame ``number`` as it is shown, (H, W, 3) uint8. ``look`` is not needed for the source.

        Raises ``InputError`` where there is no such frame, ``ConversionError`` where it cannot be converted.
        """
        with self._lock:
            frame = self._frames[number]
            if look is not None and view != "source":
                frame = (self._painter.result if view == "result" else self._painter.mask)(look, frame)
            return frame.rgb()


def png(picture: Image) -> bytes:
    """A picture as a file, lossless, made for speed."""
    return encode(".png", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_PNG_COMPRESSION, 1])
