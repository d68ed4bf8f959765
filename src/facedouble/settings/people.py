"""Whose faces are meant."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from facedouble.settings.base import Files, Integers, Settings, field, problem

_THRESHOLD = 0.6


class FaceChoice(Settings):
    """Which people's faces are taken, by pictures of them."""

    filter: Files = field((), "picture of a person wanted; repeatable", short="-f")
    nfilter: Files = field((), "picture of a person not wanted; repeatable", short="-n")
    threshold: float = field(
        _THRESHOLD,
        "largest distance between descriptors at which a face is taken for the person of a picture",
        option="ref-threshold",
        short="-l",
        min=0,
    )

    @model_validator(mode="after")
    def _pictures(self) -> Self:
        if self.threshold != _THRESHOLD and not (self.filter or self.nfilter):
            raise problem("threshold", "has no effect without pictures of people (`filter`, `nfilter`)")
        return self


class TrackChoice(FaceChoice):
    """Which people's faces are replaced, by pictures of them or by track."""

    track: Integers = field((), "replace only the faces of this track of the faceset; repeatable")
