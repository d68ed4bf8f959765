from dataclasses import replace
from typing import Any

import pytest
import torch

from facedouble.models.base import Decoded
from facedouble.settings.recipe import Adversary as AdversarySettings
from facedouble.training.adversary import Adversary
from facedouble.training.warp.pairs import Pairs
from facedouble.types import Side

CPU = torch.device("cpu")
KINDS = ("hinge", "mixup")
OF = ("restored", "swapped")


def adversary(seed: int = 0, **changes: Any) -> Adversary:
    torch.manual_seed(seed)
    how = AdversarySettings(**{"weight": 0.1, "learning_rate": 1e-3, **changes})
    return Adversary(how, CPU, torch.float32)


def pairs(n: int = 6) -> dict[Side, Pairs]:
    """Real pictures with fine stripes."""
    random = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(n, 3, 4, 4, generator=random), size=32, mode="bilinear"
    )
    stripes = (torch.arange(32) % 2).float().view(1, 1, 1, 32) * 0.2
    ones = torch.ones(n, 1, 32, 32)
    one = Pairs(smooth, smooth * 0.8 + stripes, ones, ones)
    return {"a": one, "b": one}


def fakes(real: dict[Side, Pairs]) -> dict[Side, Decoded]:
    """What a decoder that blurs draws: the same without the stripes."""
    return {side: Decoded((pair.inputs * 0.8 + 0.1).requires_grad_()) for side, pair in real.items()}


def learn(critic: Adversary, drawn: dict[Side, Decoded], real: dict[Side, Pairs]) -> dict[Side, float]:
    """One step of the discriminators; their losses before it."""
    losses = critic.accumulate(drawn, real)
    critic.step()
    return {side: float(loss) for side, loss in losses.items()}


@pytest.mark.training
@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_to_tell_real_from_drawn_and_the_drawn_are_pulled_towards_the_real(
    kind: str, of: str
) -> None:
    critic, real = adversary(loss=kind, judges=of), pairs()
    losses = [sum(learn(critic, fakes(real), real).values()) for _ in range(60)]
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10]), losses
    drawn = fakes(real)
    judged = critic.generator_loss(drawn, real, 1.0)
    as_good = critic.generator_loss({side: Decoded(pair.targets) for side, pair in real.items()}, real, 1.0)
    for side, pair in real.items():
        assert float(as_good[side].detach()) < float(judged[side].detach()), "real pictures must fare better"
        judged[side].backward()
        slope = drawn[side].picture.grad
        assert slope is not None
        assert float((slope * (pair.targets - drawn[side].picture.detach())).sum()) < 0, (
            "downhill is to the real"
        )


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_judging_moves_no_discriminator_and_learning_no_decoder(kind: str) -> None:
    critic, real = adversary(loss=kind), pairs()
    drawn = fakes(real)
    torch.stack(list(critic.generator_loss(drawn, real, 1.0).values())).sum().backward()
    assert all(p.grad is None for p in critic.discriminators.parameters())
    assert all(p.requires_grad for p in critic.discriminators.parameters())
    drawn = fakes(real)
    assert sorted(learn(critic, drawn, real)) == ["a", "b"]
    assert all(output.picture.grad is None for output in drawn.values())


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_only_the_face_is_judged(kind: str) -> None:
    critic, real = adversary(loss=kind), pairs()
    face = torch.zeros(6, 1, 32, 32)
    face[..., 8:24] = 1
    masked = {side: replace(pair, face=face) for side, pair in real.items()}
    drawn = fakes(masked)
    critic.generator_loss(drawn, masked, 1.0)["a"].backward()
    slope = drawn["a"].picture.grad
    assert slope is not None
    assert float((slope * (1 - face)).abs().sum()) == 0 < float((slope * face).abs().sum())
    outside = {side: Decoded(output.picture + (1 - face)) for side, output in drawn.items()}
    torch.manual_seed(5)
    one = learn(critic, drawn, masked)
    other = adversary(loss=kind)
    other.generator_loss(drawn, masked, 1.0)
    torch.manual_seed(5)
    assert one == pytest.approx(learn(other, outside, masked), rel=1e-5)


def test_it_waits_for_its_share_of_training_and_counts_by_its_weight() -> None:
    critic, real = adversary(start=0.5), pairs()
    assert not critic.active(0.49)
    assert critic.active(0.5)
    assert {float(value) for value in critic.generator_loss(fakes(real), real, 0.49).values()} == {0.0}
    light, heavy = (adversary(weight=weight) for weight in (0.1, 0.3))
    for side in real:
        one, other = (float(c.generator_loss(fakes(real), real, 1.0)[side].detach()) for c in (light, heavy))
        assert other == pytest.approx(3 * one, rel=1e-3)


@pytest.mark.training
def test_one_side_alone_is_judged_and_taught() -> None:
    critic, real = adversary(), pairs()
    only_b = {"b": fakes(real)["b"]}
    assert list(critic.generator_loss(only_b, real, 1.0)) == ["b"]  # type: ignore[arg-type]
    before = {name: value.clone() for name, value in critic.discriminators.state_dict().items()}
    learn(critic, only_b, real)  # type: ignore[arg-type]
    after = critic.discriminators.state_dict()
    moved = {name[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"b"}


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_restored_it_goes_on_as_if_never_stopped(kind: str) -> None:
    one, real = adversary(loss=kind), pairs()
    for _ in range(3):
        learn(one, fakes(real), real)
    kept = {name: value.clone() for name, value in one.tensors().items()}
    other = adversary(seed=99, loss=kind)
    other.restore({**kept, "weight/of.another": torch.zeros(1)})
    found = []
    for critic in (one, other):
        torch.manual_seed(7)
        found.append([learn(critic, fakes(real), real) for _ in range(3)])
    assert found[0] == found[1]


def test_a_state_without_it_is_refused() -> None:
    critic = adversary()
    kept = dict(critic.tensors())
    kept.popitem()
    with pytest.raises(KeyError):
        critic.restore({name: value for name, value in kept.items() if "score" not in name})


@pytest.mark.parametrize("kind", KINDS)
def test_in_mixed_precision_its_losses_are_near(kind: str) -> None:
    real, values = pairs(), []
    for precision in (torch.float32, torch.bfloat16):
        critic = adversary(loss=kind)
        critic.precision = precision
        values.append(float(critic.generator_loss(fakes(real), real, 1.0)["a"].detach()))
    assert values[0] == pytest.approx(values[1], abs=2e-3)


@pytest.mark.parametrize("of", OF)
def test_taught_in_parts_it_learns_what_the_whole_teaches(of: str) -> None:
    real = pairs()
    drawn = fakes(real)
    gathered = []
    for runs in ((slice(0, 6),), (slice(0, 2), slice(2, 6))):
        # At rest, as a look moves what spectral normalisation knows of the weights.
        critic = adversary(judges=of)
        critic.discriminators.eval()
        for run in runs:
            some = {
                side: Pairs(pair.inputs[run], pair.targets[run], pair.weights[run], pair.face[run])
                for side, pair in real.items()
            }
            shown = {side: Decoded(faces.picture[run]) for side, faces in drawn.items()}
            critic.accumulate(shown, some, (run.stop - run.start) / 6)
        gathered.append([p.grad.clone() for p in critic.discriminators.parameters() if p.grad is not None])
    assert gathered[0]
    for one, other in zip(*gathered, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    critic.zero_grad()
    assert all(p.grad is None for p in critic.discriminators.parameters())
