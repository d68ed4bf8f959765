"""Optional layers of a face, such as a mask or outlines drawn by hand.

A layer is one file, ``layers/KIND/000123_0.png``, and one row in the database that says who or what made it,
when, and for which crop. The file carries the same record, so that it speaks for itself where the database is
lost. What :data:`.registry.LAYER_KINDS` names can be stored; :mod:`.layer_kinds` says how.

A person's work is never overwritten by a program: what was made by hand is replaced by hand only, what was
imported also by another import, what a network made by anything.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from facedouble.errors import InputError, OutputError
from facedouble.faceset.codec import LAYER, Layer
from facedouble.faceset.layer_kinds import LayerKind
from facedouble.faceset.layout import LAYERS, crop_name, parse_crop_name
from facedouble.faceset.registry import LAYER_KINDS
from facedouble.files import leads_out, read_regular, write_whole
from facedouble.json_data import parse_json
from facedouble.types import Face
from facedouble.video.images import read_png_comment

_RANK = {"network": 0, "import": 1, "hand": 2}
_MOST_BYTES = 1 << 26
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Maker:
    """Who or what made a layer: a person, a network (its name and version), or an import (the format)."""

    kind: Literal["hand", "network", "import"]
    name: str = ""
    version: str = ""


HAND = Maker("hand")


def made_by(layer: Layer) -> Maker:
    """Who or what made a layer."""
    return Maker(cast("Any", layer.maker), layer.maker_name, layer.maker_version)


class LayerStore:
    """The layers of one faceset; used through :class:`~facedouble.faceset.store.Faceset`."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path, self._database = path, database

    def put(self, face: Face, kind: str, value: Any, maker: Maker) -> bool:
        """Store a layer and commit; False if there is one that ``maker`` must not replace.

        Raises ``InputError`` for a value that is not of this kind.
        """
        spec: LayerKind = LAYER_KINDS[kind]
        layer = Layer(
            frame_index=face.frame_index,
            face_index=face.face_index,
            kind=kind,
            maker=maker.kind,
            maker_name=maker.name,
            maker_version=maker.version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            alignment=face.alignment,
            crop_size=face.crop_size,
        )
        file = layer_file(self._path, face.key, kind)
        try:
            row = LAYER.to_row(layer)
            data = spec.encode(value, encode_layer(layer))
        except ValueError as error:
            raise InputError(f"{file}: {error}") from error
        # The file counts as well: a run may have been killed between writing it and the row.
        present = [*self.list(face.key), *filter(None, [read_layer_record(file)])]
        if any(_RANK[old.maker] > _RANK[maker.kind] for old in present if old.kind == kind):
            return False
        if leads_out(self._path, file.parent):
            raise OutputError(f"{file.parent}: a link that leads out of the faceset")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, data, durable=maker.kind == "hand")
        self._database.execute(LAYER.upsert, row)
        self._database.commit()
        return True

    def restore(self, layer: Layer) -> None:
        """Store the row of a layer whose file is there."""
        self._database.execute(LAYER.upsert, LAYER.to_row(layer))

    def list(self, key: tuple[int, int] | None) -> list[Layer]:
        """What is known of the layers of one face, or of all, in order of frames."""
        if key is None:
            return LAYER.from_rows(self._database.execute(LAYER.select).fetchall())
        query = LAYER.select.replace(" ORDER BY", " WHERE (frame_index, face_index) = (?, ?) ORDER BY")
        return LAYER.from_rows(self._database.execute(query, key).fetchall())

    def read(self, face: Face, kind: str) -> Any:
        """The value of a layer, realigned if the face's alignment has changed since it was made."""
        spec: LayerKind = LAYER_KINDS[kind]
        found = [layer for layer in self.list(face.key) if layer.kind == kind]
        file = layer_file(self._path, face.key, kind)
        if not found:
            raise InputError(f"{file}: this face has no such layer")
        if leads_out(self._path, file.parent):
            raise InputError(f"{file.parent}: a link that leads out of the faceset")
        try:
            value = spec.decode(read_regular(file, _MOST_BYTES))
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise InputError(f"{file}: {error}") from error
        layer = found[0]
        return spec.realign(value, layer.alignment, layer.crop_size, face.alignment, face.crop_size)

    def remove(self, key: tuple[int, int], kind: str) -> None:
        """Delete a layer, whoever made it, and commit."""
        file = layer_file(self._path, key, kind)
        if leads_out(self._path, file.parent):
            raise OutputError(f"{file.parent}: a link that leads out of the faceset")
        file.unlink(missing_ok=True)
        self._database.execute(
            "DELETE FROM layer WHERE (frame_index, face_index, kind) = (?, ?, ?)", (*key, kind)
        )
        self._database.commit()


def layer_file(path: Path, key: tuple[int, int], kind: str) -> Path:
    """The file of a layer of the faceset ``path``. Raises ``SettingsError`` for an unknown kind."""
    return path / LAYERS / kind / Path(crop_name(*key)).with_suffix(LAYER_KINDS[kind].suffix)


def encode_layer(layer: Layer) -> str:
    """The record of a layer that its file carries."""
    return json.dumps({"facedouble_layer": _VERSION, **LAYER.to_json(layer)}, separators=(",", ":"))


def read_layer_record(file: Path) -> Layer | None:
    """The record in the file of a layer, ``None`` if there is no file or none that can be used."""
    try:
        if file.suffix == ".png":
            text = read_png_comment(file)
        else:
            text = parse_json(read_regular(file, _MOST_BYTES))["record"]
        data = parse_json(text) if isinstance(text, str) and len(text) < 1 << 16 else None
        if not isinstance(data, dict) or data.pop("facedouble_layer", None) != _VERSION:
            return None
        return LAYER.from_json(data)
    except (InputError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def layer_records(path: Path) -> Iterator[Layer]:
    """The records of all layer files in the faceset ``path`` that can be used."""
    for kind in LAYER_KINDS:
        folder = path / LAYERS / kind
        if not folder.is_dir() or folder.is_symlink():
            continue
        for file in sorted(folder.iterdir()):
            record = read_layer_record(file)
            if (
                record is not None
                and record.kind == kind
                and parse_crop_name(f"{file.stem}.png") == record.key
            ):
                yield record
