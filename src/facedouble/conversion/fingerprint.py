"""The fingerprint of a conversion: everything that determines its output. An interrupted run is resumed
only when the fingerprints match."""

from __future__ import annotations

import hashlib
from typing import Any

from facedouble._version import __version__
from facedouble.conversion.plan import ConversionPlan
from facedouble.conversion.swapper import Swapper
from facedouble.occlusion.weight_files import weights_digest
from facedouble.settings.convert import ConvertSettings, FoundOcclusion
from facedouble.video.colour_management import colour_fingerprint
from facedouble.video.hashing import source_hash

_FORMAT = 1
_NO_EFFECT_ON_OUTPUT = {"overwrite", "keep_going", "compute", "reading"}


def conversion_fingerprint(
    source_sha256: str, swapper: Swapper, faces: str | None, settings: ConvertSettings
) -> dict[str, Any]:
    """A JSON-serialisable description that differs whenever the frames written would differ. ``faces`` is the
    digest of those in the faceset the user gave; without one, source and settings determine them."""
    relevant = {key: value for key, value in settings.dump().items() if key not in _NO_EFFECT_ON_OUTPUT}
    cut = None if settings.frames is None else settings.frames.cut
    return {
        "format": _FORMAT,
        "program": __version__,
        "source": source_sha256,
        "model": swapper.fingerprint,
        "numerics": swapper.network.numerics,
        "faces": faces,
        "cut": None if cut is None else source_hash(cut),
        "occlusion": _occlusion(settings),
        "matte": None if settings.matte is None else source_hash(settings.matte),
        "video_stream": settings.reading.video_stream,
        "colours": colour_fingerprint(settings.reading),
        "image_fps": settings.reading.image_fps,
        "settings": relevant,
    }


def _occlusion(settings: ConvertSettings) -> list[str | None]:
    """The weights of each occlusion network that the settings name."""
    chosen = [settings.occlusion, *(override.occlusion for override in settings.overrides)]
    return [
        weights_digest(how.network) if isinstance(how, FoundOcclusion) and how.network is not None else None
        for how in chosen
    ]


def faces_digest(plan: ConversionPlan) -> str:
    """SHA-256 of the faces of a plan, as the faceset has them."""
    digest = hashlib.sha256(plan.masks.encode())
    for index in sorted(plan.faces):
        for planned in plan.faces[index]:
            face = planned.face
            digest.update(repr((*face.key, face.crop_size, face.track)).encode())
            for array in (face.alignment, face.smoothed, planned.statistics, planned.outline):
                digest.update(array.tobytes())
            if planned.geometry is not None:
                digest.update(planned.geometry.tobytes())
    return digest.hexdigest()
