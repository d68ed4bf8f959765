import torch

from facedouble.training.losses import detail_l1, dssim, luma, weighted_l1


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 32, 32, generator=generator), torch.ones(2, 1, 32, 32)


def test_every_loss_is_zero_for_the_picture_itself_and_grows_with_the_fault() -> None:
    picture, weights = pictures()
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    for loss in (weighted_l1, dssim, detail_l1):
        values = [float(loss(picture + amount * noise, picture, weights)) for amount in (0, 0.05, 0.2)]
        assert abs(values[0]) < 1e-6
        assert values[0] < values[1] < values[2], loss.__name__


def test_l1_is_the_weighted_mean() -> None:
    picture, weights = pictures()
    weights[:, :, 16:] = 0
    other = picture.clone()
    other[:, :, :16] += 0.25
    other[:, :, 16:] += 9  # outside the weights: must not count
    assert torch.isclose(weighted_l1(other, picture, weights), torch.tensor(0.25))


def test_dssim_sees_structure_and_not_much_of_a_shift_in_brightness() -> None:
    picture, weights = pictures()
    assert dssim(picture + 0.1, picture, weights) < 0.2 * dssim(1 - picture, picture, weights)
    assert 0.9 < float(
        dssim(1 - luma(picture).expand(-1, 3, -1, -1), luma(picture).expand(-1, 3, -1, -1), weights)
    )


def test_detail_does_not_see_what_is_smooth() -> None:
    picture, weights = pictures()
    ramp = torch.linspace(0, 1, 32).expand(2, 3, 32, 32)
    inner = torch.zeros_like(weights)
    inner[:, :, 2:-2, 2:-2] = 1
    assert float(detail_l1(picture + ramp, picture, inner)) < 1e-6
    assert float(detail_l1(picture * 0.5, picture, inner)) > 0.05
