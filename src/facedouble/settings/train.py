"""How a model is trained: which one, by what recipe, and when to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import model_validator

from facedouble.models.registry import MODELS
from facedouble.settings.base import File, Files, FromRegistry, Settings, field, problem
from facedouble.settings.compute import TrainCompute
from facedouble.settings.recipe import Recipe
from facedouble.settings.tree import overlay
from facedouble.training.registry import RECIPES

if TYPE_CHECKING:
    from facedouble.models.base import SwapModel

DEFAULT_MODEL = "quick"


class Architecture(Settings):
    """A model and the arguments of its own. Each model's file has its class; ``models/registry.py`` names
    them."""

    kind: str

    def build(self) -> SwapModel:
        """A new network of this architecture, with random weights."""
        raise NotImplementedError


class Limits(Settings):
    """When training stops: at whichever limit comes first. Without one, when told to."""

    minutes: float = field(0.0, "stop after this many minutes, 0 for no limit", unit="minutes", min=0)
    iterations: int = field(0, "stop at this iteration, 0 for no limit", unit="iterations", min=0)
    target_loss: float = field(
        0.0, "stop when the smoothed losses of both sides are below this, 0 for no limit", min=0
    )
    patience: int = field(
        0,
        "stop when held-out faces have not improved for so many iterations, 0 for no limit",
        unit="iterations",
        min=0,
    )


class Saving(Settings):
    """How often the model is saved."""

    interval: int = field(
        100, "iterations between saves, 0 for no such interval", option="save-interval", short="-s",
        unit="iterations", min=0,
    )  # fmt: skip
    minutes: float = field(
        3.0,
        "minutes between saves at most, 0 for no such limit",
        option="save-minutes",
        unit="minutes",
        min=0,
    )


class Monitor(Settings):
    """What is shown while training goes on."""

    write_image: bool = field(
        True, "draw preview.png, losses.png and the time-lapse at every save", short="-w"
    )
    preview: bool = field(False, "show the preview in a window, redrawn every half minute", short="-p")
    measure: bool = field(True, "measure the model on held-out faces now and then")


class TrainSettings(Settings):
    """How a model is trained.

    ``recipe`` is the model's own preset where it is not given; plain values change fields of that preset.
    """

    architecture: Annotated[Architecture, FromRegistry(MODELS, DEFAULT_MODEL)] = field(
        None, "model to train", option="trainer", short="-t"
    )
    recipe: Recipe = field(None, "how it is trained; the model's own recipe if not given", hidden=True)
    from_model: File | None = field(None, "start from the weights of another pair's model", option="from")
    freeze_encoder: bool = field(False, "freeze the encoder; train only the decoders")
    balance_poses: bool = field(False, "draw faces so that each pose is equally frequent")
    limits: Limits = field(Limits(), "when to stop")
    saving: Saving = field(Saving(), "how often to save")
    monitor: Monitor = field(Monitor(), "what is shown meanwhile")
    compute: TrainCompute = field(TrainCompute(), "where and how the numbers are worked out")
    seed: int = field(0, "seed of all random choices")
    dry_run: bool = field(False, "only say how much memory and time it would take; nothing is written")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        architecture = values.get("architecture") or {"kind": DEFAULT_MODEL}
        kind = architecture.get("kind") if isinstance(architecture, Mapping) else architecture.kind
        recipe = values.get("recipe") or {}
        if isinstance(recipe, Mapping):
            # An unknown model is refused with its architecture.
            preset = RECIPES[kind if isinstance(kind, str) and kind in MODELS else DEFAULT_MODEL]
            recipe = overlay(Recipe, preset.model_dump(), recipe)
        return {**values, "architecture": architecture, "recipe": recipe}

    @model_validator(mode="after")
    def _measured(self) -> Self:
        saves = self.saving.interval or self.saving.minutes
        if self.limits.patience and not (self.monitor.measure and saves):
            raise problem("limits.patience", "needs `monitor.measure` and saves, at which it is measured")
        return self


class TrainCommand(TrainSettings):
    """Train a model on the faces of two people, or train it further."""

    a: Files = field(help="faceset of A, whose face is replaced; repeatable", option="A")
    b: Files = field(help="faceset of B, whose face is put there; repeatable", option="B")
    model: File = field(help="folder of the model, new or to resume", short="-m")
