"""How a model is trained: losses, optimizer, warps, and how they change over time.

The preset of each model is in ``training/recipes.py``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from facedouble.settings.base import Choice, File, OneOf, Pair, Settings, field
from facedouble.training.registry import WARPS


class Warp(Settings):
    """How training pictures are moved, bent, coloured and covered (``training/warp/``).

    ``rotation``, ``zoom``, ``shift`` and ``flip`` change input and target alike; the others the input alone.
    """

    rotation: float = field(10.0, "largest rotation either way", unit="degrees", min=0)
    zoom: float = field(0.05, "largest change of scale either way, a share", min=0)
    shift: float = field(0.05, "largest shift either way, a share of the picture", min=0)
    flip: float = field(0.4, "probability of mirroring", min=0, max=1)
    kind: Annotated[str, Choice(WARPS)] = field("grid", "how inputs are bent")
    displacement: float = field(
        0.03,
        "standard deviation of the bend, a share of the picture (landmark: half of this, added to the way to "
        "the neighbour)",
        min=0,
    )
    rgb_gain: float = field(0.0, "standard deviation of the gain of each of R, G, B", min=0)
    lightness: float = field(0.0, "standard deviation of the lightness gain in Oklab", min=0)
    chroma: float = field(0.0, "standard deviation of the chroma gain in Oklab", min=0)
    hue: float = field(0.0, "standard deviation of the turn of hue in Oklab", unit="degrees", min=0)
    occlusion: float = field(0.0, "probability that something covers part of the face", min=0, max=1)


def usual_warp() -> Warp:
    """The warp of a recipe that does not name one."""
    return Warp(lightness=0.06, chroma=0.12, hue=4.0)


class NoPerceptual(Settings):
    """Pictures are compared directly only."""

    kind: Literal["none"] = "none"


class DlibPerceptual(Settings):
    """Compared through the face descriptor that comes with the program, too."""

    kind: Literal["dlib"] = "dlib"
    weight: float = field(0.05, "weight of the difference of features", min=0)
    identity: float = field(0.01, "weight of the descriptor's distance from the person's mean", min=0)


class VggPerceptual(Settings):
    """Compared through VGG-19, too."""

    kind: Literal["vgg"] = "vgg"
    weight: float = field(0.05, "weight of the difference of features", min=0)
    weights: File | None = field(
        None,
        "file of VGG-19's weights (.pth or .safetensors); looked for in the cache folder if not given",
        option="vgg-weights",
    )


Perceptual = Annotated[NoPerceptual | DlibPerceptual | VggPerceptual, OneOf("none")]


class Losses(Settings):
    """What is minimised: a weight for each term, 0 for none."""

    l1: float = field(1.0, "mean absolute error", min=0)
    dssim: float = field(0.0, "structural dissimilarity (Wang et al. 2004)", min=0)
    detail: float = field(0.0, "absolute error of the fine detail", min=0)
    ms_ssim: float = field(0.0, "multi-scale structural dissimilarity", min=0)
    mask: float = field(0.0, "error of the learned mask, for models that draw one", min=0)
    perceptual: Perceptual = field(
        NoPerceptual(), "compare through a network as well", option="perceptual-loss"
    )


class Adversary(Settings):
    """Adversarial training (``training/adversary.py``); off while ``weight`` is 0."""

    weight: float = field(0.0, "weight of what the discriminators say, 0 for none", min=0)
    loss: Literal["hinge", "mixup"] = field("hinge", "how the discriminators are trained")
    start: float = field(0.0, "share of training at which it starts", min=0, max=1)
    judges: Literal["restored", "swapped"] = field(
        "restored", "what the discriminators see: faces restored by their own decoder, or swapped ones"
    )
    learning_rate: float = field(1e-4, "learning rate of the discriminators", min=0)
    filters: int = field(32, "filters of their first layer", min=1)


class FixedBatch(Settings):
    """The batch is as large as the recipe says, whatever the device."""

    kind: Literal["fixed"] = "fixed"


class FillingBatch(Settings):
    """The batch is doubled as long as it fits into the device's memory, before training begins.

    With a batch k times as large the learning rate is multiplied by k to the power of ``rate_exponent``, and
    the decay of the averaged weights is raised to the power of k, so that a face counts as long as before.
    """

    kind: Literal["fill"] = "fill"
    most: int = field(256, "faces of each side in a batch at most", unit="faces", min=1, max=1 << 16)
    share: float = field(0.8, "share of the free memory that training may take", min=0.01, max=1)
    rate_exponent: float = field(
        0.5,
        "power of the batch's growth by which the learning rate grows: square root 0.5, linear 1",
        min=0,
        max=1,
    )


BatchGrowth = Annotated[FixedBatch | FillingBatch, OneOf("fixed")]


class Recipe(Settings):
    """How a model is trained. Shares are of the whole training time."""

    batch_size: int = field(8, "faces of each side in a batch", option="batch-size", short="-b", min=1)
    batch_growth: BatchGrowth = field(
        FixedBatch(), "whether the batch grows to fill the memory", option="batch-growth"
    )
    learning_rate: float = field(1e-3, "peak learning rate", option="learning-rate", min=0)
    betas: Pair = field((0.9, 0.999), "Adam's decay rates")
    warm_up: int = field(100, "learning-rate warm-up", unit="iterations", min=0)
    anneal: bool = field(False, "lower the learning rate along half a cosine, down to 0 at the end")
    ema_decay: float = field(
        0.999, "decay of the exponential moving average of the weights, per iteration", min=0, max=1
    )
    coverage: float = field(0.7, "central share of the stored crop that the model sees", min=0.2, max=1)
    full_augmentation_until: float = field(
        1.0, "share of training up to which warps and noise have full strength", min=0, max=1
    )
    final_augmentation: float = field(1.0, "their strength at the end", min=0, max=1)
    geometry: bool = field(
        False, "tell the decoder what the face does, from its landmarks, in models that can be told"
    )
    shared_decoder_until: float = field(0.0, "share of training with one decoder for both", min=0, max=1)
    losses: Losses = field(Losses(), "what is minimised")
    adversary: Adversary = field(Adversary(), "adversarial training")
    warp: Warp = field(usual_warp(), "how inputs are bent", option="warp")
