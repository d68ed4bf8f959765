"""Facesets of DeepFaceLab and faceswap become facesets: landmarks, polygons and masks where they were."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble import process_limits
from facedouble.errors import InputError
from facedouble.faces.align import map_points
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.to_dlib68 import as_dlib68
from facedouble.faceset.store import Faceset
from facedouble.interchange import reader_process
from facedouble.interchange.importing import ImportResult, import_faces
from facedouble.settings.interchange import ImportSettings
from facedouble.types import Image
from facedouble.video.images import write_png
from tests.interchange.writers import (
    Array,
    dfl_jpeg,
    dfl_pack,
    dfl_values,
    faceswap_png,
    fsa,
    fsa_face,
    write,
)
from tests.video.sources import make_clip, yuv444

pytestmark = pytest.mark.subprocess

WIDTH, HEIGHT, FRAMES = 320, 240, 5
CROP_MATRIX = np.array([[1.1, -0.2, 20.0], [0.2, 1.1, -60.0]])


def landmarks(frame: int, *, x: float = 90, size: float = 130) -> Array:
    """A face that moves to the right, two pixels a frame."""
    return DLIB68.mean_shape.astype(np.float64) * size + (x + 2 * frame, 50.25)


def picture(frame: int, height: int = HEIGHT, width: int = WIDTH) -> Image:
    """Smooth colours, other ones on every frame."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 40 * frame)], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [yuv444(picture(n)) for n in range(FRAMES)]
    return make_clip(tmp_path_factory.mktemp("clip") / "shot.mkv", frames)


def imported(path: Path, output: Path, source: Path | None = None) -> tuple[ImportResult, list[Array]]:
    result = import_faces(path, output, ImportSettings(source=source, processes=1))
    with Faceset.open(output) as faceset:
        assert faceset.complete
        return result, [face.landmarks for face in faceset.faces()]


def dfl_folder(folder: Path, **layers: object) -> Path:
    """DeepFaceLab's pictures of the faces on frames 1, 2 and 4 of the clip."""
    for frame in (1, 2, 4):
        values = dfl_values(f"{frame + 1:05d}.png", landmarks(frame), CROP_MATRIX, **layers)  # type: ignore[arg-type]
        write(folder / f"{frame + 1:05d}_0.jpg", dfl_jpeg(picture(frame, 256, 256), values))
    return folder


def test_faces_of_deepfacelab_are_cut_anew_from_their_clip(clip: Path, tmp_path: Path) -> None:
    result, points = imported(dfl_folder(tmp_path / "aligned"), tmp_path / "faces", clip)
    assert (result.program, result.frames, result.faces, result.left_out) == ("DeepFaceLab", FRAMES, 3, ())
    assert result.other == {"eyebrows_expand_mod": 3}
    with Faceset.open(tmp_path / "faces") as faceset:
        assert [face.frame_index for face in faceset.faces()] == [1, 2, 4]
        assert {face.track for face in faceset.faces()} == {0}
        for frame, face, found in zip((1, 2, 4), faceset.faces(), points, strict=True):
            assert np.abs(found - landmarks(frame)).max() < 0.01
            crop = faceset.read_crop(face)
            x, y = (128 - face.alignment[:, 2]) @ np.linalg.inv(face.alignment[:, :2]).T
            expected = (x * 255 / WIDTH, y * 255 / HEIGHT, 40 * frame)
            assert np.abs(crop[128, 128] - expected).max() < 4
        assert sum(face.descriptor is not None for face in faceset.faces()) == 1
        assert "imported from DeepFaceLab" in faceset.source.program


def test_without_the_clip_crops_are_cut_from_the_pictures(tmp_path: Path) -> None:
    result, points = imported(dfl_folder(tmp_path / "aligned"), tmp_path / "faces")
    assert result.source == tmp_path / "aligned"
    for frame, found in zip((1, 2, 4), points, strict=True):
        expected = landmarks(frame) @ CROP_MATRIX[:, :2].T + CROP_MATRIX[:, 2]
        assert np.abs(found - expected).max() < 0.01
    with Faceset.open(tmp_path / "faces") as faceset:
        names = [frame.name for frame in faceset.frames()]
    assert names == ["00002_0.jpg", "00003_0.jpg", "00005_0.jpg"]


POLYGONS = [
    (0, np.array([[100.0, 90.5], [140.25, 90], [120, 130]])),
    (1, np.array([[10, 10], [200, 10], [200, 200], [10, 200]])),
    (0, np.array([[1.0, 2.0]])),  # begun and not finished
]


@pytest.mark.parametrize("with_clip", [True, False])
def test_polygons_and_masks_lie_where_they_did(clip: Path, tmp_path: Path, with_clip: bool) -> None:
    mask = np.full((128, 128), 255, np.uint8)
    mask[:, 64:] = 0  # the right half of DeepFaceLab's picture is covered
    folder = dfl_folder(tmp_path / "aligned", polygons=POLYGONS, mask=mask)
    result, _ = imported(folder, tmp_path / "faces", clip if with_clip else None)
    assert (result.polygons, result.masks, result.left_out) == (3, 3, ())
    to_picture = CROP_MATRIX if with_clip else np.eye(3)[:2]
    with Faceset.open(tmp_path / "faces") as faceset:
        face = faceset.faces()[0]
        found = faceset.read_layer(face, "polygons")
        assert [polygon.include for polygon in found] == [False, True]
        for polygon, (_, points) in zip(found, POLYGONS, strict=False):
            back = polygon.points @ to_picture[:, :2].T + to_picture[:, 2]
            assert np.abs(back - points).max() < 1e-6
        layer = faceset.read_layer(face, "occlusion")
        assert {entry.maker for entry in faceset.layers()} == {"import"}
    # A point of the picture left of its middle is seen, one right of it is not.
    for x, value in ((100, 255), (155, 0)):
        frame_point = (np.array([x, 120.0]) - to_picture[:, 2]) @ np.linalg.inv(to_picture[:, :2]).T
        column, row = map_points(face.alignment, frame_point[None].astype(np.float32))[0].round().astype(int)
        assert layer[row, column] == value


def test_a_packed_faceset_is_taken_with_its_pictures(clip: Path, tmp_path: Path) -> None:
    pictures = [
        dfl_jpeg(picture(n, 256, 256), dfl_values(f"{n + 1:05d}.png", landmarks(n), CROP_MATRIX))
        for n in (0, 3)
    ]
    index = [{"filename": f"{n}.jpg", "face_type": 4} for n in (0, 3)]
    pack = write(tmp_path / "aligned" / "faceset.pak", dfl_pack(pictures, index))
    _, points = imported(pack, tmp_path / "with clip", clip)
    assert np.abs(np.array(points) - [landmarks(0), landmarks(3)]).max() < 0.01
    result, points = imported(pack.parent, tmp_path / "without")
    assert result.source == tmp_path / "without-pictures"
    assert [file.read_bytes() for file in sorted(result.source.iterdir())] == pictures
    expected = landmarks(3) @ CROP_MATRIX[:, :2].T + CROP_MATRIX[:, 2]
    assert np.abs(points[1] - expected).max() < 0.01


def test_an_alignments_file_is_taken_with_two_people_and_masks(clip: Path, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:32] = 255
    to_mask = np.array([[0.4, 0, -30.0], [0, 0.4, -15.0]])
    frames = {
        f"shot_{n + 1:06d}.png": [
            fsa_face(landmarks(n), {"components": (mask, to_mask), "bisenet-fp_face": (mask, to_mask)}),
            fsa_face(landmarks(n, x=10, size=60)),
        ]
        for n in range(FRAMES)
    }
    file = write(tmp_path / "shot_alignments.fsa", fsa(frames))
    result, _ = imported(file, tmp_path / "faces", clip)
    assert (result.program, result.faces, result.masks) == ("faceswap", 2 * FRAMES, FRAMES)
    assert result.other == {"identity": 2 * FRAMES, "mask components": FRAMES}
    with Faceset.open(tmp_path / "faces") as faceset:
        large = [face for face in faceset.faces() if face.face_index == 0]
        assert {face.track for face in large} == {0}
        assert {face.track for face in faceset.faces()} == {0, 1}
        for n, face in enumerate(large):
            assert np.abs(face.landmarks - landmarks(n)).max() < 0.01
        layer = faceset.read_layer(large[0], "occlusion")
        for y, value in ((60, 255), (130, 0)):  # rows 9 and 37 of the mask
            column, row = (
                map_points(large[0].alignment, np.array([[150, y]], np.float32))[0].round().astype(int)
            )
            assert layer[row, column] == value


def test_landmarks_of_a_squeezed_clip_are_taken_to_square_pixels(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "wide.mp4", [yuv444(picture(0))], tags={"sample_aspect_ratio": Fraction(2)})
    square = landmarks(0, x=200)
    stored = (square + 0.5) / (2, 1) - 0.5
    file = write(tmp_path / "a.fsa", fsa({"wide_000001.png": [fsa_face(stored)]}))
    _, points = imported(file, tmp_path / "faces", clip)
    assert np.abs(points[0] - square).max() < 0.01


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_of_faceswap_are_taken_with_their_clip(clip: Path, tmp_path: Path, packed: bool) -> None:
    for n in range(2):
        name = f"shot_{n + 1:06d}.png"
        data = faceswap_png(picture(n, 128, 128), fsa_face(landmarks(n)), name, packed=packed)
        write(tmp_path / "out" / f"shot_{n + 1:06d}_0.png", data)
    result, points = imported(tmp_path / "out", tmp_path / "faces", clip)
    assert result.faces == 2
    assert np.abs(np.array(points) - [landmarks(0), landmarks(1)]).max() < 0.01


def test_pictures_of_faceswap_without_their_clip(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    """The picture does not say how it was cut: the face is found on it, and its landmarks are laid there."""
    with Faceset.open(facesets["a"][0]) as known:
        face = known.faces()[0]
        crop = known.read_crop(face)
    points = as_dlib68(face).landmarks.astype(np.float64)
    write(tmp_path / "out" / "a_000001_0.png", faceswap_png(crop, fsa_face(points), "a_000001.png"))
    _, found = imported(tmp_path / "out", tmp_path / "faces")
    expected = map_points(face.alignment, points.astype(np.float32))
    assert np.abs(found[0] - expected).mean() < 1.5  # pixels of 256


def test_a_folder_of_images_as_source_is_matched_by_name(tmp_path: Path) -> None:
    (tmp_path / "plates").mkdir()
    for n in range(3):
        write_png(tmp_path / "plates" / f"take2_{1000 + n}.png", picture(n))
    values = dfl_values("take2_1002.jpg", landmarks(2), CROP_MATRIX)
    write(tmp_path / "aligned" / "x.jpg", dfl_jpeg(picture(2, 256, 256), values))
    _, points = imported(tmp_path / "aligned", tmp_path / "faces", tmp_path / "plates")
    with Faceset.open(tmp_path / "faces") as faceset:
        assert [face.frame_index for face in faceset.faces()] == [2]
    assert np.abs(points[0] - landmarks(2)).max() < 0.01


def test_what_cannot_be_taken_is_named_and_the_rest_is_taken(clip: Path, tmp_path: Path) -> None:
    folder = dfl_folder(tmp_path / "aligned")
    write(folder / "later.jpg", dfl_jpeg(picture(0), dfl_values("00009.png", landmarks(0), CROP_MATRIX)))
    write(
        folder / "spot.jpg", dfl_jpeg(picture(0), dfl_values("00001.png", np.full((68, 2), 9.0), CROP_MATRIX))
    )
    write(
        folder / "far.jpg", dfl_jpeg(picture(0), dfl_values("00001.png", landmarks(0, x=9999), CROP_MATRIX))
    )
    write(folder / "few.jpg", dfl_jpeg(picture(0), dfl_values("00001.png", landmarks(0)[:5], CROP_MATRIX)))
    write(folder / "plain.jpg", dfl_jpeg(picture(0), b"cos\nsystem\n(S'touch ran'\ntR."))
    result, _ = imported(folder, tmp_path / "faces", clip)
    assert result.faces == 3
    why = {left.name: left.why for left in result.left_out}
    assert why.keys() == {"later.jpg", "spot.jpg", "far.jpg", "few.jpg", "plain.jpg"}
    assert why["later.jpg"] == "the clip has 5 frames, and this is number 9"
    assert "os.system" in why["plain.jpg"]
    assert not Path("ran").exists()


def test_a_run_that_stopped_goes_on(clip: Path, tmp_path: Path) -> None:
    folder = dfl_folder(tmp_path / "aligned", polygons=POLYGONS)
    imported(folder, tmp_path / "faces", clip)
    with Faceset.open(tmp_path / "faces") as faceset:
        face = faceset.faces()[1]
        faceset.crop_path(face).unlink()
        faceset.put_faces([face.with_(cropped=False)])
        faceset.remove_layer(face, "polygons")
    import_faces(folder, tmp_path / "faces", ImportSettings(source=clip, processes=1, skip_existing=True))
    with Faceset.open(tmp_path / "faces") as faceset:
        assert len(faceset.faces()) == 3
        assert len(faceset.layers()) == 3


def test_an_alignments_file_alone_asks_for_its_clip(tmp_path: Path) -> None:
    file = write(tmp_path / "a.fsa", fsa({"a_000001.png": [fsa_face(landmarks(0))]}))
    with pytest.raises(InputError, match="name the clip"):
        import_faces(file, tmp_path / "faces")
    assert not (tmp_path / "faces").exists()


def test_a_file_that_stops_its_reader_costs_itself_alone(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dfl_folder(tmp_path / "aligned")
    puts_a_list_at_place_two_thousand_million = b"\x80\x02]r\xff\xff\xff\x7f."
    data = dfl_jpeg(picture(0), puts_a_list_at_place_two_thousand_million)
    write(folder / "00003_1.jpg", data)
    result, _ = imported(folder, tmp_path / "faces", clip)
    assert result.faces == 3
    assert [left.name for left in result.left_out] == ["00003_1.jpg"]
    monkeypatch.setattr(process_limits, "MAX_SECONDS", 0.0)
    monkeypatch.setattr(reader_process, "_feed", lambda *_: None)  # so that it has nothing to say
    with pytest.raises(InputError, match="more than 0 seconds"):
        import_faces(folder, tmp_path / "never", ImportSettings(source=clip))
