"""What a browser sends of an edit, and its limits."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from facedouble.errors import InputError
from facedouble.faceset.layer_kinds import MOST_POINTS, MOST_POLYGONS, Polygon
from facedouble.studio.calls import Body

_Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
_Point = Annotated[list[_Coordinate], Field(min_length=2, max_length=2)]
_Matrix = Annotated[
    list[Annotated[list[_Coordinate], Field(min_length=3, max_length=3)]], Field(min_length=2, max_length=2)
]
_Number = Annotated[int, Field(ge=0, le=1 << 31)]

What = Literal["points", "crop", "mask"]


class PointsEdit(Body):
    """Some landmarks, moved by a similarity in frame pixels."""

    kind: Literal["points"]
    points: Annotated[list[_Number], Field(min_length=1, max_length=10_000)]
    matrix: _Matrix


class CropEdit(Body):
    """The square of the crop, moved by a similarity in frame pixels; without one it follows the landmarks."""

    kind: Literal["crop"]
    matrix: _Matrix | None


class Outline(Body):
    """A polygon in frame pixels."""

    include: bool
    points: Annotated[list[_Point], Field(min_length=3, max_length=MOST_POINTS)]


class PolygonsEdit(Body):
    """All polygons of a face, in place of those it has."""

    kind: Literal["polygons"]
    polygons: Annotated[list[Outline], Field(max_length=MOST_POLYGONS)]

    def value(self) -> tuple[Polygon, ...]:
        return tuple(Polygon(points(outline.points), outline.include) for outline in self.polygons)


class StrokeEdit(Body):
    """A stroke of the brush: its path and radius in frame pixels."""

    kind: Literal["stroke"]
    path: Annotated[list[_Point], Field(min_length=1, max_length=MOST_POINTS)]
    radius: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
    softness: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    include: bool


class MaskEdit(Body):
    """The mask as it is becomes the person's own (``adopt``), nothing is in front of the face (``visible``),
    or mask and polygons are taken out (``clear``)."""

    kind: Literal["adopt", "visible", "clear"]


class CopyEdit(Body):
    """What another frame of the track has."""

    kind: Literal["copy"]
    what: What
    source: _Number


class CarryEdit(Body):
    """Carry what this face has along its track, up to a frame of it."""

    kind: Literal["carry"]
    what: Literal["points", "mask"]
    to: _Number


Edit = PointsEdit | CropEdit | PolygonsEdit | StrokeEdit | MaskEdit | CopyEdit | CarryEdit


class EditBody(Body):
    """An edit of a face, by its numbers of frame and face."""

    frame: _Number
    number: _Number
    edit: Annotated[Edit, Field(discriminator="kind")]


def points(found: list[list[float]]) -> npt.NDArray[np.float64]:
    """Points (N, 2) of what was sent. Raises ``InputError``."""
    result = np.array(found, dtype=np.float64)
    if result.ndim != 2 or result.shape[1] != 2:
        raise InputError("a point is two numbers")
    return result
