"""A short clip with all that a clip can carry, its faceset, and a model that was never trained."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np
import pytest
import torch
from av.packet import Packet

from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FaceStep
from facedouble.conversion.registry import FACE_STEPS
from facedouble.conversion.swapper import Swapper
from facedouble.extraction.extract import extract
from facedouble.models import checkpoint
from facedouble.models.base import build
from facedouble.models.card import ModelCard
from facedouble.registry import Entry
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Side
from facedouble.video.clip_source import ClipSource

FRAMES = 40
TICK = Fraction(1, 30_000)


def times(count: int = FRAMES) -> list[int]:
    """Uneven times: every fifth frame is shown for twice as long."""
    return [1001 * (i + i // 5) for i in range(count)]


@pytest.fixture(scope="session")
def pictures(clips: dict[str, Path]) -> list[np.ndarray]:
    """The first frames of a real clip, at half its size."""
    frames = islice(ClipSource(clips["sample_02"]).frames(), FRAMES)
    return [cv2.resize(f.rgb(), (640, 360), interpolation=cv2.INTER_AREA) for f in frames]


@pytest.fixture(scope="session")
def rich(
    clips: dict[str, Path], pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A MOV of 40 frames at uneven times, with two streams of sound and chapters."""
    path = tmp_path_factory.mktemp("rich") / "a take.mov"
    write_clip(path, pictures, [clips["sample_02"], clips["sample_03"]])
    return path


def write_clip(
    path: Path,
    pictures: list[np.ndarray],
    sounds: list[Path],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    subtitles: Path | None = None,
    tags: tuple[int, int, int, int] = (1, 1, 1, 1),
) -> None:
    """Pictures, uint8 or uint16 RGB, with the sound of other clips beside them."""
    olds = [av.open(str(sound)) for sound in sounds]
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata["title"] = "take 4"
        stream = container.add_stream(codec, rate=Fraction(30_000, 1001), time_base=TICK)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.options = {} if codec in ("ffv1", "prores_ks") else {"crf": "12", "preset": "veryfast"}
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        milli = Fraction(1, 1000)
        container.set_chapters(
            [
                {"id": n, "start": start, "end": end, "time_base": milli, "metadata": {"title": title}}
                for n, start, end, title in ((1, 0, 500, "one"), (2, 500, 1500, "two"))
            ]
        )
        pairs: list[tuple[Any, Any]] = [(old, old.streams.audio[0]) for old in olds]
        if subtitles is not None:
            olds.append(av.open(str(subtitles)))
            pairs.append((olds[-1], olds[-1].streams.subtitles[0]))
        copies = [(old, source, container.add_stream_from_template(source)) for old, source in pairs]
        kind = "rgb24" if pictures[0].dtype == np.uint8 else "rgb48le"
        rest: list[Packet] = []
        for old, source, copy in copies:
            for packet in old.demux(source):
                if packet.size:
                    packet.stream = copy
                    rest.append(packet)
        for image, pts in zip(pictures, times(len(pictures)), strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
            frame.pts, frame.time_base = pts, TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for packet in rest:
            container.mux(packet)
    for old in olds:
        old.close()


@pytest.fixture(scope="session")
def faces(rich: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faceset of ``rich``; not to be changed."""
    path = tmp_path_factory.mktemp("rich") / "faces"
    extract(rich, path, ExtractSettings(processes=1))
    return path


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that draws something, and always the same, but has learned nothing."""
    return save_model(tmp_path_factory.mktemp("model") / "stand-in")


def save_model(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], None] = lambda _weights: None
) -> Path:
    torch.manual_seed(3)
    arguments = {"filters": 8, "bottleneck": 32}
    network = build("original", arguments)
    weights = network.state_dict()
    change(weights)
    colour = [[0.55, 0.4, 0.35], [0.2, 0.18, 0.17]]
    architecture = {"kind": "original", **arguments}
    sides: dict[Side, list[list[float]]] = {"a": colour, "b": colour}
    card = ModelCard(architecture, network.resolution, 0.8, {"a": [], "b": []}, sides)
    checkpoint.save(folder, card, weights, {})
    return folder


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., None]:
    return write_clip


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    return save_model


@pytest.fixture
def own_faces(faces: Path, tmp_path: Path) -> Path:
    """A copy of the faceset, to be changed."""
    return shutil.copytree(faces, tmp_path / "own faces")


class BrokenStep(FaceStep):
    """A step that fails for some frames; the ``broken_step`` fixture adds it to the face pipeline."""

    name = "broken"
    frames: ClassVar[set[int]] = set()

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> BrokenStep:
        return cls()

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        if layer.planned.face.frame_index in self.frames:
            raise ValueError("this step is broken")
        return layer


@pytest.fixture
def broken_step(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The numbers of the frames that cannot be converted: add some."""
    monkeypatch.setitem(FACE_STEPS.entries, "broken", Entry(f"{__name__}:BrokenStep", "fails"))
    monkeypatch.setattr(BrokenStep, "frames", set())
    return BrokenStep.frames
