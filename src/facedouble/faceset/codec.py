"""The one description of what a faceset stores.

Each field of a face, a frame, a source, a handover and a layer is described once, with its kind, limits and
place. From this follow the SQL tables (:mod:`.schema`), rows and back, the record inside a crop's PNG
(:mod:`.record`), and exports. To add a field: add it to the dataclass and to its list here, and add a
migration to :mod:`.schema`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar, get_args

from facedouble.faces.tracks import Handover
from facedouble.faceset.kinds import (
    Array,
    FileName,
    Flag,
    JsonObject,
    Kind,
    Number,
    OneOf,
    Points,
    Ratio,
    Rectangle,
    SchemeName,
    Text,
    Whole,
)
from facedouble.types import Face, FaceStatus, Origin

T = TypeVar("T")

_INDEX = 2**31
_TIME = 2**62
_FAR = 1e6  # pixels
_EDGES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The clip or folder that a faceset was made from, and what it was made with.

    ``sha256`` identifies the content, see :func:`facedouble.video.source.source_hash`. ``width`` and
    ``height`` are those of the (first) frame in pixels; ``time_base`` is in seconds per unit of ``pts``.
    """

    path: str
    sha256: str
    width: int
    height: int
    time_base: Fraction
    settings: Mapping[str, object]
    program: str


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


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in the dataclass, and in JSON; its kind; a note for people who read the SQL.

    ``column`` is its name in SQL where that differs. ``in_record`` is whether it goes into a crop's record.
    ``by_hand`` is whether it belongs to what a person sets when they correct landmarks.
    """

    name: str
    kind: Kind
    note: str = ""
    nullable: bool = False
    column: str = ""
    in_record: bool = True
    by_hand: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return _EDGES if isinstance(self.kind, Rectangle) else (self.column or self.name,)


class Codec(Generic[T]):
    """Writes and reads values of one dataclass by its ``fields``; ``key`` names those of the primary key."""

    def __init__(self, cls: type[T], table: str, key: Sequence[str], fields: Sequence[Field]) -> None:
        self.cls, self.table, self.key, self.fields = cls, table, tuple(key), tuple(fields)
        self.columns = tuple(column for field in fields for column in field.columns)

    # -- SQL ---------------------------------------------------------------------------------------

    def create_table(self, *constraints: str) -> str:
        """The statement that creates the table."""
        width = max(len(column) for column in self.columns)
        lines = []
        for field in self.fields:
            for column in field.columns:
                null = "" if field.nullable else " NOT NULL"
                note = f"  -- {field.note}" if field.note and column == field.columns[0] else ""
                lines.append((f"    {column:<{width}} {field.kind.sql}{null}", note))
        lines += [
            (f"    {text}", "") for text in (f"PRIMARY KEY ({', '.join(self._key_columns)})", *constraints)
        ]
        body = "\n".join(f"{text},{note}" for text, note in lines[:-1])
        return f"CREATE TABLE {self.table} (\n{body}\n{lines[-1][0]}\n) WITHOUT ROWID"

    @property
    def select(self) -> str:
        """The query for all rows, in order of their keys."""
        return f"SELECT {', '.join(self._quoted)} FROM {self.table} ORDER BY {', '.join(self._key_columns)}"

    @property
    def upsert(self) -> str:
        """The statement that writes one row, over the one with its key if there is one.

        What was set by hand stays as it is.
        """
        changes = []
        for field in self.fields:
            if field.name in self.key:
                continue
            for column in map(_quote, field.columns):
                value = f"excluded.{column}"
                if field.by_hand:
                    value = f"CASE WHEN {self.table}.edited THEN {self.table}.{column} ELSE {value} END"
                changes.append(f"{column} = {value}")
        marks = ", ".join("?" * len(self.columns))
        return (
            f"INSERT INTO {self.table} ({', '.join(self._quoted)}) VALUES ({marks}) "
            f"ON CONFLICT ({', '.join(self._key_columns)}) DO UPDATE SET {', '.join(changes)}"
        )

    def to_row(self, value: T) -> tuple[Any, ...]:
        """The values of :attr:`columns`. Raises ``ValueError`` for a value that could not be read again."""
        row: list[Any] = []
        known = self._known(value)
        for field in self.fields:
            found = self._write(field, known, field.kind.to_sql)
            row.extend(found if isinstance(field.kind, Rectangle) and found is not None else (found,))
        return tuple(row)

    def from_row(self, row: Sequence[Any], **more: object) -> T:
        """The value of a row of :attr:`columns`; ``more`` are fields that are not stored. Raises
        ``ValueError``."""
        known: dict[str, Any] = {}
        cells: Iterator[Any] = iter(row)
        for field in self.fields:
            cell = [next(cells) for _ in _EDGES] if isinstance(field.kind, Rectangle) else next(cells)
            known[field.name] = self._read(field, cell, known, field.kind.from_sql)
        return self.cls(**known, **more)

    def from_rows(self, rows: Sequence[Sequence[Any]]) -> list[T]:
        """The values of many rows."""
        return [self.from_row(row) for row in rows]

    # -- JSON --------------------------------------------------------------------------------------

    def to_json(self, value: T, *, leave_out: Iterable[str] = ()) -> dict[str, Any]:
        """The fields of a crop's record, exact to the bit. Raises ``ValueError``."""
        known = self._known(value)
        return {
            field.name: self._write(field, known, field.kind.to_json)
            for field in self._record_fields(leave_out)
        }

    def from_json(self, data: Any, **more: object) -> T:
        """The value of :meth:`to_json`; ``more`` are fields that it left out. Raises ``ValueError``, for a
        field too many or too few as well."""
        known: dict[str, Any] = dict(more)
        fields = list(self._record_fields(more))
        names = {field.name for field in fields}
        wrong = sorted(names ^ data.keys()) if isinstance(data, dict) else ["object"]
        if wrong:
            raise ValueError(f"{self.table}: unknown or missing {wrong[0][:40]}")
        for field in fields:
            known[field.name] = self._read(field, data[field.name], known, field.kind.from_json)
        return self.cls(**known)

    def to_plain(self, value: T) -> dict[str, Any]:
        """All fields as JSON that other programs read: arrays are nested lists."""
        known = self._known(value)
        return {field.name: self._write(field, known, field.kind.to_plain) for field in self.fields}

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _quoted(self) -> list[str]:
        return [_quote(column) for column in self.columns]

    @property
    def _key_columns(self) -> list[str]:
        return [_quote(field.columns[0]) for field in self.fields if field.name in self.key]

    def _record_fields(self, leave_out: Iterable[str]) -> Iterator[Field]:
        without = set(leave_out)
        return (field for field in self.fields if field.in_record and field.name not in without)

    def _known(self, value: T) -> dict[str, Any]:
        return {field.name: getattr(value, field.name) for field in self.fields}

    def _write(self, field: Field, known: dict[str, Any], write: Any) -> Any:
        return self._read(field, known[field.name], known, write)

    def _read(self, field: Field, data: Any, known: dict[str, Any], read: Any) -> Any:
        if data is None and field.nullable:
            return None
        try:
            return read(data, known)
        except ValueError as error:
            raise ValueError(f"{self.table}: {field.name} has a wrong value") from error


def _quote(name: str) -> str:
    return f'"{name}"'


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
        Field("edited", Flag(), "1 if a person set the landmarks", by_hand=True),
        Field("alignment", _ALIGNMENT, "2x3 float64, frame pixels to crop pixels", by_hand=True),
        Field("crop_size", Whole(16, 4096), "side of the crop in pixels", by_hand=True),
        Field(
            "descriptor", Array("<f4", (128,), 100), "float32; some faces of a track have one", nullable=True
        ),
        Field("expression", Array("<f4", (None,), 100), "float32 values, such as blendshapes", nullable=True),
        Field("sharpness", Number(0, 1e9), "variance of the Laplacian of the crop's luma"),
        Field("colour", Array("<f4", (2, 3), 2), "2x3 float32: mean, deviation of R, G, B", nullable=True),
        Field("motion", _MATRIX, "2x3 float64, from the previous frame to this one", nullable=True),
        Field("tracklet", Whole(-1, _TIME), "faces followed from frame to frame"),
        Field("track", Whole(-1, _TIME), "tracklets of one person, joined"),
        Field("rotation", Whole(-360, 360), "degrees the frame was turned to find the face"),
        Field("origin", OneOf(get_args(Origin)), "detected, followed or filled"),
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
