"""Consecutive faces that look wrong for the same reason, as one span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facedouble.curation.review import SuspectFace
from facedouble.faceset.layout import crop_name
from facedouble.types import Face


@dataclass(frozen=True, slots=True)
class SuspectSpan:
    """Consecutive faces of a track that look wrong for the same reason, and the worst of them."""

    worst: SuspectFace
    first: Face
    last: Face
    count: int

    @property
    def name(self) -> str:
        """How :func:`.selection.select` names it: by its crop, or by its first and last one."""
        first, last = (crop_name(*face.key).removesuffix(".png") for face in (self.first, self.last))
        return first if self.count == 1 else f"{first}..{last}"


def suspect_spans(found: Sequence[SuspectFace], faces: Sequence[Face]) -> list[SuspectSpan]:
    """Spans of the suspect faces ``found``, the one with the worst face first.

    ``found`` is sorted, worst first. ``faces`` in order of frames says which faces are consecutive.
    """
    suspects = {suspect.face.key: suspect for suspect in found}
    open_spans: dict[int, list[SuspectFace]] = {}  # of each track, the one its last face belongs to
    groups: list[list[SuspectFace]] = []
    for face in faces:
        suspect = suspects.get(face.key)
        if suspect is None:
            open_spans.pop(face.track, None)
            continue
        group = open_spans.get(face.track)
        if group is None or group[-1].reasons[0].check != suspect.reasons[0].check:
            group = open_spans[face.track] = []
            groups.append(group)
        group.append(suspect)
    rank = {suspect.face.key: number for number, suspect in enumerate(found)}
    result = []
    for group in groups:
        worst = min(group, key=lambda suspect: rank[suspect.face.key])
        result.append(SuspectSpan(worst, group[0].face, group[-1].face, len(group)))
    return sorted(result, key=lambda span: rank[span.worst.face.key])
