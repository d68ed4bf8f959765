"""What several benchmarks begin with: faces of the demonstration's clips, and models of which only the
speed counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from facedouble.assets import demo_clips
from facedouble.extraction.extract import extract
from facedouble.settings.extract import EveryNth, ExtractSettings
from facedouble.settings.train import TrainSettings
from facedouble.training.loop import train
from facedouble.types import Side

_ITERATIONS, _BATCH = 10, 8


def facesets_of_demo(folder: Path, *, every_a: int = 3) -> dict[Side, list[Path]]:
    """Every third face of the demonstration's last clip of each person; of A's every ``every_a``-th."""
    clips = demo_clips()
    facesets: dict[Side, list[Path]] = {"a": [folder / "a"], "b": [folder / "b"]}
    extract(clips.a[-1], folder / "a", ExtractSettings(sampling=EveryNth(every=every_a)))
    extract(clips.b[-1], folder / "b", ExtractSettings(sampling=EveryNth(every=3)))
    return facesets


def hardly_trained(facesets: Mapping[Side, Sequence[Path]], folder: Path, trainer: str) -> Path:
    """A model of a few iterations in ``folder``: it draws as fast as one that has learned for days."""
    settings = TrainSettings.read(
        {
            "architecture": {"kind": trainer},
            "recipe": {"batch_size": _BATCH},
            "limits": {"iterations": _ITERATIONS},
            "monitor": {"measure": False, "write_image": False},
            "saving": {"interval": 0},
        }
    )
    train(facesets["a"], facesets["b"], folder, settings)
    return folder
