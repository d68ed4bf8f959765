"""What a model records of the geometry that its decoder is told, so that conversion tells the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facedouble.errors import ModelError
from facedouble.faces.geometry import Geometry
from facedouble.faces.registry import GEOMETRIES


def geometry_record(geometry: Geometry) -> dict[str, Any]:
    """Scheme, version and names of the components, as plain values."""
    return {
        "landmarks": geometry.name,
        "version": geometry.version,
        "components": list(geometry.components),
    }


def check_geometry_record(record: Mapping[str, Any] | None, scheme: str | None) -> None:
    """Raise ``ModelError`` unless a model's ``record`` is what is known here of the geometry of ``scheme``,
    ``None`` for a model that is told nothing."""
    known = None if scheme is None else geometry_record(GEOMETRIES[scheme])
    if record == known:
        return
    if record is not None and known is not None and record["version"] != known["version"]:
        raise ModelError(
            f"this model was told what faces do in version {record['version']} of the geometry of {scheme}, "
            f"and this program knows version {known['version']}; train it anew"
        )
    raise ModelError("what the model records of geometry does not fit its architecture")
