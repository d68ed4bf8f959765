"""Finite landmarks that can be nobody's are refused by whatever uses faces, with advice that works."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.plan import FaceSelection, make_plan
from facedouble.errors import InputError
from facedouble.evaluation.observation import plan_observation
from facedouble.faces.align import align
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.plausible import implausible
from facedouble.faceset.store import Faceset
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.training.loading import load
from facedouble.types import Face
from tests.factories import full_face

WIDTH, HEIGHT = 1280, 720


def real() -> Face:
    """A face whose crop and landmarks belong together."""
    face = full_face()
    scheme = scheme_of(face)
    points = scheme.mean_shape * np.float32(200) + np.array((400, 250), np.float32)
    return face.with_(
        landmarks=points, smoothed=points, alignment=align(points, face.crop_size, scheme), depth=None
    )


def moved(change: Callable[[np.ndarray], np.ndarray], *, realigned: bool) -> Face:
    face = real()
    points = np.asarray(change(face.landmarks), dtype=np.float32)
    scheme = scheme_of(face)
    alignment = align(points, face.crop_size, scheme) if realigned else face.alignment
    return face.with_(landmarks=points, smoothed=points, alignment=alignment)


BAD = {
    "in one point": lambda: moved(lambda points: points * 0 + 5, realigned=False),
    "nearly in one point": lambda: moved(lambda points: points * 1e-3 + 400, realigned=False),
    "on one line": lambda: moved(lambda points: points * (1, 0) + (0, 300), realigned=True),
    "on a slanting line": lambda: moved(lambda points: points[:, :1] * (1, 0.5), realigned=True),
    "far outside the frame": lambda: moved(lambda points: points + 90_000, realigned=True),
    "left of the frame": lambda: moved(lambda points: points - (5_000, 0), realigned=True),
    "of another place than its crop": lambda: moved(lambda points: points + 700, realigned=False),
    "of an absurd scale": lambda: moved(lambda points: points * 900, realigned=False),
    "scattered": lambda: moved(
        lambda points: np.random.default_rng(1).uniform(-9e5, 9e5, points.shape), realigned=False
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_be_no_face(name: str) -> None:
    found = implausible([real(), BAD[name]()], WIDTH, HEIGHT)
    assert found is not None
    assert found[0].key == BAD[name]().key


@pytest.mark.parametrize("name", BAD)
def test_only_the_smoothed_landmarks(name: str) -> None:
    bad = BAD[name]()
    assert implausible([bad.with_(landmarks=real().landmarks)], WIDTH, HEIGHT) is not None


def test_real_faces_can_be_faces(extracted_pair: Path) -> None:
    with Faceset.open(extracted_pair) as store:
        faces, source = store.all_faces(), store.source
    assert faces
    assert implausible(faces, source.width, source.height) is None
    half_outside = [real().with_(alignment=real().alignment + [[0, 0, 60], [0, 0, 60]])]
    assert implausible(half_outside, WIDTH, HEIGHT) is None
    assert implausible([], WIDTH, HEIGHT) is None


def test_no_command_works_on_one_until_its_crop_is_deleted(pair_frames: Path, pair: Path) -> None:
    with Faceset.open(pair) as store:
        face = store.faces()[3]
        flat = face.landmarks * np.array((1, 0), np.float32) + np.array((0, 300), np.float32)
        store.put_faces([face.with_(smoothed=flat)])
        store.commit()
    where = rf"face {face.face_index} of frame {face.frame_index} is damaged: .*; delete {face.crop}, and"
    uses = (
        lambda: Faceset.open(pair).faces(),
        lambda: make_plan(pair_frames, pair, FaceSelection(FrameRanges())),
        lambda: plan_observation(pair_frames, pair, EvaluateSettings()),
        lambda: load({"a": [pair], "b": [pair]}, resolution=64, coverage=0.7, device=torch.device("cpu")),
    )
    for use in uses:
        with pytest.raises(InputError, match=where) as caught:
            use()
        assert "\n" not in str(caught.value)
    (pair / str(face.crop)).unlink()
    for use in uses[:3]:
        use()
