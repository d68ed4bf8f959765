"""Batches made ahead are those that would have been made in time."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from facedouble.settings.recipe import usual_warp
from facedouble.training.dataset import Dataset
from facedouble.training.prefetch import Prefetcher
from facedouble.training.schedule import StepConfig
from facedouble.training.warp.pairs import Pairs, make_pairs
from facedouble.types import SIDES, Side

CONFIG = StepConfig(progress=0.0, learning_rate=1e-3, augmentation=1.0, freeze_encoder=False)


class Batches:
    """The batches of real faces, and how often one was made."""

    def __init__(self, data: Dataset) -> None:
        self.data, self.random, self.made = data, torch.Generator().manual_seed(0), 0

    def __call__(self, config: StepConfig) -> dict[Side, Pairs]:
        self.made += 1
        warp = usual_warp()
        return {
            side: make_pairs(
                self.data.training[side].draw(4, self.random), 64, warp, config.augmentation, self.random
            )
            for side in SIDES
        }


def taken(ahead: Prefetcher, now: StepConfig, then: StepConfig) -> Mapping[Side, Pairs]:
    """The batch of a step; that of the next is begun."""
    made = ahead.take(now)
    ahead.begin(then)
    return made


def in_time(data: Dataset, configs: list[StepConfig]) -> list[torch.Tensor]:
    batches = Batches(data)
    return [batches(config)["b"].inputs for config in configs]


def test_they_are_the_same_in_the_same_order(faces: Dataset) -> None:
    configs = [replace(CONFIG, augmentation=1 - step / 10) for step in range(6)]
    batches = Batches(faces)
    with Prefetcher(batches, batches.random) as ahead:
        found = [
            taken(ahead, now, then)["b"].inputs
            for now, then in zip(configs, configs[1:] + [CONFIG], strict=True)
        ]
    assert all(torch.equal(one, other) for one, other in zip(found, in_time(faces, configs), strict=True))
    assert batches.made == 7, "each once, and one ahead"


def test_rewound_the_generator_is_where_the_batches_taken_left_it(faces: Dataset) -> None:
    batches, plain = Batches(faces), Batches(faces)
    with Prefetcher(batches, batches.random) as ahead:
        for _ in range(3):
            taken(ahead, CONFIG, CONFIG)
            plain(CONFIG)
        ahead.rewind()
        assert torch.equal(batches.random.get_state(), plain.random.get_state())
        assert torch.equal(taken(ahead, CONFIG, CONFIG)["a"].inputs, plain(CONFIG)["a"].inputs)
    assert torch.equal(batches.random.get_state(), plain.random.get_state()), "and so it is in the end"


@pytest.mark.parametrize("change", [{"augmentation": 0.5}, {"augmentation": 0.98}])
def test_what_was_not_expected_is_made_anew(faces: Dataset, change: dict[str, object]) -> None:
    configs = [CONFIG, CONFIG, replace(CONFIG, **change), CONFIG]  # type: ignore[arg-type]
    batches = Batches(faces)
    with Prefetcher(batches, batches.random) as ahead:
        found = [taken(ahead, config, CONFIG)["b"].inputs for config in configs]
    assert all(torch.equal(one, other) for one, other in zip(found, in_time(faces, configs), strict=True))


def test_by_the_clock_a_hair_s_breadth_of_hardness_does_not_count(faces: Dataset) -> None:
    batches = Batches(faces)
    with Prefetcher(batches, batches.random) as ahead:
        taken(ahead, CONFIG, CONFIG)
        taken(ahead, replace(CONFIG, progress=0.5, augmentation=0.995), CONFIG)
    assert batches.made == 3


def test_what_goes_wrong_ahead_goes_wrong_where_it_is_taken() -> None:
    def make(config: StepConfig) -> dict[Side, Pairs]:
        if config.augmentation == 0.5:
            raise OSError("the disk is gone")
        return {}

    with Prefetcher(make, torch.Generator()) as ahead:
        taken(ahead, CONFIG, replace(CONFIG, augmentation=0.5))
        taken(ahead, CONFIG, CONFIG)  # not what was expected, so nothing is wrong
        taken(ahead, CONFIG, replace(CONFIG, augmentation=0.5))
        with pytest.raises(OSError, match="disk"):
            taken(ahead, replace(CONFIG, augmentation=0.5), CONFIG)


@pytest.mark.parametrize("begun", [True, False], ids=["ahead", "in time"])
def test_what_went_wrong_can_be_taken_anew(faces: Dataset, *, begun: bool) -> None:
    """Nothing is lost: the batch is the one that it would have been. It may be begun more than once."""
    batches, full = Batches(faces), [True]

    def make(config: StepConfig) -> dict[Side, Pairs]:
        made = batches(config)
        if full:
            raise torch.OutOfMemoryError("out of memory")
        return made

    with Prefetcher(make, batches.random) as ahead:
        if begun:
            ahead.begin(CONFIG)
            ahead.begin(CONFIG)
        with pytest.raises(torch.OutOfMemoryError):
            ahead.take(CONFIG)
        full.clear()
        found = ahead.take(CONFIG)["b"].inputs
    assert batches.made == 2
    assert torch.equal(found, in_time(faces, [CONFIG])[0])


def test_the_network_keeps_its_threads(faces: Dataset) -> None:
    before = torch.get_num_threads()
    batches = Batches(faces)
    with Prefetcher(batches, batches.random) as ahead:
        taken(ahead, CONFIG, CONFIG)
        taken(ahead, CONFIG, CONFIG)
        assert torch.get_num_threads() == before
