"""A short clip of A, faces of B, and results made of them in known ways."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.evaluation.evaluate import evaluate
from facedouble.evaluation.result import Evaluation, ResultEvaluation
from facedouble.extraction.extract import extract
from facedouble.faces.hull import face_hull
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

FRAMES = 16
SIZE = (640, 360)
Painted = Callable[[int, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Material:
    """A clip of A with its faceset, a faceset of B, both 640x360, and the frames of both."""

    source: Path
    faceset: Path
    target: Path
    frames: list[np.ndarray]
    b_frames: list[np.ndarray]
    folder: Path

    def result(self, name: str, paint: Painted) -> Path:
        """The source with ``paint(number, frame)`` in the place of each frame, with its sound."""
        path = self.folder / f"{name}.mp4"
        source = open_source(self.source)
        settings = ClipEncoding(preset="ultrafast", crf=12)
        with open_sink(path, source.info, settings, audio_from=self.source, overwrite=True) as sink:
            for frame in source.frames():
                sink.write(frame.with_pixels(paint(frame.index, frame.rgb())))
        return path

    def face(self, number: int) -> np.ndarray:
        """A soft mask (H, W, 1) of the face."""
        with Faceset.open(self.faceset) as store:
            face = store.faces()[number]
        hull = face_hull(face.smoothed, (SIZE[1], SIZE[0]), scheme_of(face), forehead=0.3)
        return cv2.GaussianBlur(hull, (0, 0), 3)[..., None]


@pytest.fixture(scope="session")
def material(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("evaluation")

    def short(name: str, count: int, start: int = 0) -> tuple[Path, list[np.ndarray]]:
        whole = open_source(clips[name])
        path, images = folder / f"{name}.mp4", []
        info = replace(whole.info, width=SIZE[0], height=SIZE[1])
        settings = ClipEncoding(preset="ultrafast", crf=8)
        with open_sink(path, info, settings, audio_from=clips[name], overwrite=True) as sink:
            for frame in islice(whole.frames(), start, start + count):
                image = cv2.resize(frame.rgb(), SIZE, interpolation=cv2.INTER_AREA)
                images.append(image)
                sink.write(frame.with_pixels(image))
        return path, images

    source, frames = short("sample_02", FRAMES, 40)
    b_clip, b_frames = short("sample_04", FRAMES, 30)
    for clip in (source, b_clip):
        extract(clip, clip.with_suffix(""), ExtractSettings(processes=1))
    return Material(source, source.with_suffix(""), b_clip.with_suffix(""), frames, b_frames, folder)


@pytest.fixture(scope="session")
def measured(material: Material) -> Callable[[str], ResultEvaluation]:
    """Evaluations of results with known faults, by the fault's name."""
    random = np.random.default_rng(0)
    shake, flash = random.normal(0, 1.5, (FRAMES, 2)), random.normal(0, 8, FRAMES)
    order = random.permutation(FRAMES)

    def inside(change: Painted) -> Painted:
        def paint(number: int, image: np.ndarray) -> np.ndarray:
            mask = material.face(number)
            mixed = mask * change(number, image.astype(np.float32)) + (1 - mask) * image
            return np.clip(mixed, 0, 255).round().astype(np.uint8)

        return paint

    def moved(image: np.ndarray, by: np.ndarray) -> np.ndarray:
        matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], dtype=np.float64)
        return cv2.warpAffine(image, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)

    def pasted(number: int, image: np.ndarray) -> np.ndarray:
        hard = face_hull_of(material, number) > 0.5
        return np.where(hard, np.clip(image.astype(int) + 25, 0, 255), image).astype(np.uint8)

    faults: dict[str, Painted] = {
        "encoded": lambda _, image: image,
        "blurred": inside(lambda _, image: cv2.GaussianBlur(image, (0, 0), 3)),
        "shaken": inside(lambda number, image: moved(image, shake[number])),
        "shifted": inside(lambda _, image: moved(image, np.array((10, 5)))),
        "cast": inside(lambda _, image: image + (25, -8, -15)),
        "flashing": inside(lambda number, image: image + flash[number]),
        "shuffled": lambda number, _: material.frames[order[number]],
        "b": lambda number, _: material.b_frames[number],
        "pasted": pasted,
        "noisy": lambda _, image: np.clip(image + random.normal(0, 8, image.shape), 0, 255).astype(np.uint8),
        "turned": inside(lambda _, image: turned_face(image)),
    }

    def turned_face(image: np.ndarray) -> np.ndarray:
        with Faceset.open(material.faceset) as store:
            x, y = store.faces()[0].smoothed.mean(axis=0)
        matrix = cv2.getRotationMatrix2D((float(x), float(y)), 8, 1)
        return cv2.warpAffine(image, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)

    paths = [material.result(fault, paint) for fault, paint in faults.items()]
    found = evaluated(material, *paths).results
    return dict(zip(faults, found, strict=True)).__getitem__


def face_hull_of(material: Material, number: int) -> np.ndarray:
    with Faceset.open(material.faceset) as store:
        face = store.faces()[number]
    return face_hull(face.smoothed, (SIZE[1], SIZE[0]), scheme_of(face), forehead=0.3)[..., None]


def evaluated(material: Material, *results: Path) -> Evaluation:
    settings = EvaluateSettings(detailed_frames=2)
    return evaluate(results, material.source, [material.target], settings, faceset=material.faceset)


def number(found: ResultEvaluation, name: str) -> float:
    """What a measure says that has something to say."""
    value = found.value(name)
    assert value is not None
    return value
