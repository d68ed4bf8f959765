"""Batches made ahead are those that would have been made in time."""

from dataclasses import replace

import pytest
import torch

from facedouble.models.recipe import usual_warp
from facedouble.training.ahead import Ahead
from facedouble.training.data import Data
from facedouble.training.schedule import Phase
from facedouble.training.warp import Pairs, make_pairs
from facedouble.types import SIDES, Side

PHASE = Phase(progress=0.0, rate=1e-3, hardness=1.0, encoder_rests=False)


class Batches:
    """The batches of real faces, and how often one was made."""

    def __init__(self, data: Data) -> None:
        self.data, self.random, self.made = data, torch.Generator().manual_seed(0), 0

    def __call__(self, phase: Phase) -> dict[Side, Pairs]:
        self.made += 1
        warp = usual_warp()
        return {
            side: make_pairs(
                self.data.training[side].draw(4, self.random), 64, warp, phase.hardness, self.random
            )
            for side in SIDES
        }


def in_time(data: Data, phases: list[Phase]) -> list[torch.Tensor]:
    batches = Batches(data)
    return [batches(phase)["b"].inputs for phase in phases]


def test_they_are_the_same_in_the_same_order(faces: Data) -> None:
    phases = [replace(PHASE, hardness=1 - step / 10) for step in range(6)]
    batches = Batches(faces)
    with Ahead(batches, batches.random) as ahead:
        found = [
            ahead.take(now, then)["b"].inputs for now, then in zip(phases, phases[1:] + [PHASE], strict=True)
        ]
    assert all(torch.equal(one, other) for one, other in zip(found, in_time(faces, phases), strict=True))
    assert batches.made == 7, "each once, and one ahead"


def test_rewound_the_generator_is_where_the_batches_taken_left_it(faces: Data) -> None:
    batches, plain = Batches(faces), Batches(faces)
    with Ahead(batches, batches.random) as ahead:
        for _ in range(3):
            ahead.take(PHASE, PHASE)
            plain(PHASE)
        ahead.rewind()
        assert torch.equal(batches.random.get_state(), plain.random.get_state())
        assert torch.equal(ahead.take(PHASE, PHASE)["a"].inputs, plain(PHASE)["a"].inputs)
    assert torch.equal(batches.random.get_state(), plain.random.get_state()), "and so it is in the end"


@pytest.mark.parametrize("change", [{"hardness": 0.5}, {"hardness": 0.98}])
def test_what_was_not_expected_is_made_anew(faces: Data, change: dict[str, object]) -> None:
    phases = [PHASE, PHASE, replace(PHASE, **change), PHASE]  # type: ignore[arg-type]
    batches = Batches(faces)
    with Ahead(batches, batches.random) as ahead:
        found = [ahead.take(phase, PHASE)["b"].inputs for phase in phases]
    assert all(torch.equal(one, other) for one, other in zip(found, in_time(faces, phases), strict=True))


def test_by_the_clock_a_hair_s_breadth_of_hardness_does_not_count(faces: Data) -> None:
    batches = Batches(faces)
    with Ahead(batches, batches.random) as ahead:
        ahead.take(PHASE, PHASE)
        ahead.take(replace(PHASE, progress=0.5, hardness=0.995), PHASE)
    assert batches.made == 3


def test_what_goes_wrong_ahead_goes_wrong_where_it_is_taken() -> None:
    def make(phase: Phase) -> dict[Side, Pairs]:
        if phase.hardness == 0.5:
            raise OSError("the disk is gone")
        return {}

    with Ahead(make, torch.Generator()) as ahead:
        ahead.take(PHASE, replace(PHASE, hardness=0.5))
        ahead.take(PHASE, PHASE)  # not what was expected, so nothing is wrong
        ahead.take(PHASE, replace(PHASE, hardness=0.5))
        with pytest.raises(OSError, match="disk"):
            ahead.take(replace(PHASE, hardness=0.5), PHASE)


def test_the_network_keeps_its_threads(faces: Data) -> None:
    before = torch.get_num_threads()
    batches = Batches(faces)
    with Ahead(batches, batches.random) as ahead:
        ahead.take(PHASE, PHASE)
        ahead.take(PHASE, PHASE)
        assert torch.get_num_threads() == before
