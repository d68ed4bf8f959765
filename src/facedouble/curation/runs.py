"""Faces that look wrong for one reason, frame after frame: shown once, as one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facedouble.curation.review import Suspicion
from facedouble.faceset.store import crop_name
from facedouble.types import Face


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring faces of one track that look wrong for one reason, and the worst of them."""

    worst: Suspicion
    first: Face
    last: Face
    count: int

    @property
    def name(self) -> str:
        """What --remove knows it by: the crop, or the first and the last one."""
        first, last = (crop_name(*face.key).removesuffix(".png") for face in (self.first, self.last))
        return first if self.count == 1 else f"{first}..{last}"


def runs(found: Sequence[Suspicion], faces: Sequence[Face]) -> list[Run]:
    """Suspicions, worst first, as runs, those with the worst face first.

    ``faces`` are those among which the faces found are neighbours, in order of frames.
    """
    suspicions = {suspicion.face.key: suspicion for suspicion in found}
    open_runs: dict[int, list[Suspicion]] = {}  # of each track, the one its last face belongs to
    groups: list[list[Suspicion]] = []
    for face in faces:
        suspicion = suspicions.get(face.key)
        if suspicion is None:
            open_runs.pop(face.track, None)
            continue
        group = open_runs.get(face.track)
        if group is None or group[-1].reasons[0].check != suspicion.reasons[0].check:
            group = open_runs[face.track] = []
            groups.append(group)
        group.append(suspicion)
    rank = {suspicion.face.key: number for number, suspicion in enumerate(found)}
    result = []
    for group in groups:
        worst = min(group, key=lambda suspicion: rank[suspicion.face.key])
        result.append(Run(worst, group[0].face, group[-1].face, len(group)))
    return sorted(result, key=lambda run: rank[run.worst.face.key])
