"""What the tasks share: where they run, what time there is, and the footage."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from facedouble.assets import demo_clips
from facedouble.device import synchronise
from facedouble.extraction.extract import extract
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import EveryNth, ExtractSettings
from facedouble.settings.train import TrainSettings
from facedouble.settings.tree import overlay
from facedouble.training.loop import train
from facedouble.types import Side

TINY: dict[str, dict[str, Any]] = {
    "quick": {"resolution": 64, "filters": 4, "bottleneck": 8, "inner": 8, "channels": (8, 8, 8)},
    "double": {"resolution": 96, "filters": 4, "bottleneck": 8, "inner": 8, "channels": (8, 8, 8)},
}
"""Sizes of models at which a task takes seconds on a processor: only that it runs is tested."""

_TINY_OTHERS = {"filters": 4, "bottleneck": 8}


@dataclass(frozen=True)
class Context:
    """``out`` is for what is to be looked at, ``work`` for the rest. ``until`` is when this run has to be
    over (of ``time.monotonic``)."""

    device: torch.device
    out: Path
    work: Path
    until: float
    tiny: bool = False
    extracted: dict[str, float] = field(default_factory=dict)

    def left(self) -> float:
        """Seconds left of the whole run."""
        return self.until - time.monotonic()

    def synchronise(self) -> None:
        """Wait for the device."""
        synchronise(self.device)

    def arguments(self, kind: str) -> dict[str, Any]:
        """Arguments of a model's architecture."""
        if not self.tiny:
            return {"kind": kind}
        return {"kind": kind, **TINY.get(kind, _TINY_OTHERS)}

    def settings(self, kind: str, values: dict[str, Any] | None = None) -> TrainSettings:
        """Settings of a training on this device, without pictures and measures unless ``values`` ask."""
        usual = {
            "architecture": self.arguments(kind),
            "compute": {"device": str(self.device)},
            "monitor": {"measure": False, "write_image": False},
            "saving": {"interval": 0},
        }
        return TrainSettings.read(overlay(TrainSettings, usual, values or {}))

    @cached_property
    def clips(self) -> dict[Side, list[Path]]:
        """The demonstration's clips; one of each person, if ``tiny``."""
        found = demo_clips()
        count = 1 if self.tiny else 2
        return {"a": list(found.a[-count:]), "b": list(found.b[-count:])}

    @cached_property
    def facesets(self) -> dict[Side, list[Path]]:
        """Their facesets, extracted where they are not there yet."""
        every = 8 if self.tiny else 1
        made: dict[Side, list[Path]] = {"a": [], "b": []}
        for side, clips in self.clips.items():
            for clip in clips:
                path = self.work / f"faces-{clip.stem}"
                start = time.perf_counter()
                if not _complete(path):
                    settings = ExtractSettings(sampling=EveryNth(every=every), skip_existing=path.exists())
                    frames = extract(clip, path, settings).frames
                    self.extracted[clip.stem] = frames / (time.perf_counter() - start)
                made[side].append(path)
        return made

    def trained(self, name: str, kind: str, values: dict[str, Any]) -> Path:
        """The model ``name``, trained as ``values`` say; resumed, if it is there."""
        folder = self.work / name
        facesets = self.facesets
        train(facesets["a"], facesets["b"], folder, self.settings(kind, values))
        return folder

    @cached_property
    def hardly_trained(self) -> Path:
        """A ``quick`` of a few iterations: its speed and its numbers count, not what it draws."""
        return self.trained("hardly", "quick", {"limits": {"iterations": 4 if self.tiny else 60}})


def _complete(path: Path) -> bool:
    if not path.exists():
        return False
    with Faceset.open(path) as faceset:
        return faceset.complete
