"""Facesets of one clip of each actor, for tests that need faces held out."""

from pathlib import Path

import pytest
import torch

from facedouble.extraction.extract import extract
from facedouble.settings.extract import EveryNth, ExtractSettings
from facedouble.training.dataset import Dataset
from facedouble.training.loading import load
from facedouble.types import Side
from tests.training.how import how, varied

Facesets = dict[str, list[Path]]

QUICK = ("resolution=32", "filters=4", "bottleneck=8", "inner=8", "channels=[8,8,8]")
"""Arguments of a ``quick`` that takes milliseconds."""

SMALL = how(
    iterations=6,
    batch_size=2,
    arguments=QUICK,
    device="cpu",
    precision="fp32",
    seed=3,
    save_interval=0,
    write_image=False,
    measure=False,
)
JUDGED = varied(SMALL, recipe=("adversary.weight=0.2", "adversary.start=0.75"))
"""With discriminators of swapped faces in the last quarter."""
GAN = varied(SMALL, trainer="gan", arguments=("filters=4", "bottleneck=8"))


@pytest.fixture(scope="session")
def whole_clips(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Side, list[Path]]:
    """Every third frame of a clip of each actor, some 40 faces; not to be changed."""
    root = tmp_path_factory.mktemp("whole clips")
    result: dict[Side, list[Path]] = {}
    sides: tuple[tuple[Side, str], ...] = (("a", "sample_02"), ("b", "sample_04"))
    for side, clip in sides:
        extract(clips[clip], root / side, ExtractSettings(processes=1, sampling=EveryNth(every=3)))
        result[side] = [root / side]
    return result


@pytest.fixture(scope="session")
def faces(whole_clips: dict[Side, list[Path]]) -> Dataset:
    """Their faces as a model of 64 pixels trains on them."""
    return load(whole_clips, resolution=64, coverage=0.7, device=torch.device("cpu"))
