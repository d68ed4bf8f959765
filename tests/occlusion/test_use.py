"""Masks at work: in a faceset, in training, in a plan, on a frame."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from facedouble.conversion.plan import FitRecord, PlannedFace
from facedouble.conversion.visibility import VisibleParts, visible_in_view, visible_part_of
from facedouble.errors import InputError
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.layers import HAND
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import masked_faces, masks_digest, read_visible
from facedouble.occlusion.applying import apply_occlusion, doubtful
from facedouble.occlusion.track_masks import OcclusionFinder
from facedouble.settings.occlusion import OcclusionUse
from facedouble.training.batch import MAX_WEIGHT
from facedouble.training.preprocess import FaceCrop, prepare
from facedouble.types import Face
from facedouble.video.images import encode_png


def half(side: int = 64) -> np.ndarray:
    """A mask whose left half is hidden."""
    mask = np.full((side, side), 255, np.uint8)
    mask[:, : side // 2] = 0
    return mask


@pytest.fixture(scope="module")
def few(facesets: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A faceset with eight faces in use."""
    path = tmp_path_factory.mktemp("few") / "faces"
    shutil.copytree(facesets["a"][0], path)
    with Faceset.open(path) as store:
        crops = [store.crop_path(face) for face in store.faces(include_blurry=True)]
    for crop in crops[8:]:
        crop.unlink()
    return path


@pytest.fixture
def faces(few: Path, tmp_path: Path) -> Path:
    path = tmp_path / "faces"
    shutil.copytree(few, path)
    return path


def first(path: Path) -> Face:
    with Faceset.open(path) as store:
        return store.faces(include_blurry=True)[0]


def test_apply_writes_a_mask_for_each_face_and_leaves_a_persons_alone(faces: Path) -> None:
    face = first(faces)
    with Faceset.open(faces) as store:
        store.put_layer(face, "polygons", [Polygon(np.array([[0.0, 0], [90, 0], [0, 90]]), False)], HAND)
        before = masks_digest(store)
    result = apply_occlusion(faces, OcclusionUse(), device="cpu")
    assert (result.faces, result.kept, result.hidden) == (8, 1, 0)
    with Faceset.open(faces) as store:
        made = {layer.key: layer for layer in store.layers() if layer.kind == "occlusion"}
        assert len(made) == 7
        assert face.key not in made
        assert {layer.maker for layer in made.values()} == {"network"}
        assert len(masked_faces(store)) == 8
        assert masked_faces(store, ("hand",)) == {face.key}
        assert masks_digest(store) != before
    found = doubtful(faces, 3)
    assert len(found) == 3
    assert [doubt.apart for doubt in found] == sorted((doubt.apart for doubt in found), reverse=True)
    assert face.key not in {doubt.face.key for doubt in found}


def test_what_is_known_is_not_looked_for(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    face = first(faces)
    finder = OcclusionFinder(None, "cpu")
    monkeypatch.setattr(finder, "masker", lambda: pytest.fail("the network was loaded"))
    with Faceset.open(faces) as store:
        store.put_layer(face, "occlusion", half(), HAND)
        found = finder.known_or_found([face], store)
        assert np.array_equal(found[face.key], read_visible(store, face, 256))
    assert found[face.key][:, :100].max() == 0
    assert found[face.key][:, 140:].min() == 255


def test_what_is_hidden_teaches_nothing_and_is_seen_filled(faces: Path) -> None:
    with Faceset.open(faces) as store:
        face = store.faces(include_blurry=True)[0]
        crop = store.crop_path(face)
    colour = np.array([[0.5] * 3, [0.2] * 3], np.float32)
    whole = prepare(FaceCrop(face, faces, crop, colour), 128, 0.8).astype(int)
    hidden = prepare(FaceCrop(face, faces, crop, colour, visible=encode_png(half())), 128, 0.8).astype(int)
    assert hidden[3, :, :58].max() == 0
    assert np.array_equal(hidden[3, :, 70:], whole[3, :, 70:])
    assert whole[3].max() > 255 / MAX_WEIGHT
    assert hidden[4, :, :58].max() == 0
    left = hidden[:3, 40:90, 20:50]
    assert (
        np.abs(np.diff(left, axis=2)).mean() < 0.4 * np.abs(np.diff(whole[:3, 40:90, 20:50], axis=2)).mean()
    )
    assert np.abs(hidden[:3, 40:90, 75:100] - whole[:3, 40:90, 75:100]).mean() < 2


def test_masks_are_kept_with_the_plan(faces: Path) -> None:
    face = first(faces)
    parts = VisibleParts.of({face.key: half(), (99, 0): np.full((64, 64), 255, np.uint8)})
    assert parts.files.keys() == {face.key}
    again = VisibleParts.from_record(parts.to_record())
    assert np.array_equal(np.asarray(again.mask(face.key)), half())
    assert VisibleParts.from_record(VisibleParts({}).to_record()).files == {}
    planned = PlannedFace(face, np.zeros((2, 3), np.float32), face.smoothed, fits={"occlusion@1": again})
    assert np.array_equal(np.asarray(visible_part_of(planned)), half())
    seen = visible_in_view(planned, InputCrop(96, 0.7))
    assert seen is not None
    assert seen.shape == (96, 96)
    assert seen[:, :44].max() == 0
    assert seen[:, 52:].min() == 1


@pytest.mark.parametrize("name", ["keys", "ends", "files"])
def test_damaged_masks_of_a_plan_are_refused(name: str) -> None:
    record = VisibleParts.of({(1, 0): half(), (2, 0): half()[:, ::-1].copy()}).to_record()
    others = {other: array for other, array in record.arrays.items() if other != name}
    short, floats = record.arrays[name][:-1], record.arrays[name].astype(np.float32)
    for arrays in (others, {**others, name: short}, {**others, name: floats}):
        with pytest.raises(InputError, match="damaged"):
            VisibleParts.from_record(FitRecord({}, arrays))
