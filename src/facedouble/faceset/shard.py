"""What one worker found in a segment of a clip: a value that is merged into a faceset, or sent as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from facedouble.errors import InputError
from facedouble.faces.tracks import Handover
from facedouble.faceset.codec import FACE, FRAME, HANDOVER, FrameRecord
from facedouble.faceset.table import Codec
from facedouble.json_data import parse_json
from facedouble.types import Face

_VERSION = 2
_PARTS: dict[str, Codec[Any]] = {"frames": FRAME, "faces": FACE, "handovers": HANDOVER}


@dataclass(frozen=True, slots=True)
class Shard:
    """Frames that were processed, the faces on them, and the tracklets that continue in the next segment.

    Merging the same shard twice changes nothing, so work that was handed out twice does no harm.
    """

    frames: tuple[FrameRecord, ...]
    faces: tuple[Face, ...]
    handovers: tuple[Handover, ...]

    def to_json(self) -> str:
        """The shard as one line of JSON, exact to the bit."""
        parts = {
            name: [codec.to_json(value) for value in getattr(self, name)] for name, codec in _PARTS.items()
        }
        return json.dumps({"facedouble_shard": _VERSION, **parts}, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Shard:
        """The shard that :meth:`to_json` wrote. Raises ``InputError`` for anything else."""
        try:
            data = parse_json(text)
            if not isinstance(data, dict) or data.pop("facedouble_shard", None) != _VERSION:
                raise ValueError("it is of another program or version")
            if data.keys() != _PARTS.keys() or not all(isinstance(part, list) for part in data.values()):
                raise ValueError("it has a part too many or too few")
            parts = {
                name: tuple(codec.from_json(entry) for entry in data[name]) for name, codec in _PARTS.items()
            }
            indices = {frame.index for frame in parts["frames"]}
            if any(face.frame_index not in indices for face in parts["faces"]):
                raise ValueError("it has a face on a frame that is not in it")
        except (ValueError, RecursionError) as error:
            raise InputError(f"this shard cannot be used: {error}") from error
        return cls(**parts)
