"""Which architecture a training builds: that of the settings, told what faces do where the recipe says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from facedouble.errors import SettingsError
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.store import Faceset
from facedouble.models import checkpoint
from facedouble.settings.train import Architecture, TrainSettings
from facedouble.types import Side

_FIELD = "geometry"


def resolve_architecture(
    settings: TrainSettings, facesets: Mapping[Side, Sequence[Path]], folder: Path
) -> Architecture:
    """The architecture to build. Whether a model is told what faces do, and by which landmarks, is settled
    when it is made: by the landmarks of its facesets, of several schemes by the points that all have. A model
    in ``folder``, or one to start from, stays what it is.

    Raises ``SettingsError`` if the recipe wants it of a model that cannot be told.
    """
    architecture = settings.architecture
    if _FIELD not in type(architecture).model_fields:
        if settings.recipe.geometry:
            raise SettingsError("recipe.geometry", True, f"{architecture.kind} cannot be told what faces do")
        return architecture
    if getattr(architecture, _FIELD) is not None:
        return architecture
    for made in (folder, settings.from_model):
        if made is not None and checkpoint.exists(made):
            there = checkpoint.read_card(made).read_architecture()
            return architecture.replace(geometry=getattr(there, _FIELD, None))
    return architecture.replace(geometry=_scheme(facesets)) if settings.recipe.geometry else architecture


def _scheme(facesets: Mapping[Side, Sequence[Path]]) -> str | None:
    """The scheme of all faces; the one that all have points of, where there are several; ``None`` if there is
    no face."""
    schemes = set()
    for paths in facesets.values():
        for path in paths:
            with Faceset.open(path) as faceset:
                schemes |= {face.scheme for face in faceset.faces()}
    return DLIB68.name if len(schemes) > 1 else next(iter(schemes), None)
