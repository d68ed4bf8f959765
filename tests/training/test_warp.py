"""Training pairs, of pictures in which every pixel's value says where it is."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.errors import SettingsError, TrainingError
from facedouble.faces.geometry import LandmarkTrack
from facedouble.faces.registry import GEOMETRIES
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.settings.recipe import Warp, usual_warp
from facedouble.training.batch import Batch, RandomDraws, Shard
from facedouble.training.dataset import Dataset
from facedouble.training.registry import WARPS
from facedouble.training.warp.interpolation import sample, sample_within
from facedouble.training.warp.occluders import Occluders
from facedouble.training.warp.pairs import Pairs, _affine, make_pairs, moved
from facedouble.training.warp.tps import spline, value

STILL = Warp(rotation=0, zoom=0, shift=0, flip=0, kind="none")
GEOMETRY = GEOMETRIES["dlib68"]
BENT = sorted(set(WARPS) - {"none"})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 4, size: int = 64, share: Shard | None = None, total: int | None = None) -> Batch:
    """Pictures whose red is the place across and whose green the place down, 0..1, with a weight of 2 and
    all of it face; landmarks in the middle, and neighbours that have them elsewhere."""
    y, x = torch.meshgrid(*[(torch.arange(size) + 0.5) / size] * 2, indexing="ij")
    planes = torch.stack([x, y, (x + y) / 2, torch.full_like(x, 0.5), torch.ones_like(x)])
    pixels = (planes * 255).round().byte().expand(n, -1, -1, -1).contiguous()
    told = torch.randn(n, GEOMETRY.count, generator=seeded(2))
    return Batch(pixels, shapes(n), shapes(3 * n, seed=1).view(n, 3, 68, 2), n, slice(0, n), DLIB68, told)


def shapes(n: int, seed: int = 0) -> Tensor:
    """N sets of 68 landmarks: a lattice, and a person's own way of bending it, smoothly."""
    lattice = torch.stack(torch.meshgrid(*[torch.linspace(-0.6, 0.6, 9)] * 2, indexing="xy"), -1).view(-1, 2)
    own = torch.randn(n, 2, 2, generator=seeded(seed)) * 0.06
    points = lattice[:68]
    return points + torch.sin(3 * points[None, :, :] @ own * 4) * 0.06


def places(pictures: Tensor) -> Tensor:
    """Where in the stored picture each pixel came from, (N, R, R, 2) in units of ``Batch``."""
    return pictures[:, :2].permute(0, 2, 3, 1) * 2 - 1


def test_without_movement_the_pair_is_the_reduced_picture_itself() -> None:
    pixels = torch.randint(256, (3, 5, 64, 64), generator=seeded(), dtype=torch.uint8)
    pairs = make_pairs(replace(batch(3), pixels=pixels), 32, STILL, 1.0, seeded())
    expected = F.avg_pool2d(pixels.float() / 255, 2)
    assert torch.allclose(pairs.inputs, expected[:, :3], atol=1e-5)
    assert torch.allclose(pairs.targets, expected[:, :3], atol=1e-5)
    assert torch.allclose(pairs.weights, expected[:, 3:4] * 4, atol=1e-5)
    assert torch.allclose(pairs.face, expected[:, 4:], atol=1e-5)


@pytest.mark.parametrize("kind", sorted(WARPS))
class TestEveryWarp:
    """The contract of the registry."""

    def test_it_bends_the_input_alone_and_a_seed_repeats_it(self, kind: str) -> None:
        warp = usual_warp().replace(kind=kind, occlusion=0.5)
        one, two, other = (make_pairs(batch(), 32, warp, 1.0, seeded(seed), GEOMETRY) for seed in (5, 5, 6))
        for field in fields(Pairs):
            assert torch.equal(getattr(one, field.name), getattr(two, field.name))
            assert (
                not torch.equal(getattr(one, field.name), getattr(other, field.name))
                or field.name == "weights"
            )
            assert getattr(one, field.name).isfinite().all()
        straight = make_pairs(batch(), 32, warp.replace(kind="none"), 1.0, seeded(5))
        assert torch.equal(one.targets, straight.targets)
        assert torch.equal(one.weights, straight.weights)

    def test_at_strength_nought_nothing_bends(self, kind: str) -> None:
        pairs = make_pairs(batch(), 32, STILL.replace(kind=kind), 0.0, seeded())
        assert torch.equal(pairs.inputs, pairs.targets)

    def test_pictures_are_bent_each_by_itself_and_hold_together(self, kind: str) -> None:
        pairs = make_pairs(batch(), 64, STILL.replace(kind=kind), 1.0, seeded(2))
        if kind != "none":
            assert not torch.allclose(pairs.inputs[0], pairs.inputs[1], atol=1e-2)
        steps = places(pairs.inputs)[:, 8:-8, 8:-8].diff(dim=2)[..., 0] * 32
        assert 0.9 < float(steps.mean()) < 1.1, "one pixel on is one pixel on, in the mean"
        assert float((steps > -0.1).float().mean()) > 0.99, "nearly nowhere folded"

    def test_the_parts_of_several_processes_are_what_one_would_make(self, kind: str) -> None:
        warp = usual_warp().replace(kind=kind, occlusion=0.5)
        whole = batch(6)
        assert whole.geometry is not None
        one = make_pairs(whole, 32, warp, 1.0, seeded(8), GEOMETRY)
        parts = []
        for rank in range(2):
            own = Shard(rank, 2).of(6)
            assert whole.neighbours is not None
            points, told = whole.landmarks[own], whole.geometry[own]
            part = Batch(whole.pixels[own], points, whole.neighbours[own], 6, own, DLIB68, told)
            parts.append(make_pairs(part, 32, warp, 1.0, seeded(8), GEOMETRY))
        for field in fields(Pairs):
            together = torch.cat([getattr(part, field.name) for part in parts])
            assert torch.allclose(together, getattr(one, field.name), atol=1e-4), field.name


@pytest.mark.parametrize("kind", ["grid", "tps", "elastic"])
def test_a_bend_moves_by_about_what_it_says_and_by_half_at_half_strength(kind: str) -> None:
    warp = STILL.replace(kind=kind, displacement=0.03)
    still = places(make_pairs(batch(48), 32, STILL, 0.0, seeded()).inputs)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    moved = [
        (places(make_pairs(batch(48), 32, warp, s, seeded(3)).inputs) - still)[inner].std() for s in (1, 0.5)
    ]
    assert 0.015 < float(moved[0]) / 2 < 0.04
    assert 0.45 < float(moved[1] / moved[0]) < 0.55
    none = places(make_pairs(batch(8), 32, warp.replace(displacement=0), 1.0, seeded(3)).inputs)
    assert torch.allclose(none, still[:8], atol=1e-5), "a grid of noughts is no bend"


def test_the_landmark_warp_brings_landmarks_to_the_neighbours() -> None:
    """At the neighbour's landmarks the input shows what the picture has at its own."""
    faces = batch(5, size=256)
    faces = replace(faces, neighbours=faces.neighbours[:, :1] if faces.neighbours is not None else None)
    pairs = make_pairs(faces, 256, STILL.replace(kind="landmark", displacement=0), 1.0, seeded())
    assert faces.neighbours is not None
    at = faces.neighbours[:, 0]
    seen = (
        F.grid_sample(pairs.inputs, at[:, :, None], align_corners=False)[:, :2, :, 0].transpose(1, 2) * 2 - 1
    )
    held = [0, 8, 16, 27, 30, 36, 45, 48, 54]
    before = (faces.landmarks - at)[:, held].norm(dim=2)
    after = (faces.landmarks - seen)[:, held].norm(dim=2)
    assert float(before.mean()) > 0.03
    assert float(after.mean()) < 0.006
    corner = pairs.inputs[:, :, 2, 2] - pairs.targets[:, :, 2, 2]
    assert float(corner.abs().max()) < 0.02, "the border stays"


def test_the_landmark_warp_moves_with_a_turned_and_mirrored_picture() -> None:
    """The bend belongs to the face: mirrored, the input is the mirror of the one that is not."""
    faces = replace(batch(4, 128), neighbours=batch(4).landmarks[:, None] * 0.9)
    warp = STILL.replace(kind="landmark", displacement=0)
    plain = make_pairs(faces, 64, warp, 1.0, seeded())
    mirrored = make_pairs(faces, 64, warp.replace(flip=1), 1.0, seeded())
    assert torch.allclose(mirrored.inputs, plain.inputs.flip(3), atol=0.01)
    assert not torch.allclose(plain.inputs, plain.targets, atol=0.02)


def test_the_landmark_warp_needs_another_side() -> None:
    with pytest.raises(TrainingError, match="both sides"):
        make_pairs(replace(batch(), neighbours=None), 32, STILL.replace(kind="landmark"), 1.0, seeded())


def test_a_kind_that_is_not_known_one_line() -> None:
    with pytest.raises(SettingsError, match=r"kind=wave`: no such warp; choose one of: grid, landmark"):
        STILL.replace(kind="wave")


def test_real_faces_brought_to_neighbours_stay_faces(faces: Dataset) -> None:
    drawn = faces.training["a"].draw(16, seeded())
    pairs = make_pairs(drawn, 64, STILL.replace(kind="landmark", displacement=0), 1.0, seeded())
    change = float((pairs.inputs - pairs.targets).abs().mean())
    assert 0.01 < change < 0.1


class TestMovement:
    def test_mirroring_mirrors_input_and_target(self) -> None:
        plain = make_pairs(batch(), 32, STILL, 1.0, seeded())
        pairs = make_pairs(batch(), 32, STILL.replace(flip=1), 1.0, seeded())
        assert torch.allclose(pairs.targets, plain.targets.flip(3), atol=1e-5)
        assert torch.allclose(pairs.inputs, plain.inputs.flip(3), atol=1e-5)

    def test_mirrored_is_as_often_as_is_said(self) -> None:
        pairs = make_pairs(batch(400), 8, STILL.replace(flip=0.4), 1.0, seeded())
        mirrored = pairs.targets[:, 0, 4, 0] > pairs.targets[:, 0, 4, -1]
        assert 0.34 < float(mirrored.float().mean()) < 0.46

    @pytest.mark.parametrize(("name", "amount"), [("rotation", 10.0), ("zoom", 0.05), ("shift", 0.05)])
    def test_each_goes_to_its_limit_and_not_beyond(self, name: str, amount: float) -> None:
        pairs = make_pairs(batch(300), 32, STILL.replace(**{name: amount}), 1.0, seeded())
        across = places(pairs.targets)[:, 16, 24] - places(pairs.targets)[:, 16, 8]  # 1 across, unmoved
        down = across[:, 1]
        found = {
            "rotation": torch.atan2(down, across[:, 0]) * 180 / torch.pi,
            "zoom": across.norm(dim=1) - 1,
            "shift": places(pairs.targets)[:, 15:17, 15:17, 0].mean(dim=(1, 2)) / 2,
        }
        for what, values in found.items():
            limit = amount if what == name else 0.0
            slack = 0.5 if what == "rotation" else 0.008
            assert float(values.abs().max()) <= limit + slack, what
            assert float(values.max()) >= 0.95 * limit - slack
            assert float(values.min()) <= -0.95 * limit + slack


class TestSpline:
    def test_it_takes_the_values_at_its_points(self) -> None:
        points, values = (torch.rand(3, 9, 2, generator=seeded(s), dtype=torch.float64) for s in (0, 1))
        found = value(points, spline(points, values), points)
        assert torch.allclose(found, values, atol=1e-9)

    def test_what_is_straight_stays_straight_everywhere(self) -> None:
        """Values that are an affine function of the place need no context: it is that function."""
        points = torch.rand(1, 7, 2, generator=seeded(), dtype=torch.float64)
        matrix = torch.tensor([[1.1, 0.3], [-0.2, 0.8]], dtype=torch.float64)
        at = torch.rand(1, 50, 2, generator=seeded(1), dtype=torch.float64) * 4 - 2
        found = value(points, spline(points, points @ matrix + 0.5), at)
        assert torch.allclose(found, at @ matrix + 0.5, atol=1e-9)

    def test_bookstein_s_own_example_of_a_square(self) -> None:
        """Four corners of a diamond, two pulled up and two pushed down: zero in the middle by symmetry,
        and the function U of Bookstein's paper in between."""
        corners = torch.tensor([[[0.0, 1], [-1, 0], [0, -1], [1, 0]]], dtype=torch.float64)
        heights = torch.tensor([[[1.0], [-1], [1], [-1]]], dtype=torch.float64)
        coefficients = spline(corners, heights)
        assert torch.allclose(coefficients[0, 4:], torch.zeros(3, 1, dtype=torch.float64), atol=1e-12)
        # Its weights are alike but for their sign: at (0, 1) they see themselves, two at 2 and one at 4.
        expected = 1 / (4 * torch.log(torch.tensor(4.0)) - 2 * 2 * torch.log(torch.tensor(2.0)))
        assert float(coefficients[0, 0, 0]) == pytest.approx(float(expected), rel=1e-6)

    def test_stiff_it_may_miss_and_bends_less(self) -> None:
        points, values = (torch.rand(1, 9, 2, generator=seeded(s), dtype=torch.float64) for s in (0, 1))
        found = value(points, spline(points, values, stiffness=10.0), points)
        assert float((found - values).abs().max()) > 0.05


class TestPatches:
    warp = STILL.replace(occlusion=1.0)

    def test_the_input_is_covered_the_target_is_not_and_the_mask_leaves_it_out(self) -> None:
        plain = make_pairs(batch(16), 64, STILL, 1.0, seeded(1))
        pairs = make_pairs(batch(16), 64, self.warp, 1.0, seeded(1))
        assert torch.equal(pairs.targets, plain.targets)
        assert torch.equal(pairs.weights, plain.weights)
        changed = (pairs.inputs - plain.inputs).abs().amax(dim=1, keepdim=True) > 0.02
        hidden = pairs.face < 0.5
        assert 0.05 < float(hidden.float().mean()) < 0.6
        assert bool((pairs.face[changed] < 1).all()), "what the input hides is not in the mask"
        assert float(changed[hidden].float().mean()) > 0.9, "and what is not in the mask is hidden"

    def test_where_the_input_is_bent_the_mask_is_of_the_target(self) -> None:
        """The covered part of the input, brought back along the bend, is the hole in the mask."""
        warp = self.warp.replace(kind="landmark", displacement=0)
        faces = replace(batch(8, 128), neighbours=batch(8).landmarks[:, None] * 0.8)
        pairs = make_pairs(faces, 128, warp, 1.0, seeded(1))
        bare = make_pairs(faces, 128, warp.replace(occlusion=0), 1.0, seeded(1))
        covered = (pairs.inputs - bare.inputs).abs().amax(dim=1, keepdim=True) > 0.05
        seen_from = places(bare.inputs)
        hole = F.grid_sample(1 - pairs.face, seen_from, align_corners=False) > 0.5
        inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
        agree = (hole & covered)[inner].sum() / (hole | covered)[inner].sum()
        assert float(agree) > 0.85

    def test_they_come_as_often_as_is_said(self) -> None:
        pairs = make_pairs(batch(300), 32, self.warp.replace(occlusion=0.3), 1.0, seeded(4))
        assert 0.22 < float((pairs.face.amin(dim=(1, 2, 3)) < 0.5).float().mean()) < 0.36

    def test_an_ellipse_covers_its_area(self) -> None:
        patches, _ = Occluders.drawn(1.0, RandomDraws(batch(1), seeded()))
        centres = torch.tensor([[[0.0, 0.0], [9.0, 9.0]]])
        patches = replace(patches, centres=centres, axes=torch.tensor([[[0.6, 0.3], [0.1, 0.1]]]))
        grid = F.affine_grid(torch.eye(2, 3)[None], [1, 1, 200, 200], align_corners=False)
        covered = patches.coverage(grid, 2 / 200)
        assert float(covered.mean()) == pytest.approx(torch.pi * 0.6 * 0.3 / 4, rel=0.02)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_what_a_face_does_is_described_as_it_is_in_the_picture_made(flip: float) -> None:
    warp = Warp(rotation=20, zoom=0.2, shift=0.1, flip=flip, kind="none")
    geometry = GEOMETRIES["dlib68"]
    mean = torch.from_numpy(DLIB68.mean_shape * 2 - 1)
    points = (mean + 0.02 * torch.randn(4, 68, 2, generator=seeded(3))).double()
    draws = RandomDraws(batch(), seeded(4))
    affine = _affine(warp, draws).double()
    # The matrix leads from the made picture to the stored one.
    made = torch.linalg.solve(affine[:, None, :, :2], (points - affine[:, None, :, 2])[..., None])[..., 0]
    mirror = [int(((mean * torch.tensor([-1, 1]))[i] - mean).norm(dim=1).argmin()) for i in range(68)]
    made = made[:, mirror] if flip else made

    def described(own: Tensor) -> Tensor:
        unknown = np.full((4, 68), np.nan)
        return torch.from_numpy(geometry.describe(LandmarkTrack(own.numpy(), unknown)))

    assert torch.allclose(moved(described(points), affine, geometry), described(made), atol=1e-6)


def test_places_beyond_the_border_are_brought_to_it_where_a_device_knows_of_none() -> None:
    pictures = torch.rand(2, 3, 16, 16, generator=seeded())
    places = torch.rand(2, 9, 9, 2, generator=seeded(1)) * 4 - 2
    assert torch.allclose(sample_within(pictures, places), sample(pictures, places), atol=1e-5)
