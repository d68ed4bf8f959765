"""The contract that every landmark scheme keeps, and that everything computed from landmarks works with
any."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facedouble.curation.attributes import face_attributes
from facedouble.curation.review import review
from facedouble.errors import InputError, SettingsError
from facedouble.evaluation.expression import expression_distance, frontal, gaze
from facedouble.extraction.extract import extract
from facedouble.faces.align import align, extract_crop, map_points
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.hull import eyes_and_mouth_mask, face_hull
from facedouble.faces.landmarks import box_around, eye_distance, eye_opening, mouth_opening
from facedouble.faces.network_input import network_input
from facedouble.faces.pose import head_pose, head_poses
from facedouble.faces.registry import LANDMARK_PREDICTORS, LANDMARK_SCHEMES
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.scheme import LandmarkScheme, common_scheme, scheme_of
from facedouble.faces.smoothing import crop_enlargements, smooth_points, smooth_track
from facedouble.faces.tracklets import track_faces
from facedouble.faces.views import StillPicture
from facedouble.faceset.store import Faceset
from facedouble.registry import Entry
from facedouble.settings.extract import ExtractSettings
from facedouble.training.batch import Batch, RandomDraws
from facedouble.training.loading import load
from facedouble.training.warp.kinds import WarpContext, landmark
from facedouble.types import Face
from facedouble.video.images import write_png
from facedouble.video.source import open_source
from tests.factories import make_face

from .sparse import COUNT, IRISES, SPARSE, reduced


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LANDMARK_SCHEMES.entries, "sparse", Entry(f"{__package__}.sparse:SPARSE", "few"))
    monkeypatch.setitem(
        LANDMARK_PREDICTORS.entries, "sparse", Entry(f"{__package__}.sparse:SparsePredictor", "few")
    )


EVERY = [*LANDMARK_SCHEMES.values(), SPARSE]


# -- the contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", EVERY, ids=[scheme.name for scheme in EVERY])
class TestEveryScheme:
    def test_the_mean_face_is_symmetric(self, scheme: LandmarkScheme) -> None:
        mirrored = scheme.shape * (-1, 1, 1) + (1, 0, 0)
        apart = np.linalg.norm(scheme.shape[:, None] - mirrored, axis=2)
        assert apart.min(axis=1).max() < 1e-6
        for weight in (scheme.weights.alignment, scheme.weights.rigid):
            assert np.allclose(weight, weight[apart.argmin(axis=1)])

    def test_regions_are_where_a_face_has_them(self, scheme: LandmarkScheme) -> None:
        x, y = scheme.mean_shape.T
        regions = scheme.regions
        right, left = (list(eye.contour) for eye in regions.eyes)
        assert x[right].mean() < x[list(regions.nose)].mean() < x[left].mean()
        heights = [y[list(part)] for part in (regions.brows, right, regions.nose, regions.lips)]
        for above, below in pairwise(heights):
            assert above.mean() < below.mean()
        assert x[regions.jaw[0]] < x[regions.jaw[-1]]
        for opening in (regions.mouth, *(eye.opening for eye in regions.eyes)):
            first, second = opening.corners
            assert x[first] < x[second]
            assert all(y[upper] < y[lower] for upper, lower in opening.pairs)
        assert scheme.depth[list(regions.nose)].max() == scheme.depth.max()

    def test_all_schemes_place_the_same_face_at_the_same_spot(self, scheme: LandmarkScheme) -> None:
        assert scheme.eye_distance == pytest.approx(DLIB68.eye_distance, rel=0.05)
        assert scheme.face_width == pytest.approx(DLIB68.face_width, rel=0.05)
        here, there = (
            np.array(box_around((s.mean_shape * 300).astype(np.float32), s)) for s in (scheme, DLIB68)
        )
        assert np.abs(here - there).max() < 0.1 * 300

    def test_its_predictor_finds_its_points(self, scheme: LandmarkScheme, frames: list[np.ndarray]) -> None:
        analyser = FaceAnalyser(landmarks=scheme.name)
        (found,) = analyser.search_image(frames[0])
        assert analyser.predictor.scheme is scheme
        assert found.landmarks.shape == (scheme.count, 2)
        assert found.landmarks.dtype == np.float32
        assert scheme.known(found.landmarks)[list(scheme.required)].all()
        for values in analyser.expressions([found.landmarks] * 2):
            assert (0 if values is None else len(values)) == len(scheme.expressions)
        again = analyser.refine_all([frames[0]] * 3, [found.landmarks] * 3)
        assert len(again) == 3
        assert all(np.array_equal(face.points, again[0].points, equal_nan=True) for face in again)
        for face in [found.found, *again]:
            if face.depth is not None:
                assert face.depth.shape == (scheme.count,)
                assert face.depth.dtype == np.dtype(np.float32)
                assert np.array_equal(np.isnan(face.depth), ~scheme.known(face.points))
            assert face.presence is None or 0.5 < face.presence <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": np.ones(3)}, "different numbers"),
        ({"hull": (0, COUNT)}, "does not exist"),
        ({"optional": frozenset({6})}, "cannot be optional"),
        ({"regions": replace(SPARSE.regions, jaw=())}, "jaw"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SPARSE, **change)  # type: ignore[arg-type]


def test_faces_of_different_schemes_are_not_mixed() -> None:
    faces = [make_face(0), make_face(1, scheme="sparse")]
    assert [scheme_of(face) for face in faces] == [DLIB68, SPARSE]
    with pytest.raises(InputError, match="dlib68, sparse"):
        common_scheme(faces)
    with pytest.raises(SettingsError, match="dlib68"):
        scheme_of(make_face(scheme="nonesuch"))


# -- what is computed from landmarks -----------------------------------------------------------------


def pair(random: np.random.Generator, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A face somewhere in a frame, by both schemes."""
    turn, scale = random.uniform(-0.4, 0.4), random.uniform(100, 300)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
    points = (DLIB68.mean_shape - 0.5) @ rotation.T + random.uniform(200, 300, 2)
    points += random.normal(0, noise, points.shape)
    return points.astype(np.float32), reduced(points).astype(np.float32)


def without_irises(points: np.ndarray) -> np.ndarray:
    result = points.copy()
    result[..., list(IRISES), :] = np.nan
    return result


def test_the_crop_is_the_same_by_either_scheme() -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        many, few = pair(random)
        for points in (few, without_irises(few)):
            for level in (False, True):
                expected = align(many, 256, DLIB68, level_eyes=level)
                assert np.allclose(align(points, 256, SPARSE, level_eyes=level), expected, atol=1e-2)


def test_pose_openings_and_distances_are_the_same_by_either_scheme() -> None:
    random = np.random.default_rng(1)
    many, few = pair(random, noise=0.5)
    for points in (few, without_irises(few)):
        assert np.allclose(head_pose(points, SPARSE)[:3], head_pose(many, DLIB68)[:3], atol=4)
        assert eye_distance(points, SPARSE) == pytest.approx(eye_distance(many, DLIB68), rel=0.02)
        assert mouth_opening(points, SPARSE) == pytest.approx(mouth_opening(many, DLIB68), abs=0.05)
        assert eye_opening(points, SPARSE) == pytest.approx(eye_opening(many, DLIB68), abs=0.05)
        overlap = box_around(points, SPARSE).overlap(box_around(many, DLIB68))
        assert overlap > 0.8
    batch = np.stack([few, without_irises(few)])
    assert np.allclose(head_poses(batch, SPARSE)[0], head_poses(batch, SPARSE)[1], atol=1e-3)


def test_hull_and_masks_are_nearly_the_same_by_either_scheme() -> None:
    many = (DLIB68.mean_shape * 200).astype(np.float32)
    few = without_irises(reduced(many).astype(np.float32))
    for forehead in (0.0, 0.35):
        one = face_hull(many, 200, DLIB68, forehead=forehead) > 0.5
        other = face_hull(few, 200, SPARSE, forehead=forehead) > 0.5
        assert (one & other).sum() / (one | other).sum() > 0.65
        assert not (other & ~cv2.dilate(one.astype(np.uint8), np.ones((5, 5))).astype(bool)).any()
    features = eyes_and_mouth_mask(few, 200, SPARSE)
    for eye in SPARSE.regions.eyes:
        x, y = few[list(eye.contour)].mean(axis=0).round().astype(int)
        assert features[y, x] == 1
    crop = np.full((200, 200, 3), 128, dtype=np.uint8)
    seen = network_input(crop, few, SPARSE, np.full((2, 3), 0.3, dtype=np.float32))
    assert np.isfinite(seen).all()


def test_expression_and_gaze(frames: list[np.ndarray]) -> None:
    random = np.random.default_rng(2)
    faces = [pair(random, noise=1.0) for _ in range(4)]
    few = np.stack([points for _, points in faces])
    assert frontal(few, SPARSE).shape == (4, COUNT, 2)
    missing = without_irises(few)
    assert expression_distance(missing, missing, SPARSE) == pytest.approx(0)
    assert (expression_distance(few, few[::-1], SPARSE) > 0).all()
    (found,), (expected,) = (
        FaceAnalyser(landmarks=name).search_image(frames[0]) for name in ("sparse", "dlib68")
    )
    there = gaze(frames[0], found.landmarks, SPARSE)
    assert there == pytest.approx(gaze(frames[0], expected.landmarks, DLIB68), abs=0.3)


def test_missing_points_stay_missing_and_do_not_spread() -> None:
    points = np.zeros((9, 2, 2), dtype=np.float32)
    points[:, 0] = np.arange(9)[:, None]
    points[4, 1] = np.nan
    smooth = smooth_points(points, 1.0)
    assert np.isnan(smooth[4, 1]).all()
    assert not np.isnan(np.delete(smooth.reshape(9, -1), 4, axis=0)).any()
    assert np.allclose(np.delete(smooth[:, 1], 4, axis=0), 0)
    assert np.allclose(smooth[:, 0], smooth_points(points[:, :1], 1.0)[:, 0])


def test_the_landmark_warp_takes_the_schemes_handles() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = torch.from_numpy(2 * SPARSE.mean_shape - 1)
    landmarks = shape + 0.02 * torch.randn(3, COUNT, 2, generator=generator)
    landmarks[:, list(IRISES)] = torch.nan
    batch = Batch(
        torch.zeros(3, 5, 64, 64, dtype=torch.uint8),
        landmarks,
        landmarks.flip(0)[:, None],
        3,
        slice(0, 3),
        SPARSE,
    )
    still = torch.eye(2, 3).expand(3, 2, 3)
    moved = landmark(WarpContext(batch, RandomDraws(batch, generator), still, 0.0, 1.0, 32))
    assert moved.isfinite().all()
    assert float(moved.abs().max()) > 0.01


# -- from the film to the smoothed track -------------------------------------------------------------


@pytest.fixture(scope="module")
def frames(clips: dict[str, Path]) -> list[np.ndarray]:
    return [frame.rgb() for frame in islice(open_source(clips["sample_02"]).frames(), 40, 52)]


def tracked(frames: list[np.ndarray], scheme: str) -> list[Face]:
    """The faces of a film, as extraction's passes make them."""
    analyser = FaceAnalyser(landmarks=scheme)
    (tracklet,) = track_faces([StillPicture(image) for image in frames], (), analyser)
    faces = [
        Face(
            frame_index=seen.position,
            face_index=0,
            box=box_around(seen.landmarks, analyser.scheme),
            confidence=seen.confidence,
            landmarks=seen.landmarks,
            smoothed=seen.landmarks,
            alignment=align(seen.landmarks, 256, analyser.scheme),
            crop_size=256,
            scheme=scheme,
            depth=seen.depth,
            descriptor=analyser.describe(frames[0], seen.landmarks) if seen.position == 0 else None,
            motion=seen.motion,
        )
        for seen in tracklet.observations
    ]
    return [face.with_(alignment=align(face.smoothed, 256, scheme_of(face))) for face in smooth_track(faces)]


def test_a_film_is_tracked_and_smoothed_by_either_scheme(frames: list[np.ndarray]) -> None:
    many, few = tracked(frames, "dlib68"), tracked(frames, "sparse")
    assert len(many) == len(few) == len(frames)
    eyes = eye_distance(many[0].landmarks, DLIB68)
    for one, other in zip(many, few, strict=True):
        known = SPARSE.known(other.smoothed)
        assert known[list(SPARSE.required)].all()
        apart = np.linalg.norm(reduced(one.smoothed) - other.smoothed, axis=1)[known]
        assert apart.mean() < 0.04 * eyes
        corners = np.array([[0, 0], [255, 255]], dtype=np.float32)
        assert np.abs(map_points(one.alignment, corners) - map_points(other.alignment, corners)).max() < 15
    irises = [SPARSE.known(face.landmarks)[IRISES[0]] for face in few]
    assert irises == [SPARSE.known(face.smoothed)[IRISES[0]] for face in few]
    first, second = many[0].descriptor, few[0].descriptor
    assert first is not None
    assert second is not None
    assert np.linalg.norm(first - second) < 0.3, "five points cut out nearly the same chip as all"
    crops = [extract_crop(frames[3], faces[3].alignment, 256).astype(int) for faces in (many, few)]
    assert np.abs(crops[0] - crops[1]).mean() < 12


def test_a_faceset_of_another_scheme(clips: dict[str, Path], tmp_path: Path) -> None:
    """Extraction, the faceset on disk, what curation shows of it and training's data."""
    source = tmp_path / "clip"
    source.mkdir()
    for frame in islice(open_source(clips["sample_02"]).frames(), 40, 52):
        write_png(source / f"{frame.index:04d}.png", frame.rgb())
    extract(
        source, tmp_path / "faces", ExtractSettings(landmarks="sparse", processes=1, debug_landmarks=True)
    )
    with Faceset.open(tmp_path / "faces") as faceset:
        faces = faceset.faces()
    assert len(faces) == 12
    assert len({face.track for face in faces}) == 1
    enlarged = crop_enlargements(faces)
    assert enlarged.max() > 1.001, "turned heads keep their size in this scheme too"
    for face, enlarge in zip(faces, enlarged.tolist(), strict=True):
        assert (face.scheme, face.landmarks.shape) == ("sparse", (COUNT, 2))
        assert face.expression is not None
        assert face.expression.shape == (len(SPARSE.expressions),)
        assert face.depth is not None
        assert np.array_equal(np.isnan(face.depth), ~SPARSE.known(face.landmarks))
        assert np.allclose(face.alignment, align(face.smoothed, 256, SPARSE, enlarge=enlarge))
    attributes = face_attributes(faces)
    assert np.isfinite([attributes.yaw, attributes.mouth, attributes.width]).all()
    assert isinstance(review(faces, (1280, 720)), list)
    side = [tmp_path / "faces"]
    data = load({"a": side, "b": side}, resolution=32, coverage=0.7, device=torch.device("cpu"))
    assert data.scheme is SPARSE
    assert data.training["a"].landmarks.shape[1:] == (COUNT, 2)
    batch = data.training["a"].draw(4, torch.Generator().manual_seed(0))
    assert batch.neighbours is not None
    assert batch.pixels.float().std() > 1
