"""All faces of a faceset as columns of numbers, and measuring them.

``python -m facedouble.studio.faces_columns`` measures them in a process of its own: it takes seconds, and
much memory, for thousands of faces.
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from facedouble.curation.attributes import face_attributes
from facedouble.curation.crop_order import frame_size_of
from facedouble.curation.review import review
from facedouble.errors import FacedoubleError, InputError
from facedouble.faces.clustering import assign_people
from facedouble.faceset.store import Faceset
from facedouble.files import read_regular, write_whole

_NUMBERS = ("frame", "number", "track", "person")
_MEASURES = ("wrong", "yaw", "pitch", "mouth", "eyes", "sharpness", "width", "brightness")
_MOST_CACHED = 1 << 28
_FEW = 3000  # faces that are measured without another process


class Columns(BaseModel):
    """What does not change when crops are moved; ``stamp`` says of which database, and is empty until the
    faces are measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stamp: str
    numbers: dict[str, list[int]]
    measures: dict[str, list[float | None]]
    reasons: dict[int, str]

    @property
    def measured(self) -> bool:
        """Whether it has more than numbers."""
        return bool(self.stamp)

    @property
    def keys(self) -> list[tuple[int, int]]:
        """The numbers of frame and face of each."""
        return list(zip(self.numbers["frame"], self.numbers["number"], strict=True))

    def fits(self, stamp: str) -> bool:
        """Whether it is of that database, and whole."""
        lengths = {len(column) for column in self.numbers.values()}
        lengths |= {len(column) for column in self.measures.values()}
        names = (tuple(self.numbers), tuple(self.measures))
        return self.stamp == stamp and names == (_NUMBERS, _MEASURES) and len(lengths) == 1


def cached_columns(cache: Path, stamp: str) -> Columns | None:
    """What was measured before; ``None`` where it is of another database, or damaged."""
    try:
        found = Columns.model_validate_json(read_regular(cache, _MOST_CACHED))
    except (OSError, ValidationError):
        return None
    return found if found.fits(stamp) else None


def unmeasured_columns(path: Path) -> Columns:
    """What is known of all faces at once: their numbers. Raises ``InputError``."""
    with Faceset.open(path) as store:
        faces = [face for face in store.outline() if face.cropped]
    numbers = {
        "frame": [face.frame_index for face in faces],
        "number": [face.face_index for face in faces],
        "track": [face.track for face in faces],
        "person": [0] * len(faces),
    }
    measures: dict[str, list[float | None]] = {name: [None] * len(faces) for name in _MEASURES}
    return Columns(stamp="", numbers=numbers, measures=measures, reasons={})


def measured_columns(path: Path, stamp: str, cache: Path, count: int) -> Columns:
    """Measure the ``count`` faces of the faceset ``path``, and keep it in the file ``cache``. Raises
    ``FacedoubleError``."""
    if count <= _FEW:
        return _measure_and_keep(path, stamp, cache)
    command = [sys.executable, "-m", "facedouble.studio.faces_columns", str(path), stamp, str(cache)]
    # In a session of its own, so that Ctrl-C for the studio is not one for it.
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=False
    )
    found = cached_columns(cache, stamp)
    if done.returncode or found is None:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FacedoubleError(
            f"the faces cannot be measured: {said[-1] if said else 'no reason given'}"[:500]
        )
    return found


def _measure_and_keep(path: Path, stamp: str, cache: Path) -> Columns:
    columns = _measure(path, stamp)
    cache.parent.mkdir(exist_ok=True)
    write_whole(cache, columns.model_dump_json().encode())
    return columns


def _measure(path: Path, stamp: str) -> Columns:
    with Faceset.open(path) as store:
        # By likeness alone: what people are called changes without being measured anew.
        faces = [face.with_(person=None) for face in store.all_faces() if face.cropped]
        size = frame_size_of(store)
    people = assign_people(faces)
    suspects = {suspect.face.key: suspect for suspect in review(faces, size)}
    numbers = {
        "frame": [face.frame_index for face in faces],
        "number": [face.face_index for face in faces],
        "track": [face.track for face in faces],
        "person": [int(people[face.key]) for face in faces],
    }
    found = face_attributes(faces) if faces else None
    measures: dict[str, list[float | None]] = {
        "wrong": [round(suspects[it.key].score, 2) if it.key in suspects else 0.0 for it in faces]
    }
    for name in _MEASURES[1:]:
        values = [] if found is None else np.asarray(getattr(found, name)).tolist()
        measures[name] = [round(value, 3) if math.isfinite(value) else None for value in values]
    reasons = {n: suspects[face.key].text for n, face in enumerate(faces) if face.key in suspects}
    return Columns(stamp=stamp, numbers=numbers, measures=measures, reasons=reasons)


def main(arguments: list[str]) -> int:
    """Measure the faceset of the first argument, for the stamp and the file of the others."""
    path, stamp, cache = arguments
    try:
        _measure_and_keep(Path(path), stamp, Path(cache))
    except InputError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
