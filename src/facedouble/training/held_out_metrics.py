"""Metrics of a model on held-out faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.colour import apply_statistics
from facedouble.faces.landmarks import eye_opening, mouth_opening
from facedouble.faces.pose import head_poses
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.models.base import SwapModel
from facedouble.training.dataset import Dataset, SideDataset
from facedouble.training.losses import luma
from facedouble.types import FloatArray, Image, Landmarks, Side

MAX_FACES = 24
"""Faces of each side that are restored, and of A that are swapped, at most."""

_DESCRIBED = 12  # of them, and of each side's own faces, those whose identity is asked for
_SIZE = 256  # side in pixels at which landmarks and identity are looked for
_WINDOW = 11
_SIGMA = 1.5


@dataclass(frozen=True, slots=True)
class HeldOutMetrics:
    """A model on faces held out. Pictures as networks see them, at the model's resolution.

    Restored by their own decoder, mean of both sides: ``ssim`` of the face, ``ssim_eyes`` and
    ``ssim_mouth`` of boxes around those; up to 1, higher is better. ``ssim_a`` and ``ssim_b`` are the
    face's for each side.

    A's faces drawn by B's decoder: ``to_b`` and ``to_a`` are mean distances of dlib's descriptor to the mean
    of each person's own faces, seen in the same way (lower is more alike; ``own_b`` is what B's own faces
    have); ``mouth``, ``eyes`` and ``pose`` are how far expression and head stray from the source's: mean
    differences of the openings of ``faces/landmarks.py``, and of yaw, pitch and roll together in degrees.
    Landmarks are found anew in both pictures. What is the same in all faces does not count, as one
    person's eyes are narrower than another's; so a drawing that is the source itself has 0, and one that
    never changes has what the source changes.
    """

    faces: int
    ssim: float
    ssim_a: float
    ssim_b: float
    ssim_eyes: float
    ssim_mouth: float
    to_b: float
    to_a: float
    own_b: float
    mouth: float
    eyes: float
    pose: float

    @property
    def score(self) -> float:
        """One number for how good the model is, higher is better: restored faces alike by half, and by
        half how much nearer the swap is to B than to A."""
        return 0.5 * self.ssim + 0.5 * (self.to_a - self.to_b)


class HeldOutEvaluator:
    """Measures models on the held-out faces of ``data``; where a side has none, on faces trained on."""

    def __init__(self, data: Dataset) -> None:
        self._shown = data.evaluation
        self._scheme = data.scheme
        self._analyser = FaceAnalyser(landmarks=self._scheme.name)
        self._people = {side: self._person(known) for side, known in data.training.items()}
        a = self._shown["a"]
        chosen = a.some(MAX_FACES)
        self._points = a.landmarks[chosen].numpy()
        self._colours = a.colours[chosen.numpy()]
        own = pictures_of(a.pictures(MAX_FACES), self._colours)
        self._source = self._looked_at(own, self._points)
        b = self._shown["b"]
        few = b.some(_DESCRIBED)
        real = pictures_of(b.pictures(_DESCRIBED), b.colours[few.numpy()])
        self._own_b = self._distance(self._described(real, b.landmarks[few].numpy()), "b")

    @torch.no_grad()
    def measure(self, network: SwapModel) -> HeldOutMetrics:
        """Measure ``network``, which is to be in evaluation mode and calibrated."""
        whole, eyes, mouth = zip(
            *(self._restored(network, side, known) for side, known in self._shown.items()), strict=True
        )
        faces = self._shown["a"].pictures(MAX_FACES)
        drawn = pictures_of(
            network(faces, "a", "b", self._shown["a"].geometry_of(MAX_FACES)).picture.float(), self._colours
        )
        found = self._looked_at(drawn, self._points)
        spread = np.linspace(0, len(drawn) - 1, min(_DESCRIBED, len(drawn))).round().astype(int).tolist()
        described = self._described([drawn[i] for i in spread], self._points[spread])
        return HeldOutMetrics(
            faces=sum(min(MAX_FACES, len(known)) for known in self._shown.values()),
            ssim=float(np.mean(whole)),
            ssim_a=whole[0],
            ssim_b=whole[1],
            ssim_eyes=float(np.mean(eyes)),
            ssim_mouth=float(np.mean(mouth)),
            to_b=self._distance(described, "b"),
            to_a=self._distance(described, "a"),
            own_b=self._own_b,
            mouth=self._change(found, _mouths),
            eyes=self._change(found, _eyes),
            pose=self._change(found, _heads),
        )

    def _restored(self, network: SwapModel, side: Side, known: SideDataset) -> tuple[float, float, float]:
        """SSIM of a side's faces from their own decoder: of the face, of the eyes, of the mouth."""
        faces, masks = known.pictures(MAX_FACES), known.masks(MAX_FACES)
        points = known.landmarks[known.some(MAX_FACES)].to(faces.device)
        restored = network(faces, side, side, known.geometry_of(MAX_FACES)).picture
        alike = ssim_map(restored.float().clamp(0, 1), faces)
        size = faces.shape[-1]
        regions = self._scheme.regions
        right, left = (box(points[:, eye.contour], size) for eye in regions.eyes)
        parts = (masks, torch.maximum(right, left), box(points[:, regions.lips], size))
        whole, both_eyes, mouth = (float((alike * part).sum() / part.sum()) for part in parts)
        return whole, both_eyes, mouth

    def _person(self, known: SideDataset) -> FloatArray:
        """Mean descriptor (128,) of a side's own faces, seen as drawn ones are."""
        chosen = known.some(_DESCRIBED)
        own = pictures_of(known.pictures(_DESCRIBED), known.colours[chosen.numpy()])
        mean: FloatArray = self._described(own, known.landmarks[chosen].numpy()).mean(axis=0)
        return mean

    def _described(self, pictures: list[Image], points: FloatArray) -> FloatArray:
        return np.stack(self._analyser.describe_all(pictures, [in_pixels(own) for own in points]))

    def _distance(self, described: FloatArray, side: Side) -> float:
        return float(np.linalg.norm(described - self._people[side], axis=1).mean())

    def _change(
        self, found: FloatArray, measure: Callable[[FloatArray, LandmarkScheme], FloatArray]
    ) -> float:
        """How far what ``measure`` says of landmarks (N, P, 2) is from what it says of their source."""
        return _difference(measure(found, self._scheme), measure(self._source, self._scheme))

    def _looked_at(self, pictures: list[Image], points: FloatArray) -> FloatArray:
        """Landmarks (N, P, 2) found anew in pictures whose landmarks are about ``points``."""
        found = self._analyser.refine_all(pictures, [in_pixels(own) for own in points])
        return np.stack([face.points for face in found])


def ssim_map(pictures: Tensor, targets: Tensor) -> Tensor:
    """Structural similarity of the luma of (N, 3, H, W) pictures 0..1 at each pixel, (N, 1, H, W), up to 1.

    Wang et al. 2004: Gaussian window of 11 pixels and deviation 1.5, K1 = 0.01, K2 = 0.03; beyond the border
    the pictures are mirrored.
    """
    x, y = luma(pictures), luma(targets)
    steps = torch.arange(_WINDOW, device=x.device) - _WINDOW // 2
    line = torch.exp(-steps.square() / (2 * _SIGMA**2))
    line = line / line.sum()
    around = F.pad(torch.cat([x, y, x * x, y * y, x * y]), [_WINDOW // 2] * 4, mode="reflect")
    moments = F.conv2d(F.conv2d(around, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    mx, my, xx, yy, xy = moments.split(len(x))
    vx, vy, vxy = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    alike: Tensor = ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return alike


def box(points: Tensor, size: int) -> Tensor:
    """Masks (N, 1, size, size), 1 in the upright box around landmarks (N, K, 2) in units of ``Batch``, with
    a fifth of its width around it."""
    low, high = points.amin(dim=1), points.amax(dim=1)
    room = (high - low)[:, :1] / 5
    low, high = low - room, high + room
    middles = (torch.arange(size, device=points.device) * 2 + 1) / size - 1
    inside = [(middles >= low[:, axis, None]) & (middles <= high[:, axis, None]) for axis in (0, 1)]
    return (inside[1][:, :, None] & inside[0][:, None, :]).float()[:, None]


def pictures_of(drawn: Tensor, colours: FloatArray) -> list[Image]:
    """Drawn faces (N, 3, R, R) in the colours (N, 2, 3) of their frames, enlarged to look at: images."""
    large = F.interpolate(drawn, size=(_SIZE, _SIZE), mode="bicubic", align_corners=False)
    pictures = large.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [
        np.clip(apply_statistics(picture, own) * 255 + 0.5, 0, 255).astype(np.uint8)
        for picture, own in zip(pictures, colours, strict=True)
    ]


def in_pixels(points: Landmarks) -> Landmarks:
    """Landmarks (P, 2) in units of ``Batch`` as points of such an enlarged picture."""
    return np.asarray((points + 1) * _SIZE / 2 - 0.5, dtype=np.float32)


def _difference(found: FloatArray, source: FloatArray) -> float:
    """Mean distance of N faces' measures (N, K) from those of their source, without what is the same in all
    of them."""
    away = found - source
    return float(np.linalg.norm(away - away.mean(axis=0), axis=1).mean())


def _mouths(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    return np.array([[mouth_opening(points, scheme)] for points in landmarks], dtype=np.float32)


def _eyes(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    return np.array([[eye_opening(points, scheme)] for points in landmarks], dtype=np.float32)


def _heads(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    return head_poses(landmarks, scheme)[:, :3].astype(np.float32)
