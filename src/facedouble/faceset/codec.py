"""The one description of what a faceset stores.

Each field of a face, a frame, a source, a handover and a layer is described once, with its kind, limits and
place. From this follow (:mod:`.table`) the SQL tables, rows and back, the record inside a crop's PNG, shards
and exports. To add a field: add it to the dataclass and to its list here, and add a
migration to :mod:`.schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

from facedouble.faces.tracks import Handover
from facedouble.faceset.array_kinds import Array, Depths, Points
from facedouble.faceset.kinds import (
    FileName,
    Flag,
    IndexText,
    JsonObject,
    Number,
    OneOf,
    Ratio,
    Rectangle,
    SchemeName,
    Text,
    Whole,
)
from facedouble.faceset.table import Codec, Field
from facedouble.types import Face, FaceStatus, Origin
from facedouble.video.index import SourceIndex

_INDEX = 2**31
_TIME = 2**62
_FAR = 1e6  # pixels


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The clip or folder that a faceset was made from, and what it was made with.

    ``sha256`` identifies the content, see :func:`facedouble.video.source.source_hash`. ``width`` and
    ``height`` are those of the (first) frame as it is shown, in square pixels; ``time_base`` is in seconds
    per unit of ``pts``.
    """

    path: str
    sha256: str
    width: int
    height: int
    time_base: Fraction
    settings: Mapping[str, object]
    program: str
    index: SourceIndex | None = None
    """All its frames by time, keyframes, colours; ``None`` for a damaged source or an old faceset."""

    @property
    def is_squeezed(self) -> bool:
        """Whether the faces are in pixels that are not square, as an earlier version left them."""
        return self.index is not None and self.index.info.shown_size != (self.width, self.height)


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """A frame that extraction has processed.

    ``index`` counts from 0 in presentation order. ``name`` is its file's name if the source is a folder.
    ``ends_shot`` is true for the last frame before a cut. ``problem`` says why the frame could not be read.
    """

    index: int
    pts: int
    name: str | None = None
    ends_shot: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An image of the folder that a faceset was made from: its frame number, its name and its SHA-256."""

    index: int
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Layer:
    """What is known of one layer of a face, see :mod:`.layers`.

    ``maker`` is ``hand``, ``network`` or ``import``; ``maker_name`` and ``maker_version`` are those of the
    network, or of the format it was imported from. ``created`` is a time in ISO 8601 (UTC). The layer was
    made for a crop of side ``crop_size`` with this ``alignment``.
    """

    frame_index: int
    face_index: int
    kind: str
    maker: str
    maker_name: str
    maker_version: str
    created: str
    alignment: Any
    crop_size: int

    @property
    def key(self) -> tuple[int, int]:
        """Frame and face number of its face."""
        return self.frame_index, self.face_index


_MATRIX = Array("<f8", (2, 3), _FAR)
_ALIGNMENT = Array("<f8", (2, 3), _FAR, invertible=True)
_DISTANCE = Number(0, 1e9)

FACE = Codec(
    Face,
    "face",
    ("frame_index", "face_index"),
    (
        Field("frame_index", Whole(0, _INDEX)),
        Field("face_index", Whole(0, 9999), "0 is the largest face of its frame"),
        Field("box", Rectangle(_INDEX), "frame pixels; right and bottom exclusive", by_hand=True),
        Field("confidence", Number(-1e9, 1e9), "on the detector's own scale"),
        Field("scheme", SchemeName(), "landmark scheme", by_hand=True),
        Field(
            "landmarks",
            Points(_FAR),
            "Nx2 float32, frame pixels, measured",
            by_hand=True,
        ),
        Field("smoothed", Points(_FAR), "the same, smoothed along the track", by_hand=True),
        Field(
            "depth",
            Depths(_FAR),
            "N float32, frame pixels, away from the camera",
            nullable=True,
            by_hand=True,
        ),
        Field("edited", Flag(), "1 if a person set the landmarks", by_hand=True),
        Field("alignment", _ALIGNMENT, "2x3 float64, frame pixels to crop pixels", by_hand=True),
        Field("crop_size", Whole(16, 4096), "side of the crop in pixels", by_hand=True),
        Field(
            "descriptor", Array("<f4", (128,), 100), "float32; some faces of a track have one", nullable=True
        ),
        Field(
            "expression",
            Array("<f4", (None,), 100),
            "float32 values, such as blendshapes",
            nullable=True,
            by_hand=True,
        ),
        Field("sharpness", Number(0, 1e9), "variance of the Laplacian of the crop's luma"),
        Field("colour", Array("<f4", (2, 3), 2), "2x3 float32: mean, deviation of R, G, B", nullable=True),
        Field("motion", _MATRIX, "2x3 float64, from the previous frame to this one", nullable=True),
        Field("tracklet", Whole(-1, _TIME), "faces followed from frame to frame"),
        Field("track", Whole(-1, _TIME), "tracklets of one person, joined"),
        Field("rotation", Whole(-360, 360), "degrees the frame was turned to find the face"),
        Field("origin", OneOf(get_args(Origin)), "detected, followed, carried or filled"),
        Field("status", OneOf(get_args(FaceStatus)), "kept, or why not"),
        Field("wanted_distance", _DISTANCE, "to the nearest reference picture", nullable=True),
        Field("unwanted_distance", _DISTANCE, "to the nearest picture of others", nullable=True),
        Field("cropped", Flag(), "1 once its crop was written", in_record=False),
    ),
)

FRAME = Codec(
    FrameRecord,
    "frame",
    ("index",),
    (
        Field("index", Whole(0, _INDEX), "from 0, in presentation order", column="frame_index"),
        Field("pts", Whole(-_TIME, _TIME), "in units of source.time_base seconds"),
        Field("name", FileName(), "file name, if the source is a folder", nullable=True),
        Field("ends_shot", Flag(), "1 for the last frame before a cut"),
        Field("problem", Text(4096), "why it could not be read", nullable=True, in_record=False),
    ),
)

SOURCE = Codec(
    SourceRecord,
    "source",
    ("sha256",),
    (
        Field("path", Text(4096)),
        Field("sha256", Text(64, "[0-9a-f]{64}"), "identifies the content"),
        Field("width", Whole(1, 2**20), "pixels"),
        Field("height", Whole(1, 2**20)),
        Field("time_base", Ratio(), "seconds per unit of pts, such as 1/30000"),
        Field("settings", JsonObject(), "of the extraction, JSON"),
        Field("program", Text(200), "that made the faceset"),
        Field(
            "index",
            IndexText(),
            "times, keyframes, colours, JSON",
            nullable=True,
            column="source_index",
            in_record=False,
        ),
    ),
)

FILE = Codec(
    SourceFile,
    "file",
    ("index",),
    (
        Field("index", Whole(0, _INDEX), "of its frame, from 0", column="frame_index"),
        Field("name", FileName(), "of an image, if the source is a folder"),
        Field("sha256", Text(64, "[0-9a-f]{64}"), "identifies its content"),
    ),
)

HANDOVER = Codec(
    Handover,
    "handover",
    ("tracklet",),
    (
        Field("tracklet", Whole(-1, _TIME), "that continues in the next segment of frames"),
        Field("frame_index", Whole(0, _INDEX), "first frame of that segment"),
        Field("scheme", SchemeName(), "landmark scheme"),
        Field("landmarks", Points(_FAR), "Nx2 float32, frame pixels"),
        Field("motion", _MATRIX, "2x3 float64, to that frame", nullable=True),
    ),
)

LAYER = Codec(
    Layer,
    "layer",
    ("frame_index", "face_index", "kind"),
    (
        Field("frame_index", Whole(0, _INDEX)),
        Field("face_index", Whole(0, 9999)),
        Field("kind", Text(32, "[a-z][a-z0-9_]*"), "file: layers/KIND/000123_0.png"),
        Field("maker", OneOf(("hand", "network", "import")), "hand, network or import"),
        Field("maker_name", Text(100), "of the network, or the format"),
        Field("maker_version", Text(100)),
        Field("created", Text(40, r"[0-9T:.+Z-]{10,40}"), "ISO 8601, UTC"),
        Field("alignment", _ALIGNMENT, "2x3 float64, of the crop it was made for"),
        Field("crop_size", Whole(16, 4096), "side of that crop in pixels"),
    ),
)
