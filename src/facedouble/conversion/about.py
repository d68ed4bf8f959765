"""What decides the result of a conversion: what an earlier run left is only taken up when it is the same."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facedouble._version import __version__
from facedouble.config import ConvertSettings
from facedouble.conversion.plan import FacePlan
from facedouble.conversion.swapper import Swapper
from facedouble.video.source import source_hash

_FORMAT = 1
_WITHOUT_EFFECT = ("overwrite", "keep_going", "batch_size", "threads")


def about(
    source_sha256: str, swapper: Swapper, plan: FacePlan | None, settings: ConvertSettings
) -> dict[str, Any]:
    """A description, of JSON's types, that is different whenever the frames written would be. ``plan`` is
    that of the faceset that was given; without one the source and the settings decide it."""
    how = {key: value for key, value in asdict(settings).items() if key not in _WITHOUT_EFFECT}
    return {
        "format": _FORMAT,
        "program": __version__,
        "source": source_sha256,
        "model": swapper.card.saves[0].weights_sha256,
        "numbers": f"{swapper.device.type} {swapper.precision}",
        "faces": None if plan is None else _digest(plan),
        "matte": None if settings.matte is None else source_hash(settings.matte),
        "settings": {key: _plain(value) for key, value in how.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _digest(plan: FacePlan) -> str:
    digest = hashlib.sha256()
    for index in sorted(plan.faces):
        for item in plan.faces[index]:
            face = item.face
            digest.update(repr((*face.key, face.crop_size, face.track)).encode())
            for array in (face.alignment, face.smoothed, item.colour, item.outline):
                digest.update(array.tobytes())
    return digest.hexdigest()
