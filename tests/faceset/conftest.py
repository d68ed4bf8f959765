"""A real faceset with two people in every frame, made once for all tests here."""

import shutil
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.config import ExtractSettings
from facedouble.faceset.extract import extract
from facedouble.video import open_source
from facedouble.video.images import write_png

PAIR_FRAMES = 12


@pytest.fixture(scope="session")
def pair_frames(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames, every second one of two clips side by side: an actor each, left and right."""
    folder = tmp_path_factory.mktemp("pair") / "frames"
    folder.mkdir()
    both = zip(*(open_source(clips[name]).frames() for name in ("sample_02", "sample_03")), strict=False)
    for number, frames in enumerate(islice(both, 0, 2 * PAIR_FRAMES, 2)):
        halves = [cv2.resize(frame.image, (640, 360), interpolation=cv2.INTER_AREA) for frame in frames]
        write_png(folder / f"{number:04d}.png", np.hstack(halves))
    return folder


@pytest.fixture(scope="session")
def extracted_pair(pair_frames: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faceset of ``pair_frames``; not to be changed."""
    path = tmp_path_factory.mktemp("pair") / "faceset"
    extract(pair_frames, path, ExtractSettings(processes=1))
    return path


@pytest.fixture
def pair(extracted_pair: Path, tmp_path: Path) -> Path:
    """A copy of the faceset of two people, to be changed."""
    return shutil.copytree(extracted_pair, tmp_path / "pair")
