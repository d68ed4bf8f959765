"""A scanned head that can be turned: drawn over a background at any pose, size and light.

The scan is ``james`` of the package ``menpo3d`` (Imperial College London, BSD licence): the front of a man's
head from ear to ear and beyond, with photographs as texture. The back of the head, which the scan lacks, and
shoulders are painted behind it. Photographs of turned heads with a known pose are hard to come by; of this
one pose and every point of the surface are known exactly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import Image
from facedouble.video.images import read_image

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

FILES = {
    "james.obj": "80cb729b6a751b25794d9d571668ff3c022f111119b307dd93dc8fbed6eed110",
    "james.jpg": "829589c076a9cb7b8904b08cc0b301a01e75d6096bf2ca01ed7a8e9d4a615a77",
}
"""The files of the scan and their SHA-256."""

_AXIS = np.array([-24.0, 0.0, -80.0])  # the point in millimetres that the head turns about
_DISTANCE = 900.0  # of the camera from there, in millimetres
_BRIGHTER = 1.4  # the photographs were taken in the dark
_FINER = 2  # times the resolution of the frame, averaged down
_SKULL = (np.array([-24.0, 30.0, -95.0]), 92.0)
_HAIR, _NECK, _SHIRT = (28, 22, 20), (150, 118, 92), (150, 160, 160)
_AMBIENT, _DIRECT = 0.45, 0.75  # of a light from one side


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Degrees, as in ``facedouble.faces.pose``: yaw > 0 looks to the right of the image, pitch > 0 up, roll >
    0 is tilted clockwise."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def rotation(self) -> Array:
        """(3, 3), for x to the right of the image, y up, z to the camera."""
        y, p, r = np.deg2rad([self.yaw, self.pitch, self.roll])
        about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
        about_z = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
        return np.asarray(about_z @ about_x @ about_y)


@dataclass(frozen=True, slots=True)
class Placed:
    """How the head stands in the picture: ``scale`` in pixels for a millimetre, ``at`` the pixel where the
    point is that it turns about. ``light`` is the direction it comes from (x right, y up, z to the camera),
    ``None`` for the even light of the photographs; ``tint`` multiplies red, green and blue."""

    pose: HeadPose = HeadPose()
    scale: float = 1.0
    at: tuple[float, float] = (320.0, 240.0)
    light: tuple[float, float, float] | None = None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Scan:
    """Vertices (V, 3) in millimetres, triangles (F, 3), the vertices' places in the ``texture`` by corner
    (F, 3, 2), in its pixels."""

    vertices: Array
    triangles: Indices
    places: Array
    texture: Image

    @cached_property
    def normals(self) -> Array:
        """(V, 3), of length 1, away from the head."""
        corners = self.vertices[self.triangles]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(normals, self.triangles[:, corner], across)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        outwards = np.sign(((self.vertices - _AXIS) * normals).sum(axis=1).mean())
        return np.asarray(normals * outwards)

    def draw(self, background: Image, placed: Placed) -> Image:
        """The head over a ``background`` (H, W, 3)."""
        height, width = background.shape[:2]
        size = (width * _FINER, height * _FINER)
        canvas: Image = np.asarray(
            cv2.resize(background, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8
        )
        large = _enlarged(placed)
        _paint_body(canvas, large)
        seen = project(self.vertices, large)
        triangle, shares = rasterise(seen, self.triangles, size)
        inside = triangle >= 0
        known = triangle[inside]
        places = np.zeros((*inside.shape, 2), dtype=np.float32)
        places[inside] = (self.places[known] * shares[inside][..., None]).sum(axis=1)
        across, down = places[..., 0], places[..., 1]
        seen_texture = cv2.remap(self.texture, across, down, cv2.INTER_LINEAR)
        colours = seen_texture[inside].astype(np.float64)
        colours *= _BRIGHTER * np.array(placed.tint)
        if placed.light is not None:
            light = np.array(placed.light, dtype=np.float64)
            facing = self.normals @ placed.pose.rotation.T @ (light / np.linalg.norm(light))
            bright = _AMBIENT + _DIRECT * np.clip(facing, 0, None)
            colours *= (bright[self.triangles[known]] * shares[inside]).sum(axis=1)[:, None]
        canvas[inside] = np.clip(colours, 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def surface(self, points: npt.NDArray[np.floating], placed: Placed, size: tuple[int, int]) -> Array:
        """The points of the surface (N, 3) that are seen at ``points`` (N, 2) of a picture of this ``size``
        (width, height); NaN beside the head."""
        triangle, shares = rasterise(project(self.vertices, placed), self.triangles, size)
        column, row = np.round(points).astype(int).T
        inside = (row >= 0) & (column >= 0) & (row < size[1]) & (column < size[0])
        found = np.full((len(points), 3), np.nan)
        row, column = np.clip(row, 0, size[1] - 1), np.clip(column, 0, size[0] - 1)
        hit = inside & (triangle[row, column] >= 0)
        corners = self.vertices[self.triangles[triangle[row, column]]]
        found[hit] = (corners * shares[row, column][..., None]).sum(axis=1)[hit]
        return found


def load(folder: Path) -> Scan | None:
    """The scan from its two files; ``None`` if they are not there, or others of that name."""
    if any(
        not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected
        for name, expected in FILES.items()
    ):
        return None
    texture = read_image(folder / "james.jpg")
    lines = [line.split() for line in (folder / "james.obj").read_text().splitlines() if line]
    vertices = np.array([line[1:4] for line in lines if line[0] == "v"], dtype=np.float64)
    places = np.array([line[1:3] for line in lines if line[0] == "vt"], dtype=np.float64)
    places = places * (1, -1) + (0, 1)
    corners = np.array(
        [[corner.split("/")[:2] for corner in line[1:4]] for line in lines if line[0] == "f"], dtype=np.int64
    )
    size = np.array(texture.shape[1::-1])
    return Scan(vertices, corners[..., 0] - 1, (places * size - 0.5)[corners[..., 1] - 1], texture)


def project(points: Array, placed: Placed) -> Array:
    """Points of space (N, 3) in the picture: x and y in pixels, and how far away they are, in pixels."""
    turned = (points - _AXIS) @ placed.pose.rotation.T
    near = _DISTANCE / (_DISTANCE - turned[:, 2]) * placed.scale
    return np.column_stack(
        [
            turned[:, 0] * near + placed.at[0],
            -turned[:, 1] * near + placed.at[1],
            -turned[:, 2] * placed.scale,
        ]
    )


def rasterise(points: Array, triangles: Indices, size: tuple[int, int]) -> tuple[Indices, Array]:
    """Which triangle is seen at each pixel (H, W), -1 for none, and the shares (H, W, 3) of its corners
    there.

    ``points`` (V, 3) are x, y and distance; ``size`` is width and height. Triangles that show their back are
    left out.
    """
    width, height = size
    corners = points[triangles][..., :2]
    area = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    low, high = np.floor(corners.min(axis=1)).astype(int), np.ceil(corners.max(axis=1)).astype(int)
    usable = (area < -1e-9) & (high >= 0).all(axis=1) & (low < size).all(axis=1)
    extent = (high - low + 1).max(axis=1)
    pixels, owners, shares = [], [], []
    above, largest = 0, int(extent[usable].max(initial=0))
    while above < largest:
        # Triangles of about one size are done together: all pixels of a square are tried for each.
        side = max(2, 2 * above)
        some = np.nonzero(usable & (extent > above) & (extent <= side))[0]
        above = side
        rows, columns = np.divmod(np.arange(side * side), side)
        places = np.stack([low[some, 0, None] + columns, low[some, 1, None] + rows], axis=-1)
        own = corners[some][:, None]
        parts = (
            np.stack(
                [_cross(own[:, :, (i + 1) % 3] - places, own[:, :, (i + 2) % 3] - places) for i in range(3)],
                axis=-1,
            )
            / area[some, None, None]
        )
        inside = (parts >= -1e-9).all(axis=-1) & (places >= 0).all(axis=-1) & (places < size).all(axis=-1)
        which, where = np.nonzero(inside)
        pixels.append(places[which, where])
        owners.append(some[which])
        shares.append(parts[which, where])
    triangle, share = np.full((height, width), -1), np.zeros((height, width, 3))
    if pixels:
        pixel, owner, part = (np.concatenate(values) for values in (pixels, owners, shares))
        distance = (points[triangles[owner], 2] * part).sum(axis=1)
        order = np.argsort(-distance, kind="stable")  # the nearest is written last
        column, row = pixel[order].T
        triangle[row, column], share[row, column] = owner[order], part[order]
    return triangle, share


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _enlarged(placed: Placed) -> Placed:
    x, y = ((value + 0.5) * _FINER - 0.5 for value in placed.at)
    return Placed(placed.pose, placed.scale * _FINER, (x, y), placed.light, placed.tint)


def _paint_body(canvas: Image, placed: Placed) -> None:
    """The back of the head, neck and shoulders, behind the scan."""
    centre, radius = _SKULL
    x, y, _ = project(centre[None], placed)[0].tolist()
    scale = placed.scale
    shoulders = (round(placed.at[0]), round(placed.at[1] + 330 * scale))
    cv2.ellipse(
        canvas, shoulders, (round(230 * scale), round(165 * scale)), 0, 0, 360, _SHIRT, -1, cv2.LINE_AA
    )
    neck = [round(value * np.mean(placed.tint)) for value in _NECK]
    middle = (round((x + placed.at[0]) / 2), round(placed.at[1] + 140 * scale))
    cv2.ellipse(canvas, middle, (round(50 * scale), round(90 * scale)), 0, 0, 360, neck, -1, cv2.LINE_AA)
    cv2.ellipse(
        canvas,
        (round(x), round(y)),
        (round(radius * scale), round(1.05 * radius * scale)),
        0,
        0,
        360,
        _HAIR,
        -1,
        cv2.LINE_AA,
    )
