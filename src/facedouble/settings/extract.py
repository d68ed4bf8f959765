"""How faces are found in a clip and cut out into a faceset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import field_validator

from facedouble.faces.registry import DEFAULT_DETECTOR, DEFAULT_SCHEME, DETECTORS, LANDMARK_SCHEMES
from facedouble.settings.base import Choice, File, OneOf, Settings, SourceFile, field, problem
from facedouble.settings.people import FaceChoice
from facedouble.settings.reading import Reading


class EveryNth(Settings):
    """Every n-th frame."""

    kind: Literal["every"] = "every"
    every: int = field(1, "look at every n-th frame only", unit="frames", min=1)


class AtRate(Settings):
    """No more than some frames of each second."""

    kind: Literal["rate"] = "rate"
    fps: float = field(
        help="look at no more than so many frames of each second", unit="1/s", min=0.001, max=1000
    )


class ExtractSettings(Settings):
    """How faces are found and cut out."""

    detector: Annotated[str, Choice(DETECTORS)] = field(DEFAULT_DETECTOR, "how faces are found", short="-D")
    landmarks: Annotated[str, Choice(LANDMARK_SCHEMES)] = field(
        DEFAULT_SCHEME, "which points of a face are found"
    )
    size: int = field(256, "side of the square crops", unit="pixels", min=64, max=1024)
    faces: FaceChoice = field(FaceChoice(), "whose faces are taken")
    sampling: Annotated[EveryNth | AtRate, OneOf()] = field(
        EveryNth(), "which frames are looked at", option="-"
    )
    rotate_images: str = field(
        "",
        "where no face is found, turn the frame: by multiples of an angle in degrees (90), or by each of a "
        "list (90,180)",
        short="-r",
    )
    align_eyes: bool = field(False, "turn each crop until the eyes are level")
    align_turned: bool = field(
        True, "keep a head that turns at its size in the crop, where landmarks have depth"
    )
    blur_threshold: float = field(0.0, "put faces less sharp than this into blurry/, 0 for none", min=0)
    min_face_size: int = field(20, "leave out faces narrower than this", unit="pixels", min=1)
    max_faces: int = field(0, "largest faces kept in each frame, 0 for all", unit="faces", min=0)
    smoothing: float = field(
        1.0, "how strongly landmarks are smoothed in time, 0 for not at all", min=0, max=100
    )
    debug_landmarks: bool = field(False, "draw the landmarks of each face into pictures in landmarks/")
    reading: Reading = field(Reading(), "how clips and images are read")
    device: str = field("cpu", "where networks that find faces run: auto, cpu, cuda, cuda:N, mps or xpu")
    processes: int = field(
        0,
        "processes or threads that look for faces, 0 for one per core (on a GPU 16)",
        short="-j",
        unit="processes",
        min=0,
    )
    skip_existing: bool = field(False, "resume a run that stopped: keep what is done", short="-s")

    @field_validator("rotate_images")
    @classmethod
    def _rotations(cls, text: str) -> str:
        angles = re.fullmatch(r"\s*(\d+\s*(,\s*\d+\s*)*)?", text)
        if angles is None or not all(0 < int(part) < 360 for part in text.split(",") if part.strip()):
            raise problem("", "must be an angle (90) or a list of angles (90,180,270), 1 to 359 degrees")
        return text


WITHOUT_EFFECT = {"device", "processes", "skip_existing", "reading"}
"""Fields that change nothing in the faceset."""


def recorded(settings: ExtractSettings) -> dict[str, Any]:
    """What a faceset records of the settings it was made with: all that decides what is in it."""
    values = {name: value for name, value in settings.dump().items() if name not in WITHOUT_EFFECT}
    if settings.reading.video_stream is not None:
        values["reading"] = {"video_stream": settings.reading.video_stream}
    return values


FINDING = ("detector", "landmarks", "smoothing", "align_eyes", "align_turned", "rotate_images")
"""Fields that decide where in the frame a face's crop lies. A model expects faces that were found in the same
way as those it was trained on."""

NOT_RECORDED: Mapping[str, Any] = {"align_turned": False}
"""What was done before records said so."""


def read_recorded(values: Mapping[str, Any]) -> ExtractSettings:
    """The settings that a faceset was made with, from its record; also from that of schema 2, where they were
    not nested. Raises ``SettingsError``."""
    values = {**NOT_RECORDED, **values}
    if "sampling" in values or "every" not in values:
        return ExtractSettings.read(values)
    flat = dict(values)
    every, fps = flat.pop("every"), flat.pop("fps", 0)
    flat["landmarks"] = "dlib68"  # there was no other
    people = {name: flat.pop(name) for name in ("filter", "nfilter") if flat.get(name)}
    threshold = flat.pop("ref_threshold", None)
    if people and threshold is not None:
        people["threshold"] = threshold
    flat = {name: value for name, value in flat.items() if name not in ("filter", "nfilter")}
    if "steady" in flat:
        flat["smoothing"] = flat.pop("steady")
    sampling = {"kind": "rate", "fps": fps} if fps else {"kind": "every", "every": every}
    return ExtractSettings.read({**flat, "faces": people, "sampling": sampling})


class ExtractCommand(ExtractSettings):
    """Find the faces of a clip and cut them out into a faceset."""

    source: SourceFile = field(
        help="clip, folder of images, or a sequence such as plate.####.exr", option="input", short="-i"
    )
    output: File = field(help="folder to make", short="-o")
