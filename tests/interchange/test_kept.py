"""What comes back from other programs' files, as docs/interchange.md says in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facedouble.faces.align import map_points
from facedouble.faces.hull import face_hull
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.layers import HAND
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import visible_part
from facedouble.interchange.exporting import export_faces
from facedouble.interchange.importing import import_faces
from facedouble.settings.interchange import ExportSettings, ImportSettings
from facedouble.types import Face
from facedouble.video.images import read_image
from tests.interchange.writers import fsa, fsa_face, write
from tests.video.sources import make_clip, yuv444

pytestmark = pytest.mark.subprocess

FRAMES = 3
OUTLINES = (
    Polygon(
        np.array([[100.1, 70.7], [200.3, 72.9], [210.0, 170.0], [150.0, 200.2], [95.5, 160.0]]), include=True
    ),
    Polygon(np.array([[120.25, 100.5], [160.125, 100], [150, 140]]), include=False),
)


@dataclass(frozen=True)
class Pair:
    """A face before and after, and what is read of it."""

    before: tuple[Faceset, Face]
    after: tuple[Faceset, Face]

    def layers(self, kind: str) -> tuple[Any, Any]:
        return tuple(  # type: ignore[return-value]
            store.read_layer(face, kind) if any(layer.kind == kind for layer in store.layers(face)) else None
            for store, face in (self.before, self.after)
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip and its faceset: a mask and outlines on the first face, a mask alone on the second, the face of
    the third frame dropped."""
    folder = tmp_path_factory.mktemp("made")
    pictures = [yuv444(np.full((240, 320, 3), 60 + 40 * n, np.uint8)) for n in range(FRAMES)]
    clip = make_clip(folder / "take 7.mp4", pictures)
    shape = DLIB68.mean_shape.astype(np.float64) * 130
    entries = {f"x_{n + 1:06d}.mp4": [fsa_face(shape + (90 + 2 * n, 50.25))] for n in range(FRAMES)}
    import_faces(
        write(folder / "a.fsa", fsa(entries)), folder / "faces", ImportSettings(source=clip, processes=1)
    )
    with Faceset.open(folder / "faces") as faceset:
        faces = faceset.faces()
        for face in faces[:2]:
            mask = np.full((128, 128), 255, np.uint8)
            mask[:50] = 0
            faceset.put_layer(face, "occlusion", cv2.GaussianBlur(mask, (0, 0), 4), HAND)
        faceset.put_layer(faces[0], "polygons", OUTLINES, HAND)
        faceset.crop_path(faces[2]).unlink()
    return clip, folder / "faces"


@pytest.fixture(scope="module", params=["fsa", "dfl"])
def pairs(
    request: pytest.FixtureRequest, made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    clip, faceset = made
    folder = tmp_path_factory.mktemp("back")
    output = folder / {"fsa": "a.fsa", "dfl": "aligned"}[request.param]
    export_faces(faceset, output, ExportSettings(format=request.param))
    import_faces(output, folder / "back", ImportSettings(source=clip, processes=1))
    with Faceset.open(faceset) as before, Faceset.open(folder / "back") as after:
        yield (
            request.param,
            [Pair((before, a), (after, b)) for a, b in zip(before.faces(), after.faces(), strict=True)],
        )


def _landmarks(pairs: list[Pair]) -> str:
    far = max(np.abs(p.before[1].smoothed - p.after[1].landmarks).max() for p in pairs)
    return "within 0.01 px" if far < 0.01 else "lost"


def _frame(pairs: list[Pair]) -> str:
    return "kept" if all(p.before[1].frame_index == p.after[1].frame_index for p in pairs) else "lost"


def _outlines(pairs: list[Pair]) -> str:
    old, new = pairs[0].layers("polygons")
    if new is None:
        return "drawn into the mask"
    assert [o.include for o in old] == [n.include for n in new]
    far = max(np.abs(o.points - n.points).max() for o, n in zip(old, new, strict=True))
    return "exactly" if far < 1e-9 else "lost"


def _inside(face: Face) -> np.ndarray:
    points = map_points(face.alignment, face.smoothed)
    hull = face_hull(points, face.crop_size, DLIB68)
    return np.asarray(cv2.erode(hull, np.ones((9, 9)))) > 0.99


def _masks(pairs: list[Pair]) -> str:
    face = pairs[1].before[1]
    old, new = pairs[1].layers("occlusion")
    wide = visible_part(old, (), face.alignment, face.crop_size, face.crop_size)
    difference = np.abs(wide.astype(int) - new)
    assert difference[_inside(face)].max() <= 6
    return "kept" if difference.max() <= 6 else "on the face"


def _dropped(pairs: list[Pair]) -> str:
    assert len(pairs) == 2
    return "not written"


def _maker(pairs: list[Pair]) -> str:
    store, face = pairs[1].after
    (layer,) = store.layers(face)
    return "kept" if layer.maker == HAND.kind else "lost"


ROWS: dict[str, Callable[[list[Pair]], str]] = {
    "68 landmarks": _landmarks,
    "number of the frame": _frame,
    "outlines": _outlines,
    "masks": _masks,
    "dropped faces": _dropped,
    "who made a mask": _maker,
}


def test_the_table_says_what_comes_back(pairs: tuple[str, list[Pair]]) -> None:
    name, found = pairs
    text = (Path(__file__).parents[2] / "docs" / "interchange.md").read_text(encoding="utf-8")
    section = text.split("## There and back")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    column = rows[0].index(f"`{name}`")
    said = {row[0]: row[column] for row in rows[2:]}
    measured = {row: check(found) for row, check in ROWS.items()}
    assert {row: said.get(row) for row in measured} == measured
    assert said.keys() - measured.keys() == {"depth, irises, expressions", "tracks, identity"}


def test_an_outline_is_drawn_into_the_mask(made: tuple[Path, Path], tmp_path: Path) -> None:
    clip, path = made
    export_faces(path, tmp_path / "a.fsa")
    import_faces(tmp_path / "a.fsa", tmp_path / "back", ImportSettings(source=clip, processes=1))
    with Faceset.open(path) as before, Faceset.open(tmp_path / "back") as after:
        face, back = before.faces()[0], after.faces()[0]
        wide = visible_part(
            before.read_layer(face, "occlusion"), OUTLINES, face.alignment, face.crop_size, face.crop_size
        )
        difference = np.abs(wide.astype(int) - after.read_layer(back, "occlusion"))[_inside(face)]
        assert difference.mean() < 2  # edges are resampled twice
        assert np.median(difference) == 0


def test_mattes_hold_the_same(made: tuple[Path, Path], tmp_path: Path) -> None:
    _, path = made
    export_faces(path, tmp_path / "mattes", ExportSettings(format="mattes"))
    with Faceset.open(path) as faceset:
        face = faceset.faces()[0]
        expected = visible_part(
            faceset.read_layer(face, "occlusion"), OUTLINES, face.alignment, face.crop_size, face.crop_size
        )
    matte = read_image(tmp_path / "mattes" / "000001.png")[..., 0]
    crop = cv2.warpAffine(matte, face.alignment, (face.crop_size, face.crop_size), flags=cv2.INTER_LINEAR)
    difference = np.abs(crop.astype(int) - expected)[_inside(face)]
    assert np.median(difference) == 0
    assert difference.mean() < 5
