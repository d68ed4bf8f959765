"""What is drawn in front of faces: it hides what it says, has colours, and comes again from its seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facedouble.faces.colour import to_float
from facedouble.occlusion.examples import EVERYBODY, ONE_PERSON, make_batch, make_example
from facedouble.occlusion.known import known_face
from facedouble.occlusion.occluders import KINDS, Scene, capsules, draw
from facedouble.occlusion.training import mask_loss
from tests.occlusion.drawn_face import drawn_face


@pytest.fixture(scope="module")
def scene() -> Scene:
    face = known_face(*drawn_face())
    return Scene(to_float(face.crop), face.hull, face.right_eye, face.left_eye, face.mouth)


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS], ids=lambda kind: kind.__name__)
def test_every_kind_hides_part_of_some_faces_and_has_colours(scene: Scene, kind) -> None:
    hidden = []
    for seed in range(12):
        drawn = kind(scene, np.random.default_rng(seed))
        assert drawn.colour.shape == (256, 256, 3)
        assert drawn.alpha.shape == (256, 256)
        for array in (drawn.colour, drawn.alpha):
            assert np.isfinite(array).all()
            assert array.min() >= 0
        assert drawn.alpha.max() <= 1
        hidden.append(float((drawn.alpha * scene.hull).sum() / scene.hull.sum()))
    assert max(hidden) > 0.02
    assert len(set(hidden)) > 6


def test_hands_come_with_joints_inside_what_they_hide(scene: Scene) -> None:
    drawn = KINDS[0][0](scene, np.random.default_rng(3))
    assert drawn.joints is not None
    seen = [(x, y) for x, y in drawn.joints.round().astype(int) if 0 <= x < 256 and 0 <= y < 256]
    assert len(seen) > 3
    assert np.mean([drawn.alpha[y, x] > 0.5 for x, y in seen]) > 0.9
    model = capsules(drawn.joints, 256) > 0.5
    assert (model & (drawn.alpha > 0.5)).sum() > 0.85 * model.sum()


def test_the_same_seed_draws_the_same(scene: Scene) -> None:
    one, other = (draw(scene, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.alpha, other.alpha)
    assert np.array_equal(one.colour, other.colour)


@pytest.mark.parametrize("variety", [EVERYBODY, ONE_PERSON])
def test_examples_show_what_they_say(variety) -> None:
    face = known_face(*drawn_face())
    given, visible, weight = make_batch([face], 12, np.random.default_rng(1), variety)
    assert given.shape == (12, 8, 256, 256)
    assert visible.shape == weight.shape == (12, 1, 256, 256)
    for array in (given, visible, weight):
        assert np.isfinite(array).all()
    assert visible.min() >= 0
    assert visible.max() <= 1
    hidden = [(1 - one)[0][own[6] > 0.5].mean() for one, own in zip(visible, given, strict=True)]
    assert max(hidden) > 0.1
    unknown = sum(not own[3:6].any() for own in given)
    assert 0 < unknown < 12


def test_a_mask_that_rounding_put_above_one_has_a_loss() -> None:
    above = np.full((256, 256), np.nextafter(np.float32(1), np.float32(2)))
    face = replace(known_face(*drawn_face()), visible=above)
    given, visible, weight = make_batch([face], 4, np.random.default_rng(2), ONE_PERSON)
    loss = mask_loss(torch.zeros(4, 1, 256, 256), torch.from_numpy(visible), torch.from_numpy(weight))
    assert np.isfinite(given).all()
    assert torch.isfinite(loss)


def test_what_a_person_hid_stays_hidden() -> None:
    mask = np.full((64, 64), 255, np.uint8)
    mask[:, :32] = 0
    face = known_face(*drawn_face(), visible=mask)
    shares = []
    for seed in range(6):
        example = make_example(face, np.random.default_rng(seed), ONE_PERSON)
        inside = example.given[6] > 0.5
        shares.append(float((1 - example.visible)[inside].mean()))
    assert min(shares) > 0.3
