"""The estimate against what is really taken, and what happens where memory is short."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from facedouble.device import is_out_of_memory
from facedouble.models.base import build
from facedouble.models.discriminator import Discriminator
from facedouble.run.run import Run
from facedouble.training import schedule
from facedouble.training.memory import MemoryEstimate, estimate, kept_for_backward
from facedouble.training.parallel import World
from facedouble.training.schedule import StepConfig
from facedouble.training.setup import Setup, prepare
from facedouble.types import Side
from tests.training.how import how, varied

Facesets = dict[str, list[Path]]

CHILD = """
import sys
from pathlib import Path
from tests.training.how import how
from facedouble.run.events import Notice
from facedouble.run.run import Run
from facedouble.training import memory, schedule
from facedouble.training.parallel import World
from facedouble.training.schedule import StepConfig
from facedouble.training.setup import Setup, prepare

a, b, trainer, batch, limit, *arguments = sys.argv[1:]
settings = how(trainer=trainer, batch_size=int(batch), arguments=tuple(arguments), device="cpu",
    precision="fp32", seed=3)
facesets = {"a": [Path(a)], "b": [Path(b)]}
def tell(event):
    if isinstance(event, Notice) and event.severity == "warning":
        print(event.text, flush=True)
small = how(trainer="original", batch_size=1, arguments=("filters=4", "bottleneck=8"), device="cpu",
    precision="fp32")

def steps(settings):
    setup = prepare(facesets, Path("nowhere"), settings, World(), Run([tell]))
    if settings is not small and int(limit):
        return setup
    config = schedule.step_config(setup.recipe, settings, setup.state.card, 1.0)
    for _ in range(2):
        setup.step(setup.pairs(config), config)
        setup.state.update_ema()
    return setup

steps(small)  # so that what libraries take once is not counted
before = memory._status("VmRSS")
if int(limit):
    import resource
    size = memory._status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (size + int(limit), size + int(limit)))
setup = steps(settings)
taken = memory.peak_memory(setup.device) - before
print(setup.step.micro_batch, setup.estimate.total(2 * int(batch)), taken)
"""


def child(facesets: Facesets, trainer: str, batch: int, limit: int, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", CHILD, str(facesets["a"][0]), str(facesets["b"][0])]
    run = subprocess.run(
        [*command, trainer, str(batch), str(limit), *arguments], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout.splitlines()


def allocated(made: Setup, config: StepConfig) -> int:
    """Bytes that PyTorch has allocated at most while the next batch is made and a step is taken, with what is
    there all the time: exact, whatever else the machine does."""
    state = made.state
    networks: list[torch.nn.Module] = [state.network, state.ema]
    adversary = state.adversary
    optimizers = [state.optimizer]
    if adversary is not None:
        networks.append(adversary.discriminators)
        optimizers.append(adversary.optimizer)
    tensors: list[torch.Tensor] = [own for network in networks for own in network.parameters()]
    tensors += [p.grad for p in state.network.parameters() if p.grad is not None]
    tensors += [value for own in optimizers for moments in own.state.values() for value in moments.values()]
    total = top = sum(tensor.numel() * tensor.element_size() for tensor in tensors) + made.estimate.faces
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        pairs, ahead = made.pairs(config), made.pairs(config)
        made.step(pairs, config)
        made.state.update_ema()
    assert len(ahead) == 2
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            total += event.nbytes()
            top = max(top, total)
    return top


@pytest.mark.training
@pytest.mark.parametrize(
    ("trainer", "batch", "precision", "arguments"),
    [
        ("quick", 4, "fp32", ("resolution=64",)),
        ("quick", 32, "fp32", ("resolution=64",)),
        ("double", 4, "bf16", ("resolution=96", "filters=16", "bottleneck=32", "inner=96")),
        ("original", 8, "fp32", ("filters=32", "bottleneck=256")),  # mostly weights
        ("highres", 4, "fp32", ("resolution=128", "filters=8")),  # mostly activations
        ("gan128", 4, "fp32", ("filters=8", "bottleneck=64")),  # judged as well
    ],
)
def test_the_forecast_is_within_15_percent_of_what_is_allocated(
    facesets: Facesets, trainer: str, batch: int, precision: str, arguments: tuple[str, ...]
) -> None:
    settings = how(
        trainer=trainer, batch_size=batch, arguments=arguments, device="cpu", precision=precision, seed=3
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # without threads of the sides, as on a GPU
    try:
        sides: dict[Side, list[Path]] = {"a": facesets["a"], "b": facesets["b"]}
        made = prepare(sides, Path("nowhere"), settings, World(), Run())
        if not made.state.card.decoders_split:
            made.state.split_decoders()
        config = schedule.step_config(made.recipe, settings, made.state.card, 0.8)
        made.step(made.pairs(config), config)
        taken = allocated(made, config)
    finally:
        torch.set_num_threads(threads)
    foreseen = made.estimate.total(2 * batch)
    assert 0.85 < foreseen / taken < 1.15, (foreseen / 1e6, taken / 1e6)


@pytest.mark.subprocess
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_where_memory_is_short_it_is_known_before_the_first_step(facesets: Facesets) -> None:
    """Under a real limit of the system, which a whole batch would be beyond."""
    limit = 500_000_000
    warning, line = child(facesets, "highres", 24, limit, "resolution=128", "filters=16")[-2:]
    micro_batch, foreseen, _ = map(int, line.split())
    assert foreseen > limit
    assert 1 <= micro_batch < 48
    assert "at a time" in warning


def test_parts_are_halves_until_they_fit() -> None:
    made = MemoryEstimate(weights=100, gradients=100, optimizer=200, faces=50, pairs=50, per_face=8)
    assert made.total(10) == 500 + 96
    assert made.fitting_micro_batch(64, 10_000) == 64
    assert made.total(made.fitting_micro_batch(64, 800)) <= 0.9 * 800
    assert made.fitting_micro_batch(64, 800) == 16
    assert made.fitting_micro_batch(64, 10) == 1
    assert "0 MB are free" in made.describe(64, 10)


def test_what_is_kept_grows_with_the_batch_alone_and_nothing_is_changed() -> None:
    torch.manual_seed(0)
    model = build(
        "quick", {"resolution": 32, "filters": 4, "bottleneck": 8, "inner": 8, "channels": [8, 8, 8]}
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()

    def run(faces: int) -> torch.Tensor:
        drawn = model(torch.rand(faces, 3, 32, 32), "a", "a").picture
        total: torch.Tensor = drawn.sum()
        return total

    kept, _ = kept_for_backward(model, run)
    assert kept > 3 * 32 * 32 * 4, "the input alone is more"
    assert kept < 1e6
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_fixed_part_is_five_times_the_weights_and_less_of_what_is_beside_the_model() -> None:
    """No average is kept of discriminators, and of what only looks there is nothing but the weights."""
    model, discriminators, judge = torch.nn.Linear(100, 100), torch.nn.Linear(10, 10), torch.nn.Linear(20, 20)
    made = estimate(model, discriminators, judge, faces=7, pairs=2, per_face=0)
    assert made.total(64) == 4 * (5 * 10_100 + 4 * 110 + 420) + 9
    alone = estimate(model, None, None, faces=7, pairs=2, per_face=0)
    assert alone.total(64) == 5 * 4 * 10_100 + 9


def test_the_adversary_and_a_perceptual_network_are_counted(facesets: Facesets) -> None:
    def foreseen(**changes: object) -> MemoryEstimate:
        settings = how(
            trainer="gan",
            arguments=("filters=4", "bottleneck=8"),
            batch_size=2,
            device="cpu",
            precision="fp32",
        )
        sides: dict[Side, list[Path]] = {"a": facesets["a"], "b": facesets["b"]}
        return prepare(sides, Path("nowhere"), varied(settings, **changes), World(), Run()).estimate

    network = build("gan", {"filters": 4, "bottleneck": 8})
    own = sum(4 * p.numel() for p in network.parameters())
    without = estimate(network, None, None, faces=0, pairs=0, per_face=0)
    with_critics, with_both = foreseen(), foreseen(perceptual_loss="dlib")
    discriminators = 2 * sum(4 * p.numel() for p in Discriminator(2).parameters())
    assert with_critics.optimizer == 2 * (own + discriminators)
    assert with_critics.weights == without.weights + discriminators
    assert with_both.weights > with_critics.weights + 20e6, "5.6 million weights"
    assert with_both.per_face > with_critics.per_face


def test_a_failure_to_allocate_is_known_and_no_other() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**50)
    assert is_out_of_memory(error.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
