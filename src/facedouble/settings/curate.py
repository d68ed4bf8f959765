"""What is done with the faces of a faceset."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from facedouble.curation.registry import ORDERS
from facedouble.settings.base import Choice, File, OneOf, Settings, Texts, field, problem

_NAMED = "person:1, track:3, a crop (000123_0) or a span of a track (000123_0..000130_0); repeatable"


class Remove(Settings):
    """Move crops to dropped/."""

    kind: Literal["remove"] = "remove"
    remove: Texts = field(help=f"move to dropped/: {_NAMED}")


class Restore(Settings):
    """Move crops back to faces/."""

    kind: Literal["restore"] = "restore"
    restore: Texts = field(help=f"move back to faces/: {_NAMED}")


class Coverage(Settings):
    """A picture of which poses and expressions there are."""

    picture: File = field(
        help="draw which poses and expressions there are and which are missing (.png)", option="coverage"
    )
    against: File | None = field(None, "compare with this faceset, of the other person")


class Curate(Settings):
    """Look through the faces, move some, sort them. With nothing chosen they are only counted."""

    kind: Literal["curate"] = "curate"
    move: Annotated[Remove | Restore | None, OneOf()] = field(None, "crops to move", option="-")
    sort: Annotated[str, Choice(ORDERS)] | None = field(None, "rename the crops in faces/ in order of this")
    review: bool = field(False, "list what looks wrong, worst first, and show it in review.jpg")
    contact_sheet: File | None = field(None, "draw faces into one .jpg or .png, in their present order")
    limit: int | None = field(
        None, "faces that the review (20) or the contact sheet (100) shows at most", unit="faces", min=1
    )
    coverage: Coverage | None = field(None, "a picture of poses and expressions")

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.limit is not None and not (self.review or self.contact_sheet):
            raise problem("limit", "has no effect without `review` or `contact_sheet`")
        return self


class Rebuild(Settings):
    """Make a lost or damaged faceset.sqlite again from the crops."""

    kind: Literal["rebuild"] = "rebuild"
    source: File | None = field(None, "where the clip or folder of images is now, for rebuilding")


class CurateSettings(Settings):
    """What is done with the faces of a faceset."""

    task: Annotated[Curate | Rebuild, OneOf("curate")] = field(
        Curate(),
        "make a lost or damaged faceset.sqlite again from the crops",
        flags={"--rebuild": "rebuild"},
        option="-",
    )


class FacesCommand(CurateSettings):
    """Look through a faceset: what is in it, what looks wrong, what it lacks."""

    faceset: File = field(help="folder that extract made", argument=True, option="FACESET")
