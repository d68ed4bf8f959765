import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import facedouble
from facedouble.errors import InputError
from facedouble.evaluation.evaluate import _number_shown, evaluate
from facedouble.evaluation.gallery import load_person, nearest_person
from facedouble.evaluation.reconstruction import reconstruct
from facedouble.evaluation.registry import MEASURES
from facedouble.faceset.layout import crop_name
from facedouble.faceset.store import Faceset
from facedouble.models import checkpoint
from facedouble.models.base import Decoded, SwapModel, build
from facedouble.models.card import ModelCard
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.training.loading import load
from facedouble.types import Side
from facedouble.video.images import write_png

from .conftest import FRAMES, Material, evaluated, number


class Echo(SwapModel):
    """A model that gives back what it sees, with some noise."""

    def __init__(self, resolution: int = 128, noise: float = 0.0) -> None:
        super().__init__()
        self.resolution, self.noise = resolution, noise

    def encode(self, faces: torch.Tensor, side: Side) -> torch.Tensor:
        return faces

    def decode(self, code: torch.Tensor, side: Side) -> Decoded:
        noise = torch.randn(code.shape, generator=torch.Generator().manual_seed(0))
        return Decoded(code + self.noise * noise)


@pytest.mark.slow
def test_two_results_a_folder_without_sound_and_one_that_is_too_short(material: Material) -> None:
    folder = material.folder / "images"
    folder.mkdir()
    for index, image in enumerate(material.frames[:12]):
        write_png(folder / f"{index:04d}.png", image)
    found = evaluated(material, material.result("encoded", lambda _, image: image), folder)
    clip, images = found.results
    assert images.value("frame_count") == 12 - FRAMES
    assert images.rate("frame_count") == "poor"
    assert images.value("sound") is images.value("times") is images.value("tags") is None
    assert number(images, "psnr_outside") > number(clip, "psnr_outside")
    assert list(images.index) == list(range(12))
    assert list(clip.index) == list(range(FRAMES))
    kept = found.as_json()
    assert len(kept["results"]) == 2
    assert set(kept["results"][0]["measures"]) == set(MEASURES)
    assert len(kept["results"][0]["series"]["expression"]) == FRAMES
    assert kept["results"][0]["series"]["jitter"][0] is None


@pytest.mark.subprocess
def test_without_a_faceset_the_faces_are_found_on_the_way(material: Material, tmp_path: Path) -> None:
    settings = EvaluateSettings(detailed_frames=2, pictures=3)
    found = facedouble.evaluate([material.source], material.source, [material.target], settings)
    assert len(found.results[0].index) == FRAMES
    assert len(found.pictures) == len(found.results[0].pictures) == 3
    assert found.results[0].value("psnr_outside") == 100
    assert found.results[0].value("jitter") == 0


@pytest.mark.slow
def test_a_result_of_another_size_is_refused(material: Material, clips: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="1280x720"):
        evaluated(material, clips["sample_02"])


@pytest.mark.slow
def test_what_does_not_belong_together_is_refused(material: Material, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another source"):
        evaluate([material.source], material.source, [material.target], faceset=material.target)
    with pytest.raises(InputError, match=r"nowhere\.mp4"):
        evaluated(material, tmp_path / "nowhere.mp4")
    with pytest.raises(InputError, match="no result"):
        evaluated(material)
    with pytest.raises(InputError, match="not a faceset"):
        evaluate([material.source], material.source, [tmp_path], faceset=material.faceset)


def test_a_model_that_gives_back_what_it_sees_restores_everything(material: Material) -> None:
    person = load_person("B", [material.target])
    same = reconstruct(Echo(), 0.7, "b", [material.target], person)
    noisy = reconstruct(Echo(noise=0.1), 0.7, "b", [material.target], person)
    assert same.ssim == pytest.approx(1)
    assert same.psnr > 90
    assert noisy.ssim < 0.9
    assert noisy.psnr == pytest.approx(20, abs=1)
    assert same.distance < 0.5
    assert same.faces == FRAMES, "so short a clip holds none out"


def test_faces_that_training_holds_out_are_restored(material: Material, tmp_path: Path) -> None:
    """The same faces far apart in time, so that the last of them can be spared."""
    path = tmp_path / "apart"
    with Faceset.open(material.target) as store:
        record, frames, faces = store.source, store.frames(), store.faces()
    with Faceset.create(path, record) as apart:
        for frame, face in zip(frames, faces, strict=True):
            index = 30 * frame.index
            apart.add_frame(replace(frame, index=index), [face.with_(frame_index=index)])
            shutil.copy(material.target / str(face.crop), path / "faces" / crop_name(index, 0))
        apart.commit()
    held = load({"a": [path], "b": [path]}, resolution=32, coverage=0.7, device=torch.device("cpu")).held_out[
        "b"
    ]
    restored = reconstruct(Echo(), 0.7, "b", [path], load_person("B", [path]))
    assert restored.faces == len(held) == round(FRAMES / 10)


@pytest.mark.slow
def test_a_model_is_measured_and_its_size_held_against_the_shot(material: Material, tmp_path: Path) -> None:
    network = build("quick")
    colour = np.full((2, 3), 0.4).tolist()
    card = ModelCard(
        {"kind": "quick"},
        network.resolution,
        0.7,
        {"a": [], "b": []},
        {"a": colour, "b": colour},
    )
    checkpoint.save(tmp_path / "model", card, network.state_dict(), {})
    found = evaluate(
        [material.source],
        material.source,
        [material.target],
        EvaluateSettings(detailed_frames=2),
        faceset=material.faceset,
        a=[material.target, material.faceset],
        model=tmp_path / "model",
    ).results[0]
    # With B's faceset given as A's other clip, and the source as the result, both are the same.
    to_b = found.outcomes["distance_to_b"]
    assert to_b.beside == {"for A's own face, to A's other clips": pytest.approx(to_b.value)}
    assert to_b.source_series == pytest.approx(to_b.series, nan_ok=True)
    assert found.rate("restored_ssim_b") == "poor"
    assert found.value("restored_psnr_a") is not None
    # The crop of a face of A is some 280 pixels of the frame, of which the model draws 70%.
    assert found.value("resolution") == pytest.approx(network.resolution / (0.7 * 279), rel=0.05)


def test_retrieval_finds_whose_single_face_is_nearest(material: Material) -> None:
    a, b = load_person("A", [material.faceset]), load_person("B", [material.target])
    everyone = np.concatenate([a.descriptors, b.descriptors])
    found = nearest_person(everyone + 0.01, [b, a])
    assert found.tolist() == [1] * len(a.descriptors) + [0] * len(b.descriptors)


def test_how_far_a_person_is_from_their_own_other_clips(material: Material) -> None:
    person = load_person("A", [material.target, material.faceset])
    rest, clip = person.descriptors[person.facesets == 0], person.descriptors[person.facesets == 1]
    assert person.mean_without(1) == pytest.approx(rest.mean(axis=0))
    apart = [np.linalg.norm(a - b.mean(axis=0), axis=1).mean() for a, b in ((rest, clip), (clip, rest))]
    assert person.apart() == pytest.approx(np.mean(apart))
    alone = load_person("A", [material.faceset])
    assert alone.apart() is None
    assert alone.mean_without(0) is None, "nothing to compare with"


def test_a_person_without_descriptors_is_told(material: Material, tmp_path: Path) -> None:
    with Faceset.open(material.target) as store:
        record, frames, faces = store.source, store.frames(), store.faces()
    with Faceset.create(tmp_path / "bare", replace(record)) as bare:
        for frame, face in zip(frames, faces, strict=False):
            bare.add_frame(frame, [face.with_(descriptor=None)])
        bare.commit()
    with pytest.raises(InputError, match="descriptor"):
        load_person("B", [tmp_path / "bare"])


def test_a_result_that_cannot_be_read_is_told(material: Material) -> None:
    damaged = material.folder / "damaged.mp4"
    data = material.source.read_bytes()
    damaged.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match="damaged"):
        evaluated(material, damaged)


def test_frames_of_a_sequence_are_reported_by_the_numbers_of_their_files(tmp_path: Path) -> None:
    numbers = [*range(1001, 1012), 1013]
    for frame in numbers:
        write_png(tmp_path / f"plate.{frame}.png", np.zeros((8, 8, 3), np.uint8))
    shown = _number_shown(tmp_path / "plate.####.png", EvaluateSettings())
    assert [shown(place) for place in range(len(numbers))] == numbers
