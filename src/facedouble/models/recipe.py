"""How a model is best trained: what its registry entry says beside its architecture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from facedouble.errors import SettingsError

_LEAST = {"batch_size": 1, "discriminator_filters": 1, "coverage": 0.2}  # the others 0
_SHARES = (
    "coverage",
    "adversarial_from",
    "full_augmentation_until",
    "final_augmentation",
    "shared_decoder_until",
    "ema_decay",
    "flip",
    "occlusion",
)  # 1 at most


@dataclass(frozen=True, slots=True)
class Warp:
    """How training pictures are moved, bent, coloured and covered (``training/warp/``).

    ``rotation`` in degrees, ``zoom`` and ``shift`` in shares of the picture, each even in plus or minus
    that; ``flip`` the probability of mirroring. These move input and target alike.

    ``kind`` is how the input alone is bent, one of ``training/warp/kinds.py``: grid, landmark, tps,
    elastic or none. ``displacement`` is how far: the standard deviation of what moves, in shares of the
    picture. ``landmark`` goes to the neighbour's landmarks whatever this is, and adds half of it.

    The colours of the input alone change too. ``rgb_gain`` is the deviation of the gain of each of R, G, B.
    In Oklab, ``lightness`` is the deviation of the lightness' gain (and half of it that of an offset),
    ``chroma`` of the gain of chroma, ``hue`` of a turn of hue in degrees.

    ``occlusion`` is the probability that something lies before the face in the input: the target stays
    the clean face, and the target's mask of the face leaves out what is hidden.
    """

    rotation: float = 10.0
    zoom: float = 0.05
    shift: float = 0.05
    flip: float = 0.4
    kind: str = "grid"
    displacement: float = 0.03
    rgb_gain: float = 0.0
    lightness: float = 0.0
    chroma: float = 0.0
    hue: float = 0.0
    occlusion: float = 0.0


def usual_warp() -> Warp:
    """What a recipe that does not name a warp gets."""
    return Warp(lightness=0.06, chroma=0.12, hue=4.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is best trained. Shares are of the whole training time.

    ``coverage`` is the central part of the stored crop the model sees. ``l1``, ``dssim`` and
    ``detail`` weigh the losses of ``training/losses.py``. The input is bent and the code made noisy at
    full strength until ``full_augmentation_until``, then less and less, down to ``final_augmentation``. Both
    sides share their decoder until ``shared_decoder_until``. ``ema_decay`` is the decay of the averaged
    weights for one step.

    More terms of the loss, each a weight, 0 for none: ``ms_ssim`` (multi-scale structure), ``mask`` (of
    the learned mask, by models that draw one). ``perceptual`` is the network through which pictures
    are compared as well: none, dlib (the face descriptor that comes with the program), vgg, or the path
    of a file of VGG-19's weights; ``perceptual_weight`` weighs the difference of its features, and
    ``identity`` the descriptor's distance from the person's mean (dlib alone); both count only where there
    is such a network.

    Adversarial training (``training/adversary.py``): ``adversarial`` is its weight, 0 for none,
    ``adversarial_kind`` hinge or mixup, ``adversarial_from`` the share of training at which it begins,
    ``discriminator_learning_rate`` the learning rate of the discriminators and ``discriminator_filters``
    their size (the filters of their first layer). ``adversarial_of`` is what they judge: the
    faces ``restored``, or the faces ``swapped``, each decoder drawing the other person's codes.
    """

    batch_size: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    coverage: float = 0.7
    l1: float = 1.0
    dssim: float = 0.0
    detail: float = 0.0
    ms_ssim: float = 0.0
    mask: float = 0.0
    perceptual: str = "none"
    perceptual_weight: float = 0.05
    identity: float = 0.01
    adversarial: float = 0.0
    adversarial_kind: Literal["hinge", "mixup"] = "hinge"
    adversarial_from: float = 0.0
    adversarial_of: Literal["restored", "swapped"] = "restored"
    discriminator_learning_rate: float = 1e-4
    discriminator_filters: int = 32
    warp: Warp = field(default_factory=usual_warp)
    full_augmentation_until: float = 1.0
    final_augmentation: float = 1.0
    shared_decoder_until: float = 0.0
    anneal: bool = False
    ema_decay: float = 0.999
    warm_up: int = 100


def changed(recipe: Recipe, given: Iterable[str]) -> Recipe:
    """``recipe`` with some of its fields otherwise, each given as ``name=value``, those of its warp as
    ``warp.name=value``; a later one counts over an earlier.

    Raises ``SettingsError`` for names that are not there and values a field cannot have.
    """
    known = names()
    for one in given:
        name, text = named_value("--recipe", one, "dssim=0.3")
        if name not in known:
            raise SettingsError(f"--recipe {one}: there is no {name}; there are: {', '.join(known)}")
        own = name.removeprefix("warp.")
        of_warp = own != name
        try:
            change = {own: _value(Warp if of_warp else Recipe, own, text)}
        except ValueError as error:
            raise SettingsError(f"--recipe {one}: {name} is {error}") from error
        recipe = replace(recipe, **({"warp": replace(recipe.warp, **change)} if of_warp else change))
    return recipe


def named_value(option: str, given: str, example: str) -> tuple[str, str]:
    """Name and value of what was ``given`` to an ``option``. Raises ``SettingsError``."""
    name, equals, value = given.partition("=")
    if not equals:
        raise SettingsError(f"{option} {given}: give it as name=value, {example} for example")
    return name, value


def names() -> list[str]:
    """Names of everything in a recipe, as :func:`changed` takes them."""
    own = [known.name for known in fields(Recipe) if known.name != "warp"]
    return own + [f"warp.{known.name}" for known in fields(Warp)]


def _value(owner: type[Recipe] | type[Warp], name: str, text: str) -> Any:
    """What ``text`` says for the field ``name``. Raises ``ValueError`` with what it should be."""
    kind = get_type_hints(owner)[name]
    if kind is str:
        return text
    if kind is bool:
        return _one_of(text, ("true", "false")) == "true"
    if get_origin(kind) is Literal:
        return _one_of(text, get_args(kind))
    if get_origin(kind) is tuple:
        parts, kinds = text.split(","), get_args(kind)
        if len(parts) != len(kinds):
            raise ValueError(f"{len(kinds)} numbers with a comma between them")
        return tuple(_number(name, float, part) for part in parts)
    return _number(name, kind, text)


def _one_of(text: str, words: Sequence[str]) -> str:
    if text not in words:
        raise ValueError(f"one of: {', '.join(words)}")
    return text


def _number(name: str, kind: type[int] | type[float], text: str) -> float:
    least, most = _LEAST.get(name, 0), 1.0 if name in _SHARES else math.inf
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and least <= number <= most):
        limits = f"{least} to {most:g}" if math.isfinite(most) else f"{least} or more"
        raise ValueError(f"a {'whole ' if kind is int else ''}number, {limits}")
    return number
