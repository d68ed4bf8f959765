"""Settings: one documented dataclass per command.

They are the only schema. The command line is built from them (``cli/options.py``), the Python API
takes them, and a saved model or faceset records them. Every field carries its help text, and where
it has one its short option. Settings are passed in, never read from globals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def option(help: str, default: Any = None, *, short: str = "", **limits: float) -> Any:
    """A dataclass field with its help text, short option and limits (``min``, ``max``)."""
    metadata = {"help": help, "short": short, **limits}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSettings:
    """How faces are found and cut out."""

    detector: str = option("how faces are found: hog", "hog", short="-D")
    size: int = option("side of the square crops, in pixels", 256, min=64, max=1024)
    min_face_size: int = option("leave out faces narrower than this, in pixels", 40, min=1)
    steady: float = option("smoothing of landmarks in time, in frames, 0 for none", 1.2, min=0, max=10)
    max_faces: int = option("largest faces kept in each frame, 0 for all", 0, min=0)
    processes: int = option("processes that look for faces, 0 for one a core", 0, short="-j", min=0)
    skip_existing: bool = option("keep the frames that are already done", False, short="-s")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSettings:
    """How clips are written."""

    codec: str = option("video encoder", "libx264")
    crf: int = option("quality, 0 (lossless) to 51; lower is better and larger", 15, min=0, max=51)
    preset: str = option("encoder's speed: ultrafast to veryslow", "medium")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a model is trained. It stops at whichever of ``minutes`` and ``iterations`` comes first."""

    trainer: str = option("model architecture: quick or original", "quick", short="-t")
    batch_size: int = option("faces of each side in a step, 0 for the model's own", 0, short="-b", min=0)
    minutes: float = option("stop after this many minutes, 0 for no limit", 0.0, min=0)
    iterations: int = option("stop at this iteration, 0 for no limit", 0, min=0)
    learning_rate: float = option("peak learning rate, 0 for the model's own", 0.0, min=0)
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    precision: str = option("auto, fp32 or bf16", "auto")
    seed: int = option("seed of every random choice", 0)
    save_minutes: float = option("minutes between saves", 3.0, min=0.1)
    preview: bool = option("write preview.png into the model folder at every save", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertSettings:
    """How the new face is put into the frames."""

    swap_model: bool = option("put A's face on B instead", False)
    colour: str = option("colour matching: reinhard, mean or none", "reinhard")
    erosion: float = option("shrink the mask by this share of the face's size; negative grows it", 0.02)
    feather: float = option("width of the mask's soft edge, as a share of the face's size", 0.08, min=0)
    sharpen: float = option("unsharp mask of the new face, 0 for none", 1.4, min=0, max=3)
    batch_size: int = option("faces a network call takes", 16, short="-b", min=1)
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    precision: str = option("auto, fp32 or bf16", "auto")
    overwrite: bool = option("replace an output that exists", False)
    video: VideoSettings = field(default_factory=VideoSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """How the demonstration runs. Without ``a`` and ``b`` it takes two actors' clips it fetches."""

    output: Path = option("folder for everything it makes", Path("demo"), short="-o")
    minutes: float = option("how long to train, in minutes", 16.0, min=0.1)
    a: tuple[Path, ...] = option("clip of A, whose face is replaced; repeat it; the last is converted", ())
    b: tuple[Path, ...] = option("clip of B, whose face is put there; repeat it", ())
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    quick: bool = option("one clip of each and seconds of training, to see that everything works", False)
