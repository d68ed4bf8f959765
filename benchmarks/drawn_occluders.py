"""A clip with things drawn in front of its face, of which it is known exactly what they hide: a hand, a
microphone, glasses, one after the other, with the clip as it is between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from facedouble.faces.align import inverse, map_points, recrop
from facedouble.faceset.store import Faceset
from facedouble.occlusion import occluders
from facedouble.occlusion.known import known_face
from facedouble.occlusion.network import SIDE
from facedouble.occlusion.occluders import Occluder, Scene
from facedouble.types import Face, Image, Mask
from facedouble.video.source import open_source

THINGS: dict[str, tuple[Callable[[Scene, np.random.Generator], Occluder], int, tuple[float, float]]] = {
    "dark hand": (occluders.hand, 11, (36.0, 24.0)),
    "microphone": (occluders.microphone, 11, (24.0, 24.0)),
    "glasses": (occluders.glasses, 11, (0.0, 0.0)),
    "hand": (occluders.hand, 1, (36.0, 24.0)),
}
"""What is drawn, the seed, and how far it moves to both sides and up and down, in pixels of the crop."""

_CLEAR = 0.2  # of each thing's time nothing is drawn


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A frame (H, W, 3) with ``thing`` in front of its ``face``, ``None`` for nothing, which hides ``hidden``
    (H, W) 0..1 of it."""

    face: Face
    frame: Image
    thing: str | None
    hidden: Mask


def draw_clip(clip: Path, faceset: Path, things: Sequence[str] = tuple(THINGS)) -> Iterator[DrawnFrame]:
    """The frames of ``clip`` that have a face, with ``things`` drawn in turn. Each moves with the face, and
    once around."""
    with Faceset.open(faceset) as store:
        faces = {face.frame_index: face for face in store.faces(include_blurry=True)}
        crops = {number: store.read_crop(face) for number, face in faces.items()}
    order = {number: place for place, number in enumerate(sorted(faces))}
    spans = list(pairwise(np.linspace(0, len(faces), len(things) + 1).round().astype(int).tolist()))
    drawn: dict[str, Occluder] = {}
    for frame in open_source(clip).frames():
        face = faces.get(frame.index)
        if face is None:
            continue
        place = order[frame.index]
        number = next(index for index, (start, end) in enumerate(spans) if start <= place < end)
        start, end = spans[number]
        at = (place - start) / (end - start)
        picture, hidden = frame.rgb(), np.zeros(frame.rgb().shape[:2], np.float32)
        thing = things[number] if at >= _CLEAR else None
        if thing is not None:
            draw, seed, reach = THINGS[thing]
            if thing not in drawn or reach == (0.0, 0.0):
                drawn[thing] = draw(_scene(crops[frame.index], face), np.random.default_rng(seed))
            picture, hidden = _over(picture, face, drawn[thing], reach, 2 * np.pi * at)
        yield DrawnFrame(face, picture, thing, hidden)


def _scene(crop: Image, face: Face) -> Scene:
    known = known_face(crop, map_points(face.alignment, face.smoothed))
    unit = known.crop.astype(np.float32) / np.float32(255)
    return Scene(unit, known.hull, known.right_eye, known.left_eye, known.mouth)


def _over(
    picture: Image, face: Face, thing: Occluder, reach: tuple[float, float], angle: float
) -> tuple[Image, Mask]:
    moved = np.array([[1, 0, reach[0] * np.sin(angle)], [0, 1, reach[1] * np.cos(angle)], [0, 0, 1]])
    back = np.vstack([inverse(recrop(face.alignment, face.crop_size, 1.0, SIDE)), (0, 0, 1)])
    matrix, size = (back @ moved)[:2], picture.shape[1::-1]
    alpha = np.asarray(cv2.warpAffine(thing.alpha, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
    colour = cv2.warpAffine(
        thing.colour, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    shown = picture + alpha[..., None] * (255 * colour - picture)
    return np.clip(np.round(shown), 0, 255).astype(np.uint8), alpha
