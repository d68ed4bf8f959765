"""What a writer of another program's files is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedouble.faceset.codec import FrameRecord
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.types import Face


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A faceset, its ``faces`` in use with landmarks of dlib68, and all its frames by number. What a format
    does not hold is counted in ``left_out``."""

    faceset: Faceset
    faces: Sequence[Face]
    frames: Mapping[int, FrameRecord]
    left_out: Counter[str]
    run: Run

    def stored(self, points: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Points (N, 2) of the frame as it is shown, in the pixels that it is stored with."""
        index = self.faceset.source.index
        exact = points.astype(np.float64)
        if index is None or index.info.shown_size == (index.info.width, index.info.height):
            return exact
        factor = np.divide((index.info.width, index.info.height), index.info.shown_size)
        return np.asarray((exact + 0.5) * factor - 0.5)

    def to_crop(self, face: Face) -> npt.NDArray[np.float64]:
        """The matrix (3, 3) from stored pixels of the frame to the crop of a face."""
        corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
        stored, shown = (np.column_stack([points, np.ones(3)]) for points in (self.stored(corners), corners))
        shown_from_stored = (np.linalg.inv(stored) @ shown).T
        return np.asarray(np.vstack([face.alignment, (0, 0, 1)]) @ shown_from_stored)

    def layer(self, face: Face, kind: str) -> Any:
        """A layer of a face, ``None`` if it has none."""
        has = any(layer.kind == kind for layer in self.faceset.layers(face))
        return self.faceset.read_layer(face, kind) if has else None
