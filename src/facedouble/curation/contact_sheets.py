"""The pictures that curation makes of a faceset: what looks wrong, an overview, what is covered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import cv2
import numpy as np

from facedouble.curation.attributes import face_attributes
from facedouble.curation.coverage import comparison_sentences, coverage_sentences
from facedouble.curation.coverage_chart import coverage_chart
from facedouble.curation.crop_order import in_browsing_order, person_name
from facedouble.curation.drawing import Cell, contact_sheet
from facedouble.curation.suspect_spans import SuspectSpan
from facedouble.errors import InputError
from facedouble.faces.align import map_points
from facedouble.faces.clustering import assign_people
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import Face, Image

_DOT = (40, 230, 90)


def review_sheet(faceset: Faceset, found: Sequence[SuspectSpan]) -> Image:
    """The worst crop of each span that looks wrong, with its landmarks, and the reasons below it."""
    cells = []
    for span in found:
        face = span.worst.face
        image = _with_landmarks(faceset.read_crop(face), face)
        cells.append(Cell(image, span.name.replace("..", " to "), span.worst.text))
    count = sum(span.count for span in found)
    title = f"{shown_name(faceset)}: {count} faces that look wrong, worst first"
    return contact_sheet(cells, title, columns=5, side=256, lines=4)


def faces_sheet(faceset: Faceset, limit: int) -> Image:
    """At most ``limit`` faces in use, spread evenly over the order that their crops have now.

    Raises ``InputError`` when there is none.
    """
    every = faceset.all_faces()
    used = in_browsing_order(faceset.faces())
    if not used:
        raise InputError(f"{faceset.path}: no face is in use, so there is nothing to draw")
    chosen = [
        used[i] for i in np.unique(np.linspace(0, len(used) - 1, min(limit, len(used))).round().astype(int))
    ]
    person_of = assign_people(every)
    cells = [
        Cell(
            faceset.read_crop(face),
            short_name(face),
            f"track {face.track}, {person_name(person_of[face.key])}",
        )
        for face in chosen
    ]
    title = f"{shown_name(faceset)}: {len(chosen)} of {len(used)} faces"
    return contact_sheet(cells, title, columns=10, side=160)


def coverage_sheet(faceset: Faceset, against: Faceset | None) -> tuple[Image, list[str]]:
    """What the faces in use cover, as a picture and in sentences; beside another faceset where given.

    Raises ``InputError`` when one of them has no face in use.
    """
    used = _used(faceset)
    here = face_attributes(used)
    if against is None:
        sentences = coverage_sentences(here, scheme_of(used[0]).face_width * used[0].crop_size)
        return coverage_chart(here, shown_name(faceset), sentences), sentences
    there = face_attributes(_used(against))
    sentences = comparison_sentences(here, there, shown_name(against))
    return coverage_chart(here, shown_name(faceset), sentences, there, shown_name(against)), sentences


def short_name(face: Face) -> str:
    """The name of a face's crop, by which it is named for removal."""
    return PurePath(str(face.crop).replace("\\", "/")).stem


def shown_name(faceset: Faceset) -> str:
    """What a faceset is called in pictures: the name of its folder."""
    return faceset.path.resolve().name


def _used(faceset: Faceset) -> list[Face]:
    faces = faceset.faces()
    if not faces:
        raise InputError(f"{faceset.path}: no face is in use, so there is nothing to draw")
    return faces


def _with_landmarks(image: Image, face: Face) -> Image:
    """A crop with the landmarks of the face's regions, as measured on its frame, as dots."""
    picture, scheme = image.copy(), scheme_of(face)
    size = max(1, image.shape[0] // 170)
    known = scheme.points(face.landmarks, scheme.regions.points)
    for x, y in np.rint(map_points(face.alignment, known)).astype(int).tolist():
        cv2.circle(picture, (x, y), size, _DOT, -1, cv2.LINE_AA)
    return picture
