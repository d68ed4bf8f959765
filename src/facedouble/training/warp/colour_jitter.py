"""Colour jitter where equal steps look equal: in Oklab.

Ottosson 2020, "A perceptual color space for image processing", https://bottosson.github.io/posts/oklab/,
for sRGB (IEC 61966-2-1) pictures. Beyond 0..1 sRGB's curve is carried on symmetrically, as pictures in
the standard colouring are cut there only when they are stored.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.settings.recipe import Warp
from facedouble.training.batch import RandomDraws

# fmt: off
_LMS_OF_RGB = ((0.4122214708, 0.5363325363, 0.0514459929),
               (0.2119034982, 0.6806995451, 0.1073969566),
               (0.0883024619, 0.2817188376, 0.6299787005))
_LAB_OF_LMS = ((0.2104542553, 0.7936177850, -0.0040720468),
               (1.9779984951, -2.4285922050, 0.4505937099),
               (0.0259040371, 0.7827717662, -0.8086757660))
# fmt: on


def oklab(rgb: Tensor) -> Tensor:
    """Oklab (L 0..1, a and b about -0.4..0.4) of sRGB pictures (N, 3, H, W) 0..1."""
    return _mix(_LAB_OF_LMS, _cube_root(_mix(_LMS_OF_RGB, _linear(rgb))))


def srgb(lab: Tensor) -> Tensor:
    """The inverse of :func:`oklab`; colours outside sRGB come out beyond 0..1."""
    return _curved(_mix(_inverse(_LMS_OF_RGB), _mix(_inverse(_LAB_OF_LMS), lab) ** 3))


def jitter_rgb(pictures: Tensor, warp: Warp, draws: RandomDraws) -> Tensor:
    """Pictures (N, 3, H, W) with gain and offset of each of R, G, B changed by ``warp.rgb_gain``."""
    if not warp.rgb_gain:
        return pictures
    gain = 1 + warp.rgb_gain * draws.normal(3, 1, 1)
    offset = warp.rgb_gain / 2 * draws.normal(3, 1, 1)
    return torch.addcmul(0.5 - 0.5 * gain + offset, pictures, gain)


def jitter_oklab(pictures: Tensor, warp: Warp, draws: RandomDraws) -> Tensor:
    """Pictures (N, 3, H, W) with lightness, chroma and hue changed by what ``warp`` says of them."""
    if not (warp.lightness or warp.chroma or warp.hue):
        return pictures
    lightness = 1 + warp.lightness * draws.normal(1)
    offset = warp.lightness / 2 * draws.normal(1, 1)
    chroma = 1 + warp.chroma * draws.normal(1)
    turn = warp.hue * torch.pi / 180 * draws.normal(1)
    cosine, sine = torch.cos(turn) * chroma, torch.sin(turn) * chroma
    zero = torch.zeros_like(turn)
    rows = [lightness, zero, zero, zero, cosine, -sine, zero, sine, cosine]
    change = torch.cat(rows, dim=1).view(-1, 3, 3)
    lab = oklab(pictures)
    changed = torch.baddbmm(F.pad(offset, (0, 0, 0, 2)), change, lab.flatten(2))
    return srgb(changed.view_as(lab))


# In place where it can be: what takes time here is memory more than arithmetic.


def _linear(rgb: Tensor) -> Tensor:
    size = rgb.abs()
    curve = size.add(0.055).div_(1.055).pow_(2.4)
    return torch.where(size <= 0.04045, size.div(12.92), curve).copysign_(rgb)


def _curved(linear: Tensor) -> Tensor:
    size = linear.abs()
    curve = size.pow(1 / 2.4).mul_(1.055).sub_(0.055)
    return torch.where(size <= 0.0031308, size.mul(12.92), curve).copysign_(linear)


def _cube_root(values: Tensor) -> Tensor:
    return values.abs().pow_(1 / 3).copysign_(values)


def _mix(matrix: tuple[tuple[float, ...], ...] | Tensor, channels: Tensor) -> Tensor:
    weights = torch.as_tensor(matrix, dtype=torch.float64).to(channels)
    return (weights @ channels.flatten(2)).view_as(channels)


def _inverse(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    inverted: Tensor = torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64))
    return inverted
