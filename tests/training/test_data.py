"""What is read of facesets for training, and what is drawn of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facedouble.errors import InputError, TrainingError
from facedouble.extraction.extract import extract
from facedouble.faces.align import extract_crop, inverse, map_points
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice, Progress, StageStarted
from facedouble.run.run import Run
from facedouble.settings.extract import EveryNth, ExtractSettings
from facedouble.training.batch import Shard
from facedouble.training.crop_cache import MemoryCache
from facedouble.training.dataset import Dataset, SideDataset
from facedouble.training.loading import load, pose_balanced_weights
from facedouble.training.neighbours import nearest
from facedouble.training.preprocess import cached_size
from facedouble.types import Side
from facedouble.video.images import read_image, write_png

CPU = torch.device("cpu")
Facesets = dict[Side, list[Path]]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def read(facesets: Facesets, **options: object) -> Dataset:
    return load(facesets, resolution=64, coverage=0.7, device=CPU, **options)  # type: ignore[arg-type]


def apart(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")


def test_a_face_is_kept_as_conversion_will_see_it(faces: Dataset, whole_clips: Facesets) -> None:
    side = faces.training["a"]
    assert side.store.shape[1:] == (5, 128, 128)
    with Faceset.open(whole_clips["a"][0]) as faceset:
        face = faceset.faces()[4]
        crop = read_image(faceset.crop_path(face))
    inner = InputCrop(128, 0.7).alignment(np.eye(2, 3), face.crop_size)
    points = map_points(inner, map_points(face.alignment, face.smoothed))
    kept = side.store.take(torch.tensor([4]))[0].numpy()
    expected = network_input(extract_crop(crop, inner, 128), points, side.scheme, side.colours[4])
    assert np.abs(kept[:3].transpose(1, 2, 0) / 255 - expected).max() < 0.003
    assert np.allclose((side.landmarks[4].numpy() + 1) * 64 - 0.5, points, atol=1e-3)


def test_weights_and_mask_lie_where_the_face_is(faces: Dataset) -> None:
    side = faces.training["b"]
    pixels = side.store.take(torch.arange(len(side))).float() / 255
    weights, mask = pixels[:, 3] * 4, pixels[:, 4]
    mouth = ((side.landmarks[:, list(side.scheme.regions.lips)].mean(dim=1) + 1) * 64).long()
    at_mouth = weights[torch.arange(len(side)), mouth[:, 1], mouth[:, 0]]
    assert at_mouth.min() > 2.5, "eyes and mouth count most"
    assert weights[:, 0, 0].max() < 0.2, "corners hardly count"
    assert mask[torch.arange(len(side)), mouth[:, 1], mouth[:, 0]].min() == 1
    assert mask[:, -1, 0].max() == 0
    assert 0.3 < mask.mean() < 0.7
    assert (side.masks(5) > 0.5).float().mean() == pytest.approx(float(mask.mean()), abs=0.05)


def test_held_out_faces_are_the_last_and_are_never_drawn(faces: Dataset, whole_clips: Facesets) -> None:
    for side in ("a", "b"):
        with Faceset.open(whole_clips[side][0]) as faceset:
            known = [face.frame_index for face in faceset.faces()]
        trained, held = faces.training[side], faces.held_out[side]
        assert len(held) == round(len(known) / 10) > 2
        assert len(known) - len(held) - 5 <= len(trained) < len(known) - len(held)
        drawn = trained.draw(500, seeded()).landmarks
        # Landmarks tell faces apart: none drawn is one held out, and all trained on come up.
        assert apart(drawn.flatten(1), held.landmarks.flatten(1)).min() > 1e-3
        assert len(drawn.flatten(1).unique(dim=0)) == len(trained)
        assert torch.allclose(trained.mean_face, trained.pictures(999).mean(0), atol=1e-4)
        assert np.allclose(trained.colour, trained.colours.mean(axis=0))
    assert faces.evaluation == faces.held_out


def test_read_from_disk_it_is_the_same_as_from_memory(
    faces: Dataset, whole_clips: Facesets, tmp_path: Path
) -> None:
    heard: list[Event] = []
    streamed = read(whole_clips, memory=1_000_000, scratch=tmp_path / "scratch", run=Run([heard.append]))
    notes = [event.text for event in heard if isinstance(event, Notice)]
    assert len(notes) == 1
    assert str(tmp_path / "scratch") in notes[0]
    assert list((tmp_path / "scratch").iterdir()) == [], "nothing is left to clean up"
    for side in ("a", "b"):
        one, two = faces.training[side], streamed.training[side]
        assert not isinstance(two.store, MemoryCache)
        first, second = one.draw(9, seeded(4)), two.draw(9, seeded(4))
        assert torch.equal(first.pixels, second.pixels)
        assert torch.equal(first.landmarks, second.landmarks)
        assert torch.equal(one.mean_face, two.mean_face)
        assert torch.equal(faces.held_out[side].pictures(3), streamed.held_out[side].pictures(3))


def test_no_room_on_the_disk_is_said(whole_clips: Facesets, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(TrainingError, match="cannot be written"):
        read(whole_clips, memory=0, scratch=blocked)


def test_the_shares_of_several_processes_are_what_one_would_draw(faces: Dataset) -> None:
    whole = faces.training["a"].draw(10, seeded(7))
    generators = [seeded(7) for _ in range(3)]
    parts = [faces.training["a"].draw(10, g, Shard(rank, 3)) for rank, g in enumerate(generators)]
    assert torch.equal(torch.cat([part.pixels for part in parts]), whole.pixels)
    assert torch.equal(torch.cat([part.landmarks for part in parts]), whole.landmarks)
    assert {len(part) for part in parts} == {3, 4}
    states = {bytes(g.get_state().numpy()) for g in generators}
    assert len(states) == 1, "and all generators are where one would be"


def test_a_generator_in_the_same_state_draws_the_same(faces: Dataset) -> None:
    generator = seeded(3)
    faces.training["a"].draw(5, generator)
    state = generator.get_state()
    one = faces.training["a"].draw(5, generator).pixels
    generator.set_state(state)
    assert torch.equal(faces.training["a"].draw(5, generator).pixels, one)


def test_balanced_every_bin_of_poses_comes_equally_often(faces: Dataset) -> None:
    turned = faces.training["a"].landmarks[:1].repeat(12, 1, 1)
    # Eleven faces look one way and one another: a face seen from the side is narrower.
    turned[11, :, 0] *= 0.5
    poses = np.zeros((12, 4))
    poses[11, 0] = 40
    sampling_weights = pose_balanced_weights(poses)
    assert torch.allclose(sampling_weights[:11], torch.full((11,), 0.5 / 11, dtype=torch.float64))
    assert float(sampling_weights[11]) == pytest.approx(0.5)
    side = replace(faces.training["a"], landmarks=turned, sampling_weights=sampling_weights)
    drawn = side.draw(4000, seeded(1)).landmarks
    assert 0.46 < float((drawn[:, 30] == turned[11, 30]).all(dim=1).float().mean()) < 0.54


def test_balanced_is_an_option_of_loading(whole_clips: Facesets) -> None:
    balanced = read(whole_clips, balanced=True).training["a"]
    assert balanced.sampling_weights is not None
    assert float(balanced.sampling_weights.sum()) == pytest.approx(1)
    assert balanced.sampling_weights.max() > 1.5 * balanced.sampling_weights.min(), (
        "the actor shakes his head"
    )


def test_neighbours_are_alike_in_expression_and_not_in_who_they_are() -> None:
    random = seeded()
    own = torch.randn(30, 68, 2, generator=random)
    person = torch.randn(1, 68, 2, generator=random) * 50
    order = torch.randperm(30, generator=random)
    found = nearest(own, (own + person)[order], count=3)
    assert torch.equal(order[found[:, 0]], torch.arange(30))
    assert nearest(own, own[:4]).shape == (30, 4)


def test_faces_are_drawn_with_their_neighbours_of_the_other_side(faces: Dataset) -> None:
    batch = faces.training["a"].draw(6, seeded())
    assert batch.neighbours is not None
    assert batch.neighbours.shape == (6, 10, faces.scheme.count, 2)
    other = faces.training["b"].landmarks.flatten(1)
    assert apart(batch.neighbours.flatten(2).flatten(0, 1), other).amin(dim=1).max() == 0


@pytest.mark.parametrize(
    ("resolution", "seen", "size"),
    [(64, 179, 128), (96, 179, 192), (256, 179, 256), (256, 358, 358), (256, 900, 512)],
)
def test_what_is_kept_is_fine_enough_and_no_finer_than_there_is(
    resolution: int, seen: float, size: int
) -> None:
    assert cached_size(resolution, seen) == size


def test_a_side_that_is_missing_one_line(whole_clips: Facesets) -> None:
    with pytest.raises(TrainingError, match=r"no faceset of B was given.*-B"):
        read({"a": whole_clips["a"], "b": []})


def copy_of(facesets: Facesets, tmp_path: Path) -> Path:
    return shutil.copytree(facesets["b"][0], tmp_path / "copy")


@pytest.mark.parametrize("left", [0, 9])
def test_too_few_faces_one_line(whole_clips: Facesets, tmp_path: Path, left: int) -> None:
    copy = copy_of(whole_clips, tmp_path)
    for crop in sorted((copy / "faces").iterdir())[left:]:
        crop.unlink()
    with pytest.raises(TrainingError, match=rf"{left} faces of B; training needs at least 10"):
        read({**whole_clips, "b": [copy]})


def test_ten_faces_are_all_trained_on_and_shown(whole_clips: Facesets, tmp_path: Path) -> None:
    copy = copy_of(whole_clips, tmp_path)
    for crop in sorted((copy / "faces").iterdir())[10:]:
        crop.unlink()
    data = read({**whole_clips, "b": [copy]})
    assert (len(data.training["b"]), len(data.held_out["b"])) == (10, 0)
    assert data.evaluation["b"] is data.training["b"]
    assert data.evaluation["a"] is data.held_out["a"]


def test_a_crop_that_was_resized_one_line(whole_clips: Facesets, tmp_path: Path) -> None:
    copy = copy_of(whole_clips, tmp_path)
    crop = sorted((copy / "faces").iterdir())[3]
    write_png(crop, read_image(crop)[::2, ::2].copy())
    with pytest.raises(InputError, match=rf"{crop.name}: 128x128 pixels, and was cut at 256"):
        read({**whole_clips, "b": [copy]})


def test_a_crop_that_is_no_picture_one_line(whole_clips: Facesets, tmp_path: Path) -> None:
    copy = copy_of(whole_clips, tmp_path)
    crop = sorted((copy / "faces").iterdir())[3]
    crop.write_bytes(crop.read_bytes()[:100])
    with pytest.raises(InputError, match=crop.name):
        read({**whole_clips, "b": [copy]})


def test_facesets_of_crops_of_different_sizes_go_together(
    whole_clips: Facesets, clips: dict[str, Path], tmp_path: Path
) -> None:
    small = tmp_path / "small"
    extract(clips["sample_04"], small, ExtractSettings(processes=1, sampling=EveryNth(every=9), size=128))
    both = read({**whole_clips, "b": [*whole_clips["b"], small]}).training["b"]
    one = read(whole_clips).training["b"]
    few = read({**whole_clips, "b": [small]}).training["b"]
    # The same frames, once of 256 and once of 128 pixels, are the same faces.
    same = few.pictures(999)[0] - one.pictures(999)[0]
    assert len(both) == len(one) + len(few)
    assert float(same.abs().mean()) < 0.02
    assert torch.allclose(few.landmarks[0], one.landmarks[0], atol=0.01)


def test_loading_counts_its_faces(whole_clips: Facesets) -> None:
    heard: list[Event] = []
    read(whole_clips, run=Run([heard.append]))
    started = next(event for event in heard if isinstance(event, StageStarted))
    steps = [event.done for event in heard if isinstance(event, Progress)]
    assert steps == list(range(1, int(started.total or 0) + 1))


def test_of_no_faces_there_is_nothing_to_show() -> None:
    empty = SideDataset(
        64,
        MemoryCache(torch.zeros(0, 5, 128, 128, dtype=torch.uint8)),
        torch.zeros(0, 68, 2),
        np.zeros((0, 2, 3), np.float32),
        DLIB68,
    )
    assert len(empty) == 0
    assert empty.pictures(7).shape == (0, 3, 64, 64)


def with_mean_faces(faceset: Path, path: Path, scheme: LandmarkScheme) -> Path:
    """A copy in which every face is the mean face of a scheme."""
    shutil.copytree(faceset, path)
    with Faceset.open(faceset) as old:
        record, frames, known = old.source, old.frames(), old.faces()
    (path / DATABASE).unlink()
    with Faceset.create(path, record) as store:
        for frame, face in zip(frames, known, strict=True):
            points = map_points(inverse(face.alignment), scheme.mean_shape * face.crop_size)
            changed = face.with_(landmarks=points, smoothed=points, scheme=scheme.name, depth=None)
            store.add_frame(frame, [changed.with_(expression=None)])
        store.commit()
    return path


def test_facesets_of_different_schemes_may_be_mixed(whole_clips: Facesets, tmp_path: Path) -> None:
    mesh, points = (
        with_mean_faces(whole_clips["b"][0], tmp_path / scheme.name, scheme)
        for scheme in (MEDIAPIPE478, DLIB68)
    )
    heard: list[Event] = []
    mixed = read({"a": [points], "b": [mesh]}, run=Run([heard.append]))
    said = [
        str(event) for event in heard if isinstance(event, Notice) and event.code == "train.mixed_schemes"
    ]
    assert len(said) == 1
    assert "dlib68, mediapipe478" in said[0]
    assert mixed.scheme.name == "dlib68"
    assert read({"a": [mesh], "b": [mesh]}).scheme.name == "mediapipe478"
    # Only the colours of what is kept depend a little on the landmarks, over whose hull they are taken.
    kept = [mixed.training[side].store.take(torch.tensor([3]))[:, :3].float() for side in ("a", "b")]
    assert (kept[0] - kept[1]).abs().mean() < 8
    inner = list(DLIB68.inner)
    of_a, of_b = (mixed.training[side].landmarks[3, inner] for side in ("a", "b"))
    assert (of_a - of_b).norm(dim=1).mean() < 0.06, "the mean faces of all schemes lie at the same spot"
