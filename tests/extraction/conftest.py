"""What the tests of extraction share: sources and their facesets, not to be changed."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from facedouble.extraction.extract import ExtractResult, extract
from facedouble.settings.video import ClipEncoding
from facedouble.video.images import write_png
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.extraction.facesets import ALONE, FRAMES


@pytest.fixture(scope="session")
def folder(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth frame of the harder clip of A, as images."""
    path = tmp_path_factory.mktemp("frames of A")
    for frame in islice(open_source(clips["sample_02"]).frames(), 0, FRAMES * 10, 10):
        write_png(path / f"{frame.index:06d}.png", frame.rgb())
    return path


@pytest.fixture(scope="session")
def faceset(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "faces"
    extract(folder, path, ALONE)
    return path


@pytest.fixture(scope="session")
def whole(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExtractResult]:
    """A clip of A in full, with the default settings."""
    path = tmp_path_factory.mktemp("whole") / "faces"
    return path, extract(clips["sample_01"], path)


@pytest.fixture(scope="session")
def two_people(
    clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path, Path]:
    """A clip of A and B side by side, its faceset, and a picture of each."""
    path = tmp_path_factory.mktemp("two people")
    pairs = zip(
        open_source(clips["sample_01"]).frames(), open_source(clips["sample_03"]).frames(), strict=False
    )
    info = open_source(clips["sample_01"]).info
    with open_sink(path / "both.mp4", info, ClipEncoding(), audio_from=None, overwrite=False) as sink:
        for left, right in islice(pairs, 40):
            both = np.hstack([left.rgb()[:, 320:960], right.rgb()[:, 320:960]])
            sink.write(left.with_pixels(both))
    for name, clip in (("a", "sample_02"), ("b", "sample_04")):
        write_png(path / f"{name}.png", next(iter(open_source(clips[clip]).frames())).rgb())
    extract(path / "both.mp4", path / "faces")
    return path / "both.mp4", path / "faces", path / "a.png", path / "b.png"
