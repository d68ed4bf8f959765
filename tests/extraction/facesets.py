"""What the tests of extraction share: sources to make, and facesets to look into and compare."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import EveryNth, ExtractSettings
from facedouble.types import Face
from facedouble.video.images import write_png

FRAMES = 10
ALONE = ExtractSettings(processes=1)


def every(nth: int, **more: Any) -> ExtractSettings:
    return ExtractSettings(sampling=EveryNth(every=nth), **more)


def contents(path: Path) -> tuple[dict[str, bytes], list[tuple[object, ...]]]:
    """Crops and rows of a faceset, to compare two."""
    crops = {
        str(crop.relative_to(path)): crop.read_bytes()
        for folder in ("faces", "blurry", "dropped")
        for crop in sorted((path / folder).glob("*.png"))
    }
    with sqlite3.connect(path / DATABASE) as database:
        rows = [
            row
            for table in ("frame", "face", "handover")
            for row in database.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        ]
    return crops, rows


def images(target: Path, *pictures: np.ndarray) -> Path:
    target.mkdir()
    for number, picture in enumerate(pictures):
        write_png(target / f"{number}.png", picture)
    return target


def all_faces(path: Path) -> list[Face]:
    with Faceset.open(path) as store:
        return store.all_faces()


def facedouble(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facedouble", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
