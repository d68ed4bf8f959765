"""Facesets in the formats of other programs: read as those read them, and by our own import."""

from __future__ import annotations

import pickle
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import InputError, OutputError
from facedouble.faces.align import map_points
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.to_dlib68 import as_dlib68
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.layers import HAND
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import visible_part
from facedouble.interchange.exporting import export_faces
from facedouble.interchange.importing import import_faces
from facedouble.interchange.registry import EXPORT_FORMATS
from facedouble.settings.interchange import ExportSettings, ImportSettings
from facedouble.video.images import read_image
from tests.interchange.writers import fsa, fsa_face, write
from tests.video.sources import make_clip, yuv444

FRAMES = 3


def landmarks(frame: int) -> np.ndarray:
    return DLIB68.mean_shape.astype(np.float64) * 130 + (90 + 2 * frame, 50.25)


@pytest.fixture(scope="module", params=[1, 2], ids=["square pixels", "squeezed"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip, and its faceset with a polygon and a mask made by hand on the first face."""
    folder = tmp_path_factory.mktemp("made")
    pictures = [yuv444(np.full((240, 320, 3), 60 + 40 * n, np.uint8)) for n in range(FRAMES)]
    clip = make_clip(folder / "take 7.mp4", pictures, tags={"sample_aspect_ratio": Fraction(request.param)})
    stored = [(landmarks(n) * (request.param, 1) + 0.5) / (request.param, 1) - 0.5 for n in range(FRAMES)]
    file = write(folder / "a.fsa", fsa({f"x_{n + 1:06d}.mp4": [fsa_face(stored[n])] for n in range(FRAMES)}))
    import_faces(file, folder / "faces", ImportSettings(source=clip, processes=1))
    with Faceset.open(folder / "faces") as faceset:
        face = faceset.faces()[0]
        outline = np.array([[120.25, 100.5], [180.125, 100], [150, 160]])
        faceset.put_layer(face, "polygons", [Polygon(outline, include=False)], HAND)
        mask = np.full((64, 64), 255, np.uint8)
        mask[:20] = 0
        faceset.put_layer(face, "occlusion", mask, HAND)
    return clip, folder / "faces"


pytestmark = pytest.mark.subprocess


def there_and_back(made: tuple[Path, Path], tmp_path: Path, name: str, output: str) -> tuple[Path, Path]:
    clip, faceset = made
    export_faces(faceset, tmp_path / output, ExportSettings(format=name))
    import_faces(tmp_path / output, tmp_path / "back", ImportSettings(source=clip, processes=1))
    return faceset, tmp_path / "back"


@pytest.mark.parametrize(("name", "output"), [("fsa", "out.fsa"), ("dfl", "aligned")])
def test_landmarks_come_back_as_they_were(
    made: tuple[Path, Path], tmp_path: Path, name: str, output: str
) -> None:
    before, after = there_and_back(made, tmp_path, name, output)
    with Faceset.open(before) as old, Faceset.open(after) as new:
        assert [face.key for face in new.faces()] == [face.key for face in old.faces()]
        for one, other in zip(old.faces(), new.faces(), strict=True):
            assert np.abs(one.landmarks - other.landmarks).max() < 0.01
            assert np.abs(old.read_crop(one).astype(int) - new.read_crop(other)).mean() < 0.5


def test_polygons_and_masks_come_back_through_deepfacelab(made: tuple[Path, Path], tmp_path: Path) -> None:
    before, after = there_and_back(made, tmp_path, "dfl", "aligned")
    with Faceset.open(before) as old, Faceset.open(after) as new:
        polygon, back = (f.read_layer(f.faces()[0], "polygons")[0] for f in (old, new))
        assert back.include is polygon.include is False
        assert np.abs(back.points - polygon.points).max() < 1e-6
        mask = old.read_layer(old.faces()[0], "occlusion")
        large = cv2.resize(mask, (256, 256), interpolation=cv2.INTER_LINEAR)
        assert np.abs(new.read_layer(new.faces()[0], "occlusion").astype(int) - large).max() <= 2


def test_an_alignments_file_has_what_faceswap_asks_for(made: tuple[Path, Path], tmp_path: Path) -> None:
    _, faceset = made
    result = export_faces(faceset, tmp_path / "a.fsa")
    assert result.left_out == {"outlines of polygons, which are drawn into the mask": 1}
    content = pickle.loads(zlib.decompress((tmp_path / "a.fsa").read_bytes()))
    assert content["__meta__"] == {"version": 2.4}
    assert list(content["__data__"]) == [f"take 7_{n + 1:06d}.mp4" for n in range(FRAMES)]
    for number, entry in enumerate(content["__data__"].values()):
        assert entry.keys() == {"faces", "video_meta"}
        (face,) = entry["faces"]
        assert face.keys() == {"x", "y", "w", "h", "landmarks_xy", "mask", "identity", "thumb"}
        assert list(face["mask"]) == (["custom_face"] if number == 0 else [])
        assert (face["landmarks_xy"].dtype, face["landmarks_xy"].shape) == (np.float32, (68, 2))
        points = face["landmarks_xy"]
        assert (points >= (face["x"], face["y"])).all()
        assert (points <= (face["x"] + face["w"], face["y"] + face["h"])).all()


def test_a_mask_lies_in_faceswap_where_it_lay_here(made: tuple[Path, Path], tmp_path: Path) -> None:
    """By its matrix, as faceswap puts masks on frames; and on the crop that faceswap cuts."""
    _, path = made
    export_faces(path, tmp_path / "a.fsa")
    content = pickle.loads(zlib.decompress((tmp_path / "a.fsa").read_bytes()))
    (face,) = next(iter(content["__data__"].values()))["faces"]
    mask = face["mask"]["custom_face"]
    assert mask.keys() == {"mask", "affine_matrix", "interpolator", "stored_size", "stored_centering"}
    assert (mask["stored_size"], mask["stored_centering"]) == (256, "legacy")
    values = np.frombuffer(zlib.decompress(mask["mask"]), np.uint8).reshape(256, 256)
    matrix = mask["affine_matrix"]
    assert (matrix.dtype, matrix.shape) == (np.float64, (2, 3))
    # Eyes and nose in a crop of 256 pixels whose middle 160 are the mean face.
    points = face["landmarks_xy"].astype(float) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(points[36:48].mean(axis=0) - (128, 48 + 0.21 * 160)).max() < 4
    assert np.abs(points[33] - (128, 48 + 0.63 * 160)).max() < 4
    with Faceset.open(path) as faceset:
        index = faceset.source.index
        first = faceset.faces()[0]
        side = first.crop_size
        occlusion, polygons = (faceset.read_layer(first, kind) for kind in ("occlusion", "polygons"))
    assert index is not None
    seen = visible_part(occlusion, polygons, first.alignment, side, side)
    hull = face_hull(map_points(first.alignment, first.smoothed), side, DLIB68, forehead=FOREHEAD)
    expected = np.minimum(seen, hull * 255)
    size = index.info.width, index.info.height
    on_frame = cv2.warpAffine(values, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    around = np.ones((25, 25))
    even = cv2.dilate(expected, around) == cv2.erode(expected, around)
    even[:13], even[-13:], even[:, :13], even[:, -13:] = (False,) * 4
    rows, columns = np.nonzero(even)
    crop = np.column_stack([columns, rows])[::97]
    shown = (crop - first.alignment[:, 2]) @ np.linalg.inv(first.alignment[:, :2]).T
    stored = np.rint((shown + 0.5) * np.divide(size, index.info.shown_size) - 0.5).astype(int)
    found = on_frame[stored[:, 1], stored[:, 0]]
    assert set(np.unique(found)) == {0, 255}
    assert np.array_equal(found, expected[crop[:, 1], crop[:, 0]])


def test_faces_of_the_mesh_are_written_in_68_places(facesets: dict[str, list[Path]], tmp_path: Path) -> None:
    export_faces(facesets["a"][0], tmp_path / "a.fsa")
    with Faceset.open(facesets["a"][0]) as faceset:
        images = Path(faceset.source.path)
        faces = [as_dlib68(face) for face in faceset.faces()]
    import_faces(tmp_path / "a.fsa", tmp_path / "back", ImportSettings(source=images, processes=1))
    with Faceset.open(tmp_path / "back") as back:
        for one, other in zip(faces, back.faces(), strict=True):
            assert one.key == other.key
            assert np.abs(one.smoothed - other.landmarks).max() < 0.01


def test_mattes_are_white_but_for_what_is_hidden(made: tuple[Path, Path], tmp_path: Path) -> None:
    _, path = made
    export_faces(path, tmp_path / "mattes", ExportSettings(format="mattes"))
    files = sorted((tmp_path / "mattes").iterdir())
    assert [file.name for file in files] == ["000001.png", "000002.png", "000003.png"]
    with Faceset.open(path) as faceset:
        face = faceset.faces()[0]
        width, height = faceset.source.width, faceset.source.height
    first, second = (read_image(file)[..., 0] for file in files[:2])
    assert first.shape == (height, width)
    assert (second == 255).all()
    inside = np.array([[150, 120]], np.float32)  # in the polygon
    to_crop = face.alignment
    covered = (np.array([128.0, 40.0]) - to_crop[:, 2]) @ np.linalg.inv(to_crop[:, :2]).T  # in the mask
    seen = (np.array([128.0, 230.0]) - to_crop[:, 2]) @ np.linalg.inv(to_crop[:, :2]).T
    for (x, y), value in ((inside[0], 0), (covered, 0), (seen, 255)):
        assert first[round(y), round(x)] == value
    assert map_points(to_crop, inside)[0, 1] > 80  # and not under the mask as well


def test_what_exists_is_not_written_over(made: tuple[Path, Path], tmp_path: Path) -> None:
    _, faceset = made
    mine = write(tmp_path / "mine.fsa", b"mine")
    with pytest.raises(OutputError, match="exists"):
        export_faces(faceset, mine)
    assert mine.read_bytes() == b"mine"
    for name in EXPORT_FORMATS:
        with pytest.raises(OutputError, match="exists"):
            export_faces(faceset, tmp_path, ExportSettings(format=name, overwrite=True))
    export_faces(faceset, mine, ExportSettings(overwrite=True))
    assert mine.read_bytes() != b"mine"
    assert {file.name for file in tmp_path.iterdir()} == {"mine.fsa"}


def test_mattes_of_a_faceset_without_masks_are_refused(
    facesets: dict[str, list[Path]], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no face has a mask"):
        export_faces(facesets["a"][0], tmp_path / "mattes", ExportSettings(format="mattes"))
    assert not list(tmp_path.iterdir())
