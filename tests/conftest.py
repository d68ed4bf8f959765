"""What all tests share: folders of their own, real material, and facesets made of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
import torch

from facedouble.errors import AssetError
from facedouble.extraction.extract import extract
from facedouble.settings.extract import ExtractSettings
from facedouble.video.images import write_png
from facedouble.video.source import open_source
from tests import material
from tests.browser import browser as browser
from tests.markers import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.markers import pytest_runtest_call as pytest_runtest_call

T = TypeVar("T")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What a test and its fixtures draw without a seed is the same in any order of the tests."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  (what others draw from it too)
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tests' own folders for the signing identity and the cache, instead of the user's; the cache."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEDOUBLE_CONFIG", str(tmp_path_factory.mktemp("config")))
        patch.setenv("FACEDOUBLE_CACHE", str(cache))
        yield cache


def fetched(fetch: Callable[[], T]) -> T:
    """What ``fetch`` returns; the test is skipped where that cannot be had."""
    try:
        return fetch()
    except AssetError as error:
        pytest.skip(str(error).split(";")[0])


@pytest.fixture(scope="session")
def clips(own_cache: Path) -> dict[str, Path]:
    """The demonstration's clips by name, sample_01 to sample_04, which are then in the tests' cache too;
    fetched once per machine (23 MB)."""
    found = fetched(material.demo_clips)
    shutil.copytree(material.KEPT / "demo-clips", own_cache / "demo-clips")
    return found


@pytest.fixture(scope="session")
def phone_clips() -> dict[str, Path]:
    """Clips and pictures of other people and cameras, by name without suffix; fetched once per machine."""
    return fetched(material.phone_clips)


@pytest.fixture(scope="session")
def yunet() -> Path:
    """The network of the YuNet detector; fetched once per machine (0.3 MB)."""
    return fetched(material.yunet)


PAIR_FRAMES = 12


@pytest.fixture(scope="session")
def pair_frames(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames, every second one of two clips side by side: an actor each, left and right."""
    folder = tmp_path_factory.mktemp("pair") / "frames"
    folder.mkdir()
    both = zip(*(open_source(clips[name]).frames() for name in ("sample_02", "sample_03")), strict=False)
    for number, frames in enumerate(islice(both, 0, 2 * PAIR_FRAMES, 2)):
        halves = [cv2.resize(frame.rgb(), (640, 360), interpolation=cv2.INTER_AREA) for frame in frames]
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


@pytest.fixture(scope="session")
def facesets(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Facesets of ten faces of each actor, as few as training takes; not to be changed."""
    root = tmp_path_factory.mktemp("facesets")
    result = {}
    for side, clip in (("a", "sample_02"), ("b", "sample_04")):
        images = root / f"images {side}"
        images.mkdir()
        for frame in islice(open_source(clips[clip]).frames(), 0, 100, 10):
            write_png(images / f"{frame.index:03d}.png", frame.rgb())
        extract(images, root / side, ExtractSettings(processes=1))
        result[side] = [root / side]
    return result
