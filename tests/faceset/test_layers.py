"""Layers of a face, and what a person sets: kept whatever a run or a network writes later."""

import json
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.extraction.rebuild import rebuild
from facedouble.faces.align import align, map_points
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.codec import FrameRecord
from facedouble.faceset.edits import keep_edits
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.layers import HAND, Maker
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.registry import LAYER_KINDS
from facedouble.faceset.store import Faceset
from facedouble.types import Face, Grey
from tests.factories import make_face

SCHEMA_2 = Path(__file__).parent / "schema2"
NETWORK = Maker("network", "unet", "1.2")
IMPORT = Maker("import", "DFLJPG")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return shutil.copytree(SCHEMA_2 / "faceset", tmp_path / "set")


@pytest.fixture
def faceset(path: Path) -> Iterator[Faceset]:
    with Faceset.open(path) as opened:
        yield opened


def mask(value: int, side: int = 64) -> Grey:
    result = np.full((side, side), value, dtype=np.uint8)
    result[side // 4 : side // 2, side // 4 :] = 0
    return result


def test_a_mask_is_stored_without_loss_and_says_who_made_it(faceset: Faceset, path: Path) -> None:
    face = faceset.all_faces()[5]
    noise = np.random.default_rng(1).integers(0, 256, (96, 96), dtype=np.uint8)
    assert faceset.layers(face) == []
    assert faceset.put_layer(face, "occlusion", noise, NETWORK)
    assert np.array_equal(faceset.read_layer(face, "occlusion"), noise)
    file = path / "layers" / "occlusion" / "000005_0.png"
    kept = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert kept is not None
    assert np.array_equal(kept, noise), "a grey PNG that any program opens"
    with Faceset.open(path) as again:
        [layer] = again.layers(face)
        assert [found.key for found in again.layers()] == [face.key]
    assert (layer.kind, layer.maker, layer.maker_name, layer.maker_version) == (
        "occlusion",
        "network",
        "unet",
        "1.2",
    )
    assert layer.created.startswith("20")
    assert layer.created.endswith("+00:00")
    assert np.array_equal(layer.alignment, face.alignment)


def test_outlines_are_stored_to_the_bit(faceset: Faceset) -> None:
    face = faceset.all_faces()[0]
    outlines = [
        Polygon(np.array([[1.25, 2], [1 / 3, -4], [5e5, 6]]), include=True),
        Polygon(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), include=False),
    ]
    faceset.put_layer(face, "polygons", outlines, HAND)
    found = faceset.read_layer(face, "polygons")
    assert [polygon.include for polygon in found] == [True, False]
    assert all(np.array_equal(a.points, b.points) for a, b in zip(found, outlines, strict=True))


@pytest.mark.parametrize(
    ("first", "second", "replaced"),
    [
        (HAND, NETWORK, False),
        (HAND, IMPORT, False),
        (HAND, HAND, True),
        (IMPORT, NETWORK, False),
        (IMPORT, IMPORT, True),
        (IMPORT, HAND, True),
        (NETWORK, NETWORK, True),
        (NETWORK, IMPORT, True),
        (NETWORK, HAND, True),
    ],
    ids=lambda value: value.kind if isinstance(value, Maker) else str(value),
)
def test_a_program_never_overwrites_a_person(
    first: Maker, second: Maker, replaced: bool, faceset: Faceset
) -> None:
    face = faceset.all_faces()[0]
    assert faceset.put_layer(face, "occlusion", mask(200), first)
    assert faceset.put_layer(face, "occlusion", mask(90), second) is replaced
    assert np.array_equal(faceset.read_layer(face, "occlusion"), mask(90 if replaced else 200))
    assert faceset.layers(face)[0].maker == (second if replaced else first).kind


def test_a_stroke_counts_even_if_the_run_was_killed_before_its_row(faceset: Faceset, path: Path) -> None:
    face = faceset.all_faces()[0]
    faceset.put_layer(face, "occlusion", mask(200), HAND)
    with sqlite3.connect(path / DATABASE) as database:
        database.execute("DELETE FROM layer")
    database.close()
    assert not faceset.put_layer(face, "occlusion", mask(90), NETWORK)


def test_a_layer_can_be_deleted(faceset: Faceset, path: Path) -> None:
    face = faceset.all_faces()[0]
    faceset.put_layer(face, "occlusion", mask(200), HAND)
    faceset.remove_layer(face, "occlusion")
    assert faceset.layers() == []
    assert not list((path / "layers" / "occlusion").iterdir())
    with pytest.raises(InputError, match="no such layer"):
        faceset.read_layer(face, "occlusion")
    assert faceset.put_layer(face, "occlusion", mask(90), NETWORK)


def test_a_mask_follows_the_face_to_another_crop(faceset: Faceset) -> None:
    """Frame pixels that were masked stay masked, whatever the crop and the resolution of the mask."""
    face = faceset.all_faces()[0]
    drawn = np.full((128, 128), 255, dtype=np.uint8)  # twice the crop's resolution
    drawn[40:60, 50:80] = 0
    faceset.put_layer(face, "occlusion", drawn, HAND)
    moved = face.with_(
        alignment=align(face.landmarks + np.array([3, -2], np.float32), 96, DLIB68), crop_size=96
    )
    found = faceset.read_layer(moved, "occlusion")
    assert found.shape == (128, 128)
    y, x = (axis.mean() for axis in np.nonzero(found < 128))
    centre = np.array([[(64.5 + 0.5) / 2 - 0.5, (49.5 + 0.5) / 2 - 0.5]])  # in pixels of the first crop
    inverse = cv2.invertAffineTransform(face.alignment)
    expected = map_points(moved.alignment, (centre @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32))[0]
    assert np.abs((np.array([x, y]) + 0.5) * 96 / 128 - 0.5 - expected).max() < 0.5
    assert np.array_equal(faceset.read_layer(face, "occlusion"), drawn)


def test_every_kind_says_what_it_takes(faceset: Faceset) -> None:
    face = faceset.all_faces()[0]
    for kind in LAYER_KINDS:
        assert LAYER_KINDS.summaries()[kind]
        for value in (
            None,
            "text",
            np.zeros((64, 64)),
            np.zeros((64, 32), np.uint8),
            np.zeros((64, 64, 3), np.uint8),
        ):
            with pytest.raises(InputError, match=kind):
                faceset.put_layer(face, kind, value, HAND)
    for points in (np.zeros((2, 2)), np.full((4, 2), np.nan), np.zeros((4, 3))):
        with pytest.raises(InputError, match="polygon"):
            faceset.put_layer(face, "polygons", [Polygon(points, include=True)], HAND)
    with pytest.raises(SettingsError, match="occlusion"):
        faceset.put_layer(face, "../faces", mask(1), HAND)
    assert faceset.layers() == []


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims to be of this size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk


BAD_FILES = {
    "occlusion": [b"", b"hello", png(2**31 - 1, 2**31 - 1), png(64, 64), b"\x89PNG" * 100],
    "polygons": [
        b"",
        b"[]",
        b'{"polygons": 3}',
        b'{"polygons": [{"points": [[1, 2], [3, 4]], "include": true}]}',
        b'{"polygons": [{"points": [[1, 2], [3, 4], [1e999, 5]], "include": true}]}',
        b'{"polygons": [{"points": [[1, 2], [3, 4], ["a", 5]], "include": true}]}',
        b'{"polygons": [{"points": [[1, 2], [3, 4], [4, 5]], "include": 1}]}',
        b"[" * 100_000,
        json.dumps({"polygons": [{"points": [[0, 0]] * 10_001, "include": True}]}).encode(),
    ],
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_layer_file_that_is_damaged_is_one_clear_error(kind: str, faceset: Faceset, path: Path) -> None:
    face = faceset.all_faces()[0]
    value = mask(1) if kind == "occlusion" else [Polygon(np.eye(3, 2), include=True)]
    faceset.put_layer(face, kind, value, NETWORK)
    [file] = (path / "layers" / kind).iterdir()
    for data in BAD_FILES[kind]:
        file.write_bytes(data)
        with pytest.raises(InputError, match="000000_0"):
            faceset.read_layer(face, kind)
        assert faceset.put_layer(face, kind, value, NETWORK), "and is replaced by what is whole"


def test_a_link_does_not_lead_out_of_the_faceset(faceset: Faceset, path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (path / "layers").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link"):
        faceset.put_layer(faceset.all_faces()[0], "occlusion", mask(1), HAND)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_layers_come_back_with_a_lost_database(faceset: Faceset, path: Path) -> None:
    faces = faceset.all_faces()
    faceset.put_layer(faces[0], "occlusion", mask(3), HAND)
    faceset.put_layer(faces[5], "polygons", [Polygon(np.eye(3, 2), include=True)], IMPORT)
    faceset.put_layer(faces[4], "occlusion", mask(4), NETWORK)  # its crop was deleted, and so it is gone
    held = [str(layer) for layer in faceset.layers() if layer.key != faces[4].key]
    faceset.close()
    shutil.copytree(path / "layers", path / "layers" / "unknown_kind")
    (path / DATABASE).unlink()
    rebuild(path, SCHEMA_2 / "clip.mkv")
    with Faceset.open(path) as again:
        assert [str(layer) for layer in again.layers()] == held
        assert np.array_equal(again.read_layer(faces[0], "occlusion"), mask(3))
        assert not again.put_layer(faces[0], "occlusion", mask(9), NETWORK)


# -- landmarks set by hand, and new runs ---------------------------------------------------------------


def test_landmarks_set_by_hand_are_never_overwritten(faceset: Faceset, path: Path) -> None:
    face = faceset.all_faces()[5]
    moved = face.landmarks + np.array([2, 1], np.float32)
    edited = faceset.set_landmarks(face, moved)
    assert edited.edited
    assert edited.crop is None, "the crop is to be made anew"
    assert np.array_equal(edited.alignment, align(moved, 64, DLIB68))
    other = face.landmarks - 9
    with Faceset.open(path) as again:
        # A network, or a new run of extraction, in each of the ways in which one writes.
        again.put_faces([face.with_(landmarks=other, smoothed=other, track=7, edited=True, cropped=True)])
        found = again.all_faces()[5]
        assert np.array_equal(found.landmarks, moved)
        assert np.array_equal(found.smoothed, moved)
        assert np.array_equal(found.alignment, edited.alignment)
        assert (found.box, found.edited, found.track, found.cropped) == (edited.box, True, 7, True)
        again.replace_faces([face.with_(landmarks=other, smoothed=other, edited=False)])
        [found] = again.all_faces()
        assert np.array_equal(found.landmarks, moved)
        again.replace_faces([])
        assert [known.key for known in again.all_faces()] == [(5, 0)], "even where nothing is found any more"
        again.add_frame(
            FrameRecord(5, 200), [make_face(5, 0, size=20), face.with_(face_index=1, landmarks=other)]
        )
        small, found = sorted(again.all_faces(), key=lambda known: known.box.width)
        assert np.array_equal(found.landmarks, moved)
        assert (found.key, small.key) == ((5, 0), (5, 1)), "and it keeps its number"
        second = again.set_landmarks(found, moved + 1)
        assert np.array_equal(again.all_faces()[0].landmarks, moved + 1), "but by hand it can be changed"
        assert np.array_equal(second.smoothed, moved + 1)


def test_a_face_with_a_layer_by_hand_keeps_its_number(faceset: Faceset) -> None:
    faces = faceset.all_faces()
    faceset.put_layer(faces[5], "occlusion", mask(3), HAND)
    faceset.put_layer(faces[6], "occlusion", mask(4), NETWORK)
    larger = make_face(5, 0, size=400, x=900)
    faceset.replace_faces([larger, faces[5].with_(face_index=1), faces[6]])
    assert [(face.key, face.box.width) for face in faceset.all_faces()] == [
        ((5, 0), faces[5].box.width),
        ((5, 1), larger.box.width),
        ((6, 0), faces[6].box.width),
    ]
    assert [(layer.key, layer.maker) for layer in faceset.layers()] == [((5, 0), "hand")]


def test_the_face_that_overlaps_most_gets_the_number() -> None:
    edited = [make_face(0, 3, x=0), make_face(0, 1, x=200)]
    found = [make_face(0, 0, x=500), make_face(0, 1, x=210), make_face(0, 2, x=10), make_face(0, 3, x=20)]
    found.append(make_face(1, 1))
    kept = keep_edits(edited, found)
    assert [(face.frame_index, face.face_index) for face in kept] == [(0, 0), (0, 1), (0, 3), (0, 2), (1, 1)]
    assert keep_edits([], found) == found


def test_faces_are_edited_once_tracks_are_known(faceset: Faceset, path: Path) -> None:
    face: Face = faceset.all_faces()[0]
    with sqlite3.connect(path / DATABASE) as database:
        database.execute("DELETE FROM meta WHERE key = 'smoothed'")
    database.close()
    with pytest.raises(InputError, match="resume"):
        faceset.set_landmarks(face, face.landmarks)
    with pytest.raises(InputError, match="resume"):
        faceset.put_layer(face, "occlusion", mask(1), HAND)
