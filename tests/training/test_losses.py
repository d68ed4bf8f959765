import torch

from facedouble.training.losses import detail_l1, dssim, luma, mask_l1, ms_dssim, weighted_l1


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 32, 32, generator=generator), torch.ones(2, 1, 32, 32)


def test_every_loss_is_zero_for_the_picture_itself_and_grows_with_the_fault() -> None:
    picture, weights = pictures()
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    noisy = [picture + amount * noise for amount in (0, 0.05, 0.2)]
    values = [float(weighted_l1(other, picture, weights)) for other in noisy]
    assert 0 == values[0] < values[1] < values[2]
    for loss in (dssim, ms_dssim, detail_l1):
        values = [float(loss(luma(other), luma(picture), weights)) for other in noisy]
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
    plane = luma(picture)
    assert dssim(plane + 0.1, plane, weights) < 0.2 * dssim(1 - plane, plane, weights)
    assert 0.9 < float(dssim(1 - plane, plane, weights))


def test_detail_does_not_see_what_is_smooth() -> None:
    picture, weights = pictures()
    plane = luma(picture)
    ramp = torch.linspace(0, 1, 32).expand(2, 1, 32, 32)
    inner = torch.zeros_like(weights)
    inner[:, :, 2:-2, 2:-2] = 1
    assert float(detail_l1(plane + ramp, plane, inner)) < 1e-6
    assert float(detail_l1(plane * 0.5, plane, inner)) > 0.04


def test_multi_scale_is_dssim_where_only_one_scale_fits() -> None:
    picture, _ = pictures()
    small, ones = luma(picture[:, :, :20, :20]), torch.ones(2, 1, 20, 20)
    other = (small + 0.2 * small.flip(3)) / 1.2
    one, many = dssim(other, small, ones, stride=2), ms_dssim(other, small, ones)
    assert torch.isclose(one, many, atol=2e-3)


def test_multi_scale_minds_a_large_fault_more_than_the_finest_scale_does() -> None:
    """Noise of single pixels and of large blobs, with the same error by pixel."""
    size = 128
    generator = torch.Generator().manual_seed(2)
    coarse = torch.nn.functional.interpolate(
        torch.rand(1, 3, 8, 8, generator=generator), size=size, mode="bilinear"
    )
    target, ones = coarse * 0.5 + 0.25, torch.ones(1, 1, size, size)
    fine = torch.randn(1, 1, size, size, generator=generator).expand(-1, 3, -1, -1)
    blobs = torch.nn.functional.interpolate(
        torch.randn(1, 1, 12, 12, generator=generator), size=size, mode="bicubic"
    ).expand(-1, 3, -1, -1)
    faults = [0.05 * noise / noise.std() for noise in (fine, blobs)]
    wanted, wrong = luma(target), [luma(target + fault) for fault in faults]
    single = [float(dssim(plane, wanted, ones)) for plane in wrong]
    multi = [float(ms_dssim(plane, wanted, ones)) for plane in wrong]
    assert multi[1] / multi[0] > 1.5 * single[1] / single[0]


def test_multi_scale_has_a_gradient_even_for_the_opposite() -> None:
    picture, weights = pictures()
    output = (1 - picture).requires_grad_()
    loss = ms_dssim(luma(output), luma(picture), weights)
    loss.backward()
    assert 0.3 < float(loss.detach()) <= 0.5
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()


def test_the_masks_loss_is_the_mean_difference() -> None:
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    assert float(mask_l1(torch.zeros_like(mask), mask)) == 0.5
    assert float(mask_l1(mask, mask)) == 0
