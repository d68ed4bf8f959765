"""Examples that the network learns from: faces moved and recoloured, with something drawn in front of
them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.faces.colour import to_float
from facedouble.occlusion.occluders import Occluder, Points, Random, Scene, capsules, draw
from facedouble.types import FloatArray, Image, Mask
from facedouble.video.opencv_codec import decode, encode

_COUNTS = (0.2, 0.56, 0.24)  # how often nothing, one thing, two things are in front of a face
_COUNTS_LABELLED = (0.7, 0.2, 0.1)  # the same for faces of which a person said what is visible
_HAND_SEEN = 0.5  # how often a drawn hand is also given as joints
_UNKNOWN = 0.3  # how often it is not known what the face looks like unhidden
_REMAINS = 0.08  # how often the picture of the unhidden face shows the same thing in front of it
_REMAINS_WORN = 0.4  # the same for what people wear
_WORN_COUNTS = 4.0  # how much more pixels of rims count: there are few of them


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A face to make examples of: its aligned crop (S, S, 3) uint8, the face's hull (S, S) 0..1, what is
    visible (S, S) 0..1, ``None`` for all of it; the middles of the eyes and of the mouth (x, y) in pixels,
    and the same face unhidden (S, S, 3) uint8, if that is known. ``hand`` (S, S) is where a hand was
    found."""

    crop: Image
    hull: Mask
    right_eye: Points
    left_eye: Points
    mouth: Points
    visible: Mask | None = None
    reference: Image | None = None
    hand: Mask | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """``given`` (8, S, S) as the network takes it, ``visible`` (S, S) as it should answer, ``weight`` (S,
    S) how much each pixel counts."""

    given: FloatArray
    visible: Mask
    weight: Mask


@dataclass(frozen=True, slots=True)
class Variety:
    """How far faces are made to differ from those that are given: ``people`` 0..1 scales what would make a
    person another one (proportions, colour of the skin, beards), ``light`` what another shot would change."""

    people: float = 1.0
    light: float = 1.0


EVERYBODY = Variety()
ONE_PERSON = Variety(people=0.25, light=0.6)


def network_channels(
    crop: Image | FloatArray, reference: Image | FloatArray | None, hull: Mask, hand: Mask | None
) -> FloatArray:
    """The network's input (8, S, S) float32. Pictures (S, S, 3) are uint8, or float32 0..1."""
    side = crop.shape[0]
    given = np.zeros((8, side, side), np.float32)
    given[:3] = _unit(crop).transpose(2, 0, 1) - 0.5
    if reference is not None:
        given[3:6] = _unit(reference).transpose(2, 0, 1) - 0.5
    given[6] = hull
    if hand is not None:
        given[7] = hand
    return given


def make_example(face: KnownFace, random: Random, variety: Variety = EVERYBODY) -> Example:
    """One example of a face."""
    picture: FloatArray = _unit(face.crop)
    side = picture.shape[0]
    visible = np.ones((side, side), np.float32) if face.visible is None else face.visible
    reference = None if face.reference is None else _unit(face.reference)
    if reference is None and face.visible is None:
        reference = picture
    if random.random() < variety.people * 0.7:
        tint = _skin_change(face, random)
        picture = picture * tint
        reference = None if reference is None else reference * tint
    if random.random() < variety.people * 0.5:
        hairy = _beard(face, random)
        picture = picture * hairy
        reference = None if reference is None else reference * hairy
    if random.random() < 0.3 * max(variety.people, 0.3):
        picture = _open_mouth(picture, face, random)
    scene = Scene(picture, face.hull, face.right_eye, face.left_eye, face.mouth)
    hands = np.zeros((side, side), np.float32) if face.hand is None else face.hand.copy()
    shown, drawn = picture, []
    counts = _COUNTS if face.visible is None else _COUNTS_LABELLED
    for _ in range(random.choice(len(counts), p=counts)):
        occluder = draw(scene, random)
        drawn.append(occluder)
        shown = _put(shown, occluder, random)
        visible = visible * (1 - occluder.alpha)
        if occluder.joints is not None and random.random() < _HAND_SEEN:
            jitter = random.normal(0, 0.01 * side, occluder.joints.shape)
            hands = np.maximum(hands, capsules(occluder.joints + jitter, side))
    if not drawn and random.random() < 0.04:  # a hand found where none is
        hands = capsules(scene.place(random) + random.normal(0, 0.1 * side, (21, 2)), side)
    worn = np.zeros((side, side), np.float32)
    for occluder in drawn:
        if occluder.worn:
            worn = np.maximum(worn, occluder.alpha)
    move = _movement(side, random, 0.6 + 0.4 * variety.people)
    planes = _remapped(np.dstack([shown, visible, face.hull, hands, worn]).astype(np.float32), move)
    shown = planes[..., :3]
    visible, hull, hands, worn = (np.clip(planes[..., plane], 0, 1) for plane in range(3, 7))  # rounding
    if reference is not None and face.reference is None:
        remains = random.random()
        for occluder in drawn:
            if remains < (_REMAINS_WORN if occluder.worn else _REMAINS):
                reference = _over(reference, occluder)
        reference = _as_reference(reference, move, random)
    elif reference is not None:
        reference = _remapped(reference, move)
    shown, reference = _photographed(shown, reference, random, variety.light)
    if random.random() < _UNKNOWN:
        reference = None
    if random.random() < 0.5:
        shown, visible, hull, hands, worn = (
            _mirrored(plane) for plane in (shown, visible, hull, hands, worn)
        )
        reference = None if reference is None else _mirrored(reference)
    weight = counted(hull) * (1 + (_WORN_COUNTS - 1) * worn)
    return Example(network_channels(shown, reference, hull, hands), visible, weight)


def counted(hull: Mask) -> Mask:
    """How much each pixel counts: the face and a margin around it, beyond that a twentieth."""
    near = cv2.GaussianBlur(cv2.dilate(hull, np.ones((13, 13), np.uint8)), (0, 0), 4)
    return np.asarray(0.05 + 0.95 * near, np.float32)


def _unit(picture: Image | FloatArray) -> FloatArray:
    if picture.dtype == np.uint8:
        return picture.astype(np.float32) / np.float32(255)
    return np.asarray(picture, np.float32)


def _put(picture: FloatArray, occluder: Occluder, random: Random) -> FloatArray:
    """The occluder over the picture, with its shadow."""
    if random.random() < 0.5:
        offset = random.normal(0, 0.03 * picture.shape[0], 2)
        matrix = np.array([[1, 0, offset[0]], [0, 1, offset[1]]])
        shadow = cv2.warpAffine(occluder.alpha, matrix, occluder.alpha.shape[::-1])
        coarse = cv2.resize(shadow, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        coarse = cv2.GaussianBlur(coarse, (0, 0), random.uniform(0.5, 4))
        shadow = cv2.resize(coarse, occluder.alpha.shape[::-1])
        picture = np.asarray(picture * (1 - shadow[..., None] * random.uniform(0.1, 0.6)), np.float32)
    return _over(picture, occluder)


def _over(picture: FloatArray, occluder: Occluder) -> FloatArray:
    return picture + occluder.alpha[..., None] * (occluder.colour - picture)


def _skin_change(face: KnownFace, random: Random) -> FloatArray:
    """A factor (3,) for a face's colours, to make its skin another one."""
    mean = float(face.crop[face.hull > 0.5].mean()) / 255
    level = random.uniform(0.22, 0.75) / max(mean, 0.05)
    warm = random.normal(0, 0.08)
    return np.array([level * (1 + warm), level, level * (1 - warm)], np.float32)


def _beard(face: KnownFace, random: Random) -> FloatArray:
    """A factor (S, S, 1) that darkens chin, lip and cheeks, as a beard does, but not the lips."""
    side = face.hull.shape[0]
    rows, columns = np.mgrid[: side // 2, : side // 2].astype(np.float32) * 2
    eyes = (face.right_eye + face.left_eye) / 2
    down = face.mouth - eyes
    length = float(np.linalg.norm(down)) + 1e-6
    right, below = (float(value) / length for value in down)
    x, y = columns - float(face.mouth[0]), rows - float(face.mouth[1])
    along, across = x * right + y * below, x * below - y * right
    start = -random.uniform(0.1, 0.45) * length
    low = 1 / (1 + np.exp(np.clip((start - along - 0.15 * np.abs(across)) / (0.05 * length), -30, 30)))
    lips = np.exp(-np.square(np.square(across / (0.42 * length)) + np.square(along / (0.16 * length))))
    grain = random.standard_normal((side, side), dtype=np.float32)
    grain = np.clip(0.8 + cv2.GaussianBlur(grain, (0, 0), 0.8), 0, 1.2)
    amount = random.choice([random.uniform(0.1, 0.4), random.uniform(0.3, 0.85)])
    where = cv2.resize((low * (1 - lips)).astype(np.float32), (side, side)) * face.hull
    factor = np.clip(1 - amount * where * grain, 0.05, 1)
    return np.asarray(factor[..., None], np.float32)


def _open_mouth(picture: FloatArray, face: KnownFace, random: Random) -> FloatArray:
    """The chin moved down and the gap painted: dark, perhaps with teeth and a tongue."""
    side = picture.shape[0]
    eyes = (face.right_eye + face.left_eye) / 2
    length = float(np.linalg.norm(face.mouth - eyes))
    gap = length * random.uniform(0.05, 0.45)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    across = (columns - face.mouth[0]) / (0.45 * length)
    bow = np.sqrt(np.clip(1 - across**2, 0, 1))
    below = rows - face.mouth[1]
    shift = gap * bow * np.clip(below / max(gap, 1), 0, 1) * np.exp(-np.clip(below, 0, None) / (1.5 * length))
    source = (rows - shift).astype(np.float32)
    opened = _remapped(picture, (columns, source))
    inside = ((below > 0) & (below < gap * bow)).astype(np.float32)
    inside = cv2.GaussianBlur(inside, (0, 0), 1.2)
    dark = np.array([0.25, 0.08, 0.08], np.float32) * random.uniform(0.3, 1.5)
    mouth = np.broadcast_to(dark, picture.shape).copy()
    if random.random() < 0.7:
        teeth = ((below < gap * bow * random.uniform(0.2, 0.5)) & (np.abs(across) < 0.8)).astype(np.float32)
        teeth = cv2.GaussianBlur(teeth, (0, 0), 1.0)[..., None] * random.uniform(0.4, 0.95)
        mouth += teeth * (np.array([0.95, 0.9, 0.82], np.float32) - mouth)
    return np.asarray(opened + inside[..., None] * (mouth - opened), np.float32)


def _movement(side: int, random: Random, amount: float) -> tuple[FloatArray, FloatArray]:
    """Where each pixel of the moved picture comes from: turned, scaled and bent a little."""
    angle, scale = np.deg2rad(random.normal(0, 5)), np.exp(random.normal(0, 0.06 * amount))
    shift = random.normal(0, 0.02 * side, 2)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    x, y = columns - side / 2, rows - side / 2
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    squeeze = np.exp(random.normal(0, 0.06 * amount))
    bend = random.normal(0, 0.022 * side * amount, (5, 5, 2)).astype(np.float32)
    bend = np.asarray(cv2.resize(bend, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    across = cos * x * squeeze - sin * y + side / 2 + shift[0] + bend[..., 0]
    down = sin * x * squeeze + cos * y + side / 2 + shift[1] + bend[..., 1]
    return across.astype(np.float32), down.astype(np.float32)


def _as_reference(picture: FloatArray, move: tuple[FloatArray, FloatArray], random: Random) -> FloatArray:
    """What the same face may look like in the middle of its track: another expression and pose, softened."""
    side = picture.shape[0]
    total: FloatArray = np.zeros_like(picture)
    count = int(random.integers(1, 4))
    for _ in range(count):
        bend = random.normal(0, 0.012 * side, (6, 6, 2)).astype(np.float32)
        bend = np.asarray(cv2.resize(bend, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
        across, down = move[0] + bend[..., 0], move[1] + bend[..., 1]
        total += _remapped(picture, (across, down))
    return np.asarray(cv2.GaussianBlur(total / count, (0, 0), random.uniform(0.3, 2.5)), np.float32)


def _photographed(
    picture: FloatArray, reference: FloatArray | None, random: Random, amount: float
) -> tuple[FloatArray, FloatArray | None]:
    """Light, exposure, focus, noise and compression: mostly the same for both pictures."""
    side = picture.shape[0]
    gain = np.exp(random.normal(0, 0.25 * amount)) * np.exp(random.normal(0, 0.08 * amount, 3))
    gamma = float(np.exp(random.normal(0, 0.2 * amount)))
    lift = random.normal(0, 0.04 * amount)
    grey = random.random() < 0.06 * amount
    pictures = []
    for index, own in enumerate([picture] if reference is None else [picture, reference]):
        light = np.exp(_field(side, random, 0.35 * amount if index == 0 else 0.15 * amount))
        small = np.exp(random.normal(0, 0.05 * amount, 3)) if index else np.ones(3)
        lit = np.clip(own * light[..., None], 0, None) * (gain * small).astype(np.float32)
        made = np.asarray(cv2.pow(lit, gamma), np.float32) + np.float32(lift)
        if grey:
            made = np.repeat(made.mean(axis=2, keepdims=True), 3, axis=2)
        pictures.append(np.clip(made, 0, 1).astype(np.float32))
    first = pictures[0]
    if random.random() < 0.5:
        smaller = round(side / random.uniform(1.1, 4))
        coarse = cv2.resize(first, (smaller, smaller), interpolation=cv2.INTER_AREA)
        first = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    if random.random() < 0.5:
        noise = cv2.resize(random.standard_normal((side // 2, side // 2, 3), dtype=np.float32), (side, side))
        first = np.asarray(first + noise * random.uniform(0, 0.04), np.float32)
    first = np.asarray(np.clip(first, 0, 1), np.float32)
    if random.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95))]
        coded = encode(".jpg", (first * 255).astype(np.uint8), quality)
        first = to_float(decode(coded, cv2.IMREAD_COLOR))
    return first, pictures[1] if len(pictures) > 1 else None


def _mirrored(plane: FloatArray) -> FloatArray:
    return np.ascontiguousarray(plane[:, ::-1])


def _remapped(planes: FloatArray, places: tuple[FloatArray, FloatArray]) -> FloatArray:
    found = cv2.remap(planes, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _field(side: int, random: Random, deviation: float) -> FloatArray:
    coarse = random.normal(0, deviation, (3, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def make_batch(
    faces: Sequence[KnownFace], count: int, random: Random, variety: Variety = EVERYBODY
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Examples of faces drawn at random: given (N, 8, S, S), visible (N, 1, S, S) and weight (N, 1, S, S)."""
    made = [make_example(faces[int(random.integers(len(faces)))], random, variety) for _ in range(count)]
    return (
        np.stack([example.given for example in made]),
        np.stack([example.visible for example in made])[:, None],
        np.stack([example.weight for example in made])[:, None],
    )
