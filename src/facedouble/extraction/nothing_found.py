"""Why no face was found: a second look at a few frames, for advice that works."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.errors import InputError, setting
from facedouble.faces.analyser import DetectedFace, FaceAnalyser
from facedouble.faces.landmarks import box_around
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Image
from facedouble.video.sampling import frames_at
from facedouble.video.source import Source

_FRAMES = 4
_ANGLES = (90, 270, 180)
_SCALES = (2, 4)
_MAX_PIXELS = 9_000_000  # of an enlarged frame


def probable_reason(source: Source, settings: ExtractSettings) -> str | None:
    """What is probably the matter with a source in which no face was found, and what helps, in one line;
    ``None`` where that is not known."""
    analyser = FaceAnalyser.from_settings(settings.replace(rotate_images=""))
    pictures = _pictures(source)
    if not settings.rotate_images and any(_is_turned(picture, analyser) for picture in pictures):
        advice = setting("rotate_images", "90")
        return f"faces lie on their side or upside down: {advice} turns the frames"
    widths = [width for picture in pictures if (width := _small_face(picture, analyser)) is not None]
    if widths:
        return (
            f"there are faces about {max(widths):.0f} pixels wide, too small for the detector: enlarge the "
            f"clip (for example with ffmpeg -vf scale=iw*3:-2), or choose another {setting('detector')}"
        )
    if source.info.field_order:
        return "the clip is interlaced, which tears moving faces: deinterlace it (ffmpeg -vf bwdif)"
    return None


def _pictures(source: Source) -> list[Image]:
    """A few frames, evenly spread, as far as they can be read."""
    numbers = np.unique(np.linspace(0, source.index.count - 1, 2 * _FRAMES + 1).astype(int)[1::2])
    found = []
    for frame in frames_at(source, numbers.tolist()):
        try:
            found.append(frame.rgb())
        except InputError:
            continue
    return found


def _is_turned(picture: Image, analyser: FaceAnalyser) -> bool:
    return any(
        analyser.search_image(np.ascontiguousarray(np.rot90(picture, angle // 90))) for angle in _ANGLES
    )


def _small_face(picture: Image, analyser: FaceAnalyser) -> float | None:
    """The width of the largest face that is found once the picture is enlarged."""
    height, width = picture.shape[:2]
    for scale in _SCALES:
        if width * height * scale * scale > _MAX_PIXELS:
            return None
        size = (width * scale, height * scale)
        found = analyser.search_image(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)))
        if found:
            return max(_width(face, analyser) for face in found) / scale
    return None


def _width(face: DetectedFace, analyser: FaceAnalyser) -> float:
    return float(box_around(face.landmarks, analyser.scheme).width)
