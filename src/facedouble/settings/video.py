"""How frames are written, and the commands that turn clips into images and back."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import field_validator

from facedouble.settings.base import Choice, File, Settings, field, problem
from facedouble.settings.reading import Reading
from facedouble.video.registry import IMAGE_FORMATS

ImageFormat = Annotated[str, Choice(IMAGE_FORMATS)]


class ClipEncoding(Settings):
    """A clip.

    ``codec`` is FFmpeg's name of an encoder: libx264 (the default: plays everywhere), libx265, libsvtav1,
    libvpx-vp9 (.webm), prores_ks (.mov, for editors; holds alpha), ffv1 (.mkv, lossless; holds alpha);
    or dnxhr (.mov, for editors).
    ``crf`` 15 is a quality at which a second look finds no difference; 18 makes files a third smaller, 0 is
    lossless. ``preset`` trades time for size only.
    """

    kind: Literal["clip"] = "clip"
    codec: str = field("libx264", "video encoder, such as libx264, libx265, prores_ks, dnxhr or ffv1")
    crf: int = field(15, "quality, 0 (lossless) to 51; lower is better and larger", min=0, max=51)
    preset: str = field("medium", "encoder's speed: ultrafast to veryslow")
    streams: str = field(
        "all",
        "streams of the source that are kept beside the picture: all that the container holds, sound, "
        "subtitles, none, or their numbers in the file (1,3)",
    )

    @field_validator("streams")
    @classmethod
    def _streams(cls, text: str) -> str:
        if not re.fullmatch(r"all|sound|subtitles|none|\d{1,4}(,\d{1,4})*", text):
            raise problem("", "must be all, sound, subtitles, none, or numbers such as 1,3")
        return text


class ImageEncoding(Settings):
    """A folder of images."""

    kind: Literal["images"] = "images"
    format: ImageFormat = field("png", "file format of a folder's images", option="image-format")


class FramesCommand(Settings):
    """Write the frames of a clip as images."""

    source: File = field(help="clip to take apart", argument=True, option="CLIP")
    output: File = field(help="folder for the images", short="-o")
    fps: float | None = field(None, "frames to take per second; all if not given", unit="1/s", min=0.001)
    image_format: ImageFormat = field("png", "file format of the images")
    reading: Reading = field(Reading(), "how clips and images are read")
    overwrite: bool = field(False, "replace an output that exists")


class VideoCommand(Settings):
    """Make a clip of a folder of images."""

    folder: File = field(
        help="folder of images, in order of name, or a sequence such as plate.####.exr",
        argument=True,
        option="DIR",
    )
    output: File = field(help="clip to write", short="-o")
    fps: float | None = field(None, "frames per second; 25 if nothing says otherwise", unit="1/s", min=0.001)
    audio_from: File | None = field(None, "take the sound of this clip")
    reading: Reading = field(Reading(), "how clips and images are read")
    overwrite: bool = field(False, "replace an output that exists")
    encoding: ClipEncoding = field(ClipEncoding(), "how the clip is encoded", option="-")
