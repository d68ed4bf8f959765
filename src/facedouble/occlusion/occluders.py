"""Things drawn in front of a face, of which it is known exactly what they hide.

Each is drawn on a canvas of the crop's size. Nothing is loaded: shapes, colours and surfaces come from a
random generator, apart from colours taken from the crop itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.colour import to_float
from facedouble.types import FloatArray, Mask

Random = np.random.Generator
Points = npt.NDArray[np.float64]

_SKINS = (
    *((1.0, 0.88, 0.78), (0.95, 0.78, 0.65), (0.90, 0.70, 0.55), (0.80, 0.58, 0.42)),
    *((0.62, 0.42, 0.29), (0.45, 0.29, 0.19), (0.30, 0.19, 0.13), (0.20, 0.13, 0.10)),
)
_HAIR = ((0.05, 0.04, 0.04), (0.2, 0.12, 0.07), (0.4, 0.27, 0.15), (0.75, 0.6, 0.4), (0.6, 0.6, 0.6))
_BITS = 4  # of a pixel in coordinates


@dataclass(frozen=True, slots=True)
class Scene:
    """What occluders are drawn over: a crop (S, S, 3) 0..1, the face's hull (S, S), the middles of the right
    and left eye and of the mouth (x, y), in pixels."""

    picture: FloatArray
    hull: Mask
    right_eye: Points
    left_eye: Points
    mouth: Points

    @property
    def side(self) -> int:
        return int(self.picture.shape[0])

    @property
    def skin(self) -> FloatArray:
        """Median colour (3,) inside the hull."""
        return np.asarray(np.median(self.picture[::4, ::4][self.hull[::4, ::4] > 0.5], axis=0), np.float32)

    def place(self, random: Random) -> Points:
        """A point of the face."""
        rows, columns = np.nonzero(self.hull[::4, ::4] > 0.5)
        chosen = random.integers(len(rows))
        return np.array([columns[chosen], rows[chosen]], dtype=np.float64) * 4


@dataclass(frozen=True, slots=True)
class Occluder:
    """Something in front of a face: its ``colour`` (S, S, 3) 0..1, how far it hides what is behind it
    ``alpha`` (S, S) 0..1, and, for a hand, its ``joints`` (21, 2) in the order of MediaPipe's hand. What is
    ``worn`` may be in front of the face through the whole clip."""

    colour: FloatArray
    alpha: Mask
    joints: Points | None = None
    worn: bool = False


# -- hands ---------------------------------------------------------------------------------------------


def hand(scene: Scene, random: Random) -> Occluder:
    """A hand with its forearm: joints, segments as thick lines, shaded as if they were round."""
    joints = _placed(_hand_joints(random), scene, random)
    palm = float(np.linalg.norm(joints[9] - joints[0]))
    colour = _skin(scene, random)
    canvas = _Canvas(scene.side, random, colour)
    away = joints[0] - joints[9]
    arm = joints[0] + away / max(np.linalg.norm(away), 1e-6) * scene.side * 1.5
    sleeve = random.random() < 0.3
    width = palm * random.uniform(0.45, 0.7)
    if sleeve:
        canvas.part([(joints[0], width), (arm, width * 1.6)], random.uniform(0, 1, 3).astype(np.float32))
    else:
        canvas.part([(joints[0], width), (arm, width * 1.5)])
    thick = palm * random.uniform(0.19, 0.26)
    outline = np.vstack([joints[[0, 1, 2, 5, 9, 13, 17]]])
    canvas.polygon(outline, thick * 1.2)
    nails = random.random() < 0.5
    order = [4, 3, 2, 1, 0] if random.random() < 0.5 else [0, 1, 2, 3, 4]
    for finger in order:
        chain = joints[1 + 4 * finger : 5 + 4 * finger]
        scale = (1.1, 1.0, 1.05, 0.98, 0.82)[finger]
        widths = thick * scale * np.array([1.1, 1.0, 0.92, 0.8])
        canvas.part(list(zip(chain, widths, strict=True)))
        for joint in chain[1:3]:
            canvas.crease(joint, chain[-1] - chain[0], thick)
        if nails:
            canvas.nail(chain[3], chain[3] - chain[2], thick * scale)
    return Occluder(canvas.colour, canvas.alpha, joints)


def _hand_joints(random: Random) -> Points:
    """Joints (21, 2): wrist, then thumb to little finger, four each from the base; the palm is 1 long, the
    fingers point up."""
    joints = np.zeros((21, 2))
    curl = random.choice([0.0, random.uniform(0, 0.5), random.uniform(0.4, 0.85)])
    spread = random.uniform(0.0, 1.0)
    narrow = random.uniform(0.55, 1.0)  # a hand seen from the side
    bases = np.array([[-0.32, -0.28], [-0.34, -0.95], [-0.1, -1.0], [0.13, -0.95], [0.34, -0.83]])
    lengths = np.array([0.85, 0.85, 0.95, 0.88, 0.7]) * random.uniform(0.85, 1.1)
    lean = np.deg2rad(np.array([-50, -12, -2, 7, 18]) * (0.35 + spread) + random.uniform(-8, 8))
    for finger in range(5):
        own = np.clip(curl + random.normal(0, 0.12), 0, 0.9)
        angle = lean[finger] + np.deg2rad(random.normal(0, 5))
        bend = np.deg2rad(random.normal(0, 10)) * (2 if finger == 0 else 1)
        at = bases[finger]
        joints[1 + 4 * finger] = at
        for segment, share in enumerate((0.48, 0.30, 0.24)):
            shown = 1 - own * (0.6 if segment == 0 else 1.0)
            at = at + lengths[finger] * share * shown * np.array([np.sin(angle), -np.cos(angle)])
            angle += bend * 0.6
            joints[2 + 4 * finger + segment] = at
    joints[:, 0] *= narrow * random.choice([-1, 1])
    return joints


def _placed(joints: Points, scene: Scene, random: Random) -> Points:
    """The hand scaled, turned and moved to the face, its wrist outside more often than not."""
    scale = scene.side * random.uniform(0.22, 0.42)
    target = scene.place(random)
    middle = np.array([scene.side, scene.side]) / 2
    outwards = target - middle + np.array([0, 0.35 * scene.side]) + random.normal(0, 0.3 * scene.side, 2)
    turn = np.arctan2(outwards[0], outwards[1]) * -1 + random.normal(0, 0.3)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    placed = joints @ rotation.T * scale
    held = placed[random.integers(21)]
    return np.asarray(placed - held + target)


class _Canvas:
    """Colours and alpha of something made of round parts, drawn one over the other."""

    def __init__(self, side: int, random: Random, colour: FloatArray) -> None:
        self._random, self._base = random, colour
        self.colour = np.broadcast_to(colour, (side, side, 3)).astype(np.float32)
        self.alpha: Mask = np.zeros((side, side), np.float32)
        angle = random.uniform(0, 2 * np.pi)
        self._light = np.array([np.cos(angle), np.sin(angle)]) * random.uniform(0.0, 0.35)
        self._round = random.uniform(0.1, 0.5)
        self._line = random.uniform(0.0, 0.45)

    def part(self, chain: list[tuple[Points, float]], colour: FloatArray | None = None) -> None:
        """Thick lines along joints with their widths in pixels."""
        mask = np.zeros(self.alpha.shape, np.uint8)
        for (start, wide), (end, narrow) in pairwise(chain):
            _capsule(mask, start, end, wide / 2, narrow / 2)
        self._paint(mask, colour)

    def polygon(self, points: Points, width: float) -> None:
        """A convex outline, grown by half of ``width``."""
        mask = np.zeros(self.alpha.shape, np.uint8)
        hull = cv2.convexHull(points.astype(np.float32))
        fixed = np.round(hull * (1 << _BITS)).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, _BITS)
        cv2.polylines(mask, [fixed], True, 255, max(1, round(width)), cv2.LINE_AA, _BITS)
        self._paint(mask)

    def crease(self, at: Points, along: Points, width: float) -> None:
        """A dark line across a finger."""
        across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6) * width * 0.35
        line = np.zeros(self.alpha.shape, np.uint8)
        _line(line, at - across, at + across, 1)
        dark = line.astype(np.float32)[..., None] / 255 * self._line
        self.colour *= 1 - dark

    def nail(self, at: Points, along: Points, width: float) -> None:
        """A lighter ellipse at the end of a finger."""
        mask = np.zeros(self.alpha.shape, np.uint8)
        angle = float(np.rad2deg(np.arctan2(along[1], along[0])))
        centre = (at * 16).round().astype(int).tolist()
        axes = (round(width * 0.36 * 16), round(width * 0.26 * 16))
        cv2.ellipse(mask, centre, axes, angle, 0, 360, 255, -1, cv2.LINE_AA, _BITS)
        share = mask.astype(np.float32)[..., None] / 255 * 0.6
        tint = np.clip(self._base * 1.15 + np.array([0.06, 0.0, 0.02], np.float32), 0, 1)
        self.colour += share * (tint - self.colour)

    def _paint(self, mask: npt.NDArray[np.uint8], colour: FloatArray | None = None) -> None:
        left, top, width, height = cv2.boundingRect(mask)
        if width == 0:
            return
        part = (slice(top, top + height), slice(left, left + width))
        own = mask[part]
        inside = cv2.distanceTransform((own > 127).astype(np.uint8), cv2.DIST_L2, 3)
        inside = cv2.GaussianBlur(np.minimum(inside, np.percentile(inside, 98) + 1e-3), (0, 0), 1.5)
        height_map = inside / max(float(inside.max()), 1e-3)
        slope_x = cv2.Sobel(height_map, cv2.CV_32F, 1, 0, ksize=3)
        slope_y = cv2.Sobel(height_map, cv2.CV_32F, 0, 1, ksize=3)
        shade = 1 - self._round * (1 - height_map) ** 2
        shade += (slope_x * self._light[0] + slope_y * self._light[1]) * 4 * height_map
        share = own.astype(np.float32)[..., None] / 255
        base = self._base if colour is None else colour
        tone = base * self._random.uniform(0.93, 1.05)
        self.colour[part] += share * (tone * np.clip(shade, 0.2, 1.4)[..., None] - self.colour[part])
        # What lies in front darkens the edge of what lies behind.
        self.alpha[part] = np.maximum(self.alpha[part], share[..., 0])


def capsules(joints: Points, side: int) -> Mask:
    """A hand with ``joints`` (21, 2) in pixels as the model of capsules that a found hand is drawn as."""
    mask = np.zeros((side, side), np.uint8)
    palm = float(np.linalg.norm(joints[9] - joints[0])) + 1e-6
    across = float(np.linalg.norm(joints[5] - joints[17]))
    thick = max(0.16 * palm, 0.2 * across)
    hull = cv2.convexHull(joints[[0, 1, 2, 5, 9, 13, 17]].astype(np.float32))
    fixed = np.round(hull * (1 << _BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, _BITS)
    for finger in range(5):
        chain = joints[[0 if finger == 0 else 1 + 4 * finger, *range(1 + 4 * finger, 5 + 4 * finger)]]
        for start, end in pairwise(chain):
            _capsule(mask, start, end, thick * 0.62, thick * 0.55)
    return to_float(mask)


def _capsule(mask: npt.NDArray[np.uint8], start: Points, end: Points, first: float, second: float) -> None:
    """Fill the hull of two discs."""
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    points = np.vstack([start + circle * first, end + circle * second]).astype(np.float32)
    fixed = np.round(cv2.convexHull(points) * (1 << _BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, _BITS)


def _line(mask: npt.NDArray[np.uint8], start: Points, end: Points, width: int) -> None:
    first, second = ((point * (1 << _BITS)).round().astype(int).tolist() for point in (start, end))
    cv2.line(mask, first, second, 255, width, cv2.LINE_AA, _BITS)


def _skin(scene: Scene, random: Random) -> FloatArray:
    """The face's own colour, a little different, or anybody's, or that of a glove."""
    if random.random() < 0.55:
        return np.clip(scene.skin * random.uniform(0.75, 1.3) * random.uniform(0.94, 1.06, 3), 0, 1).astype(
            np.float32
        )
    if random.random() < 0.2:
        return (random.uniform(0.02, 1) * random.uniform(0.6, 1, 3)).astype(np.float32)
    chosen = np.array(_SKINS[random.integers(len(_SKINS))]) * random.uniform(0.4, 1.05)
    return np.clip(chosen * random.uniform(0.93, 1.07, 3), 0, 1).astype(np.float32)


# -- things --------------------------------------------------------------------------------------------


def microphone(scene: Scene, random: Random) -> Occluder:
    """A ball of wire or foam and its handle, at the mouth more often than not."""
    side = scene.side
    at = scene.mouth + random.normal(0, 0.1 * side, 2) if random.random() < 0.7 else scene.place(random)
    radius = side * random.uniform(0.06, 0.16)
    angle = random.normal(np.pi / 2, 0.7)
    along = np.array([np.cos(angle), np.sin(angle)])
    dark = random.uniform(0.02, 0.5) * random.uniform(0.85, 1.15, 3)
    canvas = _Canvas(side, random, dark.astype(np.float32))
    handle = (random.uniform(0.02, 0.7) * random.uniform(0.9, 1.1, 3)).astype(np.float32)
    if random.random() < 0.85:
        thick = radius * random.uniform(0.7, 1.2)
        canvas.part([(at, thick), (at + along * side, thick * 0.8)], handle)
    canvas.part([(at, 2 * radius), (at + along * radius * random.uniform(0, 0.7), 2 * radius * 0.95)])
    step = random.uniform(2, 5)
    rows, columns = np.mgrid[:side, :side]
    mesh = np.sin(columns * 2 * np.pi / step) * np.sin(rows * 2 * np.pi / step) * random.uniform(0, 0.35)
    colour = np.clip(canvas.colour * (1 + mesh[..., None].astype(np.float32)), 0, 1)
    return Occluder(colour, canvas.alpha)


def glasses(scene: Scene, random: Random) -> Occluder:
    """Rims on both eyes; the glass between clear and black. What shines through counts as visible."""
    side = scene.side
    between = scene.left_eye - scene.right_eye
    distance = float(np.linalg.norm(between)) + 1e-6
    angle = float(np.rad2deg(np.arctan2(between[1], between[0])))
    along = between / distance
    glass, rim = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    width = max(1, round(side * random.uniform(0.006, 0.025)))
    axes = distance * random.uniform(0.3, 0.42), distance * random.uniform(0.2, 0.36)
    round_ones = random.random() < 0.5
    down = np.array([-along[1], along[0]]) * distance * random.uniform(0, 0.1)
    for eye in (scene.right_eye, scene.left_eye):
        centre = eye + down
        if round_ones:
            place = (centre * 16).round().astype(int).tolist()
            size = (round(axes[0] * 16), round(axes[1] * 16))
            cv2.ellipse(glass, place, size, angle, 0, 360, 255, -1, cv2.LINE_AA, _BITS)
            cv2.ellipse(rim, place, size, angle, 0, 360, 255, width, cv2.LINE_AA, _BITS)
        else:
            box = cv2.boxPoints((centre.tolist(), (axes[0] * 2, axes[1] * 2), angle))
            fixed = np.round(box * (1 << _BITS)).astype(np.int32)
            cv2.fillConvexPoly(glass, fixed, 255, cv2.LINE_AA, _BITS)
            cv2.polylines(rim, [fixed], True, 255, width, cv2.LINE_AA, _BITS)
    _line(rim, scene.right_eye + down + along * axes[0], scene.left_eye + down - along * axes[0], width)
    for eye, sign in ((scene.right_eye, -1.0), (scene.left_eye, 1.0)):
        _line(rim, eye + down + sign * along * axes[0], eye + down + sign * along * distance * 1.2, width)
    tint = random.choice([0.0, random.uniform(0, 0.3), random.uniform(0.6, 1.0)], p=[0.6, 0.2, 0.2])
    through, frame = glass.astype(np.float32) / 255 * tint, rim.astype(np.float32) / 255
    colour = np.empty((side, side, 3), np.float32)
    colour[:] = random.uniform(0, 0.35) * random.uniform(0.7, 1.3, 3)
    shine = _smooth(side, random, 3)[..., None] * random.uniform(0, 0.5)
    colour += shine
    own = (random.uniform(0, 0.8) * random.uniform(0.7, 1.3, 3)).astype(np.float32)
    colour += frame[..., None] * (own - colour)
    return Occluder(np.clip(colour, 0, 1), np.maximum(through, frame), worn=True)


def hair(scene: Scene, random: Random) -> Occluder:
    """Strands from above or beside, thin and soft."""
    side = scene.side
    alpha, light = np.zeros((side, side), np.uint8), np.zeros((side, side), np.float32)
    start = np.array([random.uniform(0.1, 0.9), random.uniform(-0.05, 0.3)]) * side
    towards = scene.place(random)
    bend = random.normal(0, 0.15 * side, 2)
    strands, spread = int(random.integers(2, 40)), side * random.uniform(0.01, 0.07)
    steps = np.linspace(0, 1, 14)[:, None]
    for _ in range(strands):
        first = start + random.normal(0, spread, 2)
        last = towards + random.normal(0, spread * 1.5, 2)
        middle = (first + last) / 2 + bend + random.normal(0, spread, 2)
        curve = (1 - steps) ** 2 * first + 2 * steps * (1 - steps) * middle + steps**2 * last
        fixed = np.round(curve * (1 << _BITS)).astype(np.int32)
        width = int(random.integers(1, 4))
        cv2.polylines(alpha, [fixed], False, 255, width, cv2.LINE_AA, _BITS)
        cv2.polylines(light, [fixed], False, float(random.uniform(-0.3, 0.5)), width, cv2.LINE_8, _BITS)
    base = np.array(_HAIR[random.integers(len(_HAIR))]) * random.uniform(0.6, 1.4)
    colour = base * (1 + cv2.GaussianBlur(light, (0, 0), 0.7))[..., None]
    soft = _blurred(to_float(alpha), random.uniform(0.3, 1.0))
    return Occluder(np.clip(colour, 0, 1).astype(np.float32), soft)


def patch(scene: Scene, random: Random) -> Occluder:
    """A cup, a sheet, a sleeve or another person's head: an outline filled with a colour, a pattern, or what
    the crop shows beside the face."""
    side = scene.side
    mask = np.zeros((side, side), np.uint8)
    at = scene.place(random)
    count = int(random.integers(3, 12))
    angles = np.sort(random.uniform(0, 2 * np.pi, count))
    far = side * random.uniform(0.06, 0.4) * random.uniform(0.6, 1.2, count)
    outline = at + np.column_stack([np.cos(angles), np.sin(angles)]) * far[:, None]
    fixed = np.round(outline * (1 << _BITS)).astype(np.int32)
    if random.random() < 0.5:
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _BITS)
        smooth = random.uniform(0.3, 6)
        alpha = np.clip((_blurred(to_float(mask), smooth) - 0.5) * smooth * 2.0 + 0.5, 0, 1)
    else:
        size = side * random.uniform(0.08, 0.45), side * random.uniform(0.08, 0.6)
        box = cv2.boxPoints((at.tolist(), size, float(random.uniform(0, 180))))
        cv2.fillConvexPoly(mask, np.round(box * 16).astype(np.int32), 255, cv2.LINE_AA, _BITS)
        alpha = to_float(mask)
    return Occluder(_surface(scene, random), alpha.astype(np.float32))


def smoke(scene: Scene, random: Random) -> Occluder:
    """A cloud with no edge."""
    thick = np.clip((_smooth(scene.side, random, int(random.integers(3, 8))) - 0.35) * 2.5, 0, 1)
    colour = np.full((scene.side, scene.side, 3), random.uniform(0.4, 1.0), np.float32)
    return Occluder(colour, (thick * random.uniform(0.5, 1.0)).astype(np.float32))


def _surface(scene: Scene, random: Random) -> FloatArray:
    side = scene.side
    colour = np.empty((side, side, 3), np.float32)
    colour[:] = random.uniform(0, 1, 3) if random.random() < 0.6 else _skin(scene, random)
    kind = random.random()
    if kind < 0.35:  # what is beside the face, mirrored to be everywhere
        edge = max(8, round(side * 0.16))
        strip = scene.picture[:, :edge] if random.random() < 0.5 else scene.picture[:, -edge:]
        tiled = np.concatenate([strip, strip[:, ::-1]] * (side // (2 * edge) + 1), axis=1)[:, :side]
        colour = np.ascontiguousarray(tiled if random.random() < 0.5 else tiled.transpose(1, 0, 2))
        return np.asarray(colour[:side, :side], np.float32)
    if kind < 0.6:
        rows, columns = np.mgrid[:side, :side]
        angle, period = random.uniform(0, np.pi), random.uniform(4, 60)
        wave = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / period)
        colour += (wave[..., None] * random.uniform(-0.3, 0.3, 3)).astype(np.float32)
    elif kind < 0.8:
        noise = random.normal(0, random.uniform(0.02, 0.25), (side, side, 3)).astype(np.float32)
        colour += cv2.GaussianBlur(noise, (0, 0), random.uniform(0.4, 3)) * 2
    colour *= 0.6 + 0.8 * _smooth(side, random, 3)[..., None]
    return np.clip(colour, 0, 1)


def _smooth(side: int, random: Random, cells: int) -> FloatArray:
    """(side, side) 0..1 without detail."""
    coarse = random.uniform(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(np.clip(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1))


Draw = Callable[[Scene, Random], Occluder]

KINDS: tuple[tuple[Draw, float], ...] = (
    (hand, 0.46),
    (microphone, 0.1),
    (glasses, 0.13),
    (hair, 0.1),
    (patch, 0.16),
    (smoke, 0.05),
)
"""What is drawn, and how often."""


def draw(scene: Scene, random: Random) -> Occluder:
    """One of ``KINDS``, perhaps blurred by motion or out of focus."""
    chosen = random.choice(len(KINDS), p=[share for _, share in KINDS])
    drawn = KINDS[chosen][0](scene, random)
    amount = random.random()
    if amount > 0.45:
        return drawn
    alpha, painted = drawn.alpha, drawn.colour * drawn.alpha[..., None]
    if amount < 0.22:
        length, angle = random.uniform(2, 0.1 * scene.side), random.uniform(0, np.pi)
        kernel = _motion(length, angle)
        alpha, painted = (
            np.asarray(cv2.filter2D(plane, -1, kernel), np.float32) for plane in (alpha, painted)
        )
    else:
        deviation = random.uniform(0.4, 3.0)
        alpha, painted = (_blurred(plane, deviation) for plane in (alpha, painted))
    colour = np.where(alpha[..., None] > 1e-3, painted / np.maximum(alpha[..., None], 1e-3), drawn.colour)
    return Occluder(colour.astype(np.float32), np.clip(alpha, 0, 1), drawn.joints, drawn.worn)


def _blurred(plane: FloatArray, deviation: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), deviation), np.float32)


def _motion(length: float, angle: float) -> FloatArray:
    side = max(3, int(length) | 1)
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    first, second = (
        (np.array([middle, middle]) + sign * reach).round().astype(int).tolist() for sign in (-1, 1)
    )
    cv2.line(kernel, first, second, 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / max(float(kernel.sum()), 1e-6), np.float32)
