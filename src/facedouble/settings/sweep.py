"""Variants of one training and its conversion."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from pydantic import model_validator

from facedouble.errors import SettingsError
from facedouble.settings.base import File, Files, Settings, Texts, field
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.files import parse_assignment
from facedouble.settings.train import Limits, TrainSettings
from facedouble.settings.tree import overlay

_MOST = 200  # variants


class SweepCommand(Settings):
    """Train variants of a model of two people, convert a clip with each, and compare the results."""

    a: Files = field(help="faceset of A, whose face is replaced; repeatable", option="A")
    b: Files = field(help="faceset of B, whose face is put there; repeatable", option="B")
    source: File = field(help="clip that each of them converts", option="input", short="-i")
    faceset: File = field(help="faceset of this very clip", short="-a")
    output: File = field(help="folder for models, results and the report", short="-o")
    vary: Texts = field(
        help="a setting and its values: train.seed=1,2,3 or convert.retargeting=0,1; repeat it for all "
        "combinations",
    )
    limits: Limits = field(Limits(minutes=10.0), "when each training stops")
    train: TrainSettings = field(None, "what all trainings have in common", hidden=True)
    convert: ConvertSettings = field(None, "what all conversions have in common", hidden=True)

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: dict[str, object]) -> dict[str, object]:
        return {"train": {}, "convert": {}, **values}

    def variants(self) -> Iterator[tuple[str, TrainSettings, ConvertSettings]]:
        """What is varied, in words, and the settings: one for each combination. Raises ``SettingsError``."""
        choices = [_choices(text) for text in self.vary]
        if prod(map(len, choices)) > _MOST:
            raise SettingsError("vary", problem=f"there would be more than {_MOST} variants")
        for chosen in product(*choices):
            values = {"train": self.train.model_dump(), "convert": self.convert.model_dump()}
            values["train"]["limits"] = self.limits.model_dump()
            for text in chosen:
                part, _, rest = text.partition(".")
                kind: type[Settings] = TrainSettings if part == "train" else ConvertSettings
                values[part] = overlay(kind, values[part], parse_assignment(rest))
            name = ", ".join(text.partition(".")[2] for text in chosen)
            yield name, TrainSettings.read(values["train"]), ConvertSettings.read(values["convert"])


def _choices(text: str) -> list[str]:
    """``train.seed=1,2`` as ``train.seed=1`` and ``train.seed=2``."""
    name, equals, values = text.partition("=")
    if not equals or name.partition(".")[0] not in ("train", "convert") or "." not in name:
        raise SettingsError("vary", text, "is not such as train.seed=1,2,3 or convert.retargeting=0,1")
    return [f"{name}={value.strip()}" for value in values.split(",")]
