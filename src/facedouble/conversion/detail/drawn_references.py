"""The reference set as the model sees it: real pictures, what the model draws of each, and where."""

from __future__ import annotations

from functools import cached_property, lru_cache
from threading import Lock
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from facedouble.conversion.detail import flow
from facedouble.conversion.detail.matching import ReferenceFeatures
from facedouble.conversion.detail.regions import region_masks, region_points
from facedouble.conversion.detail.transfer import Donor
from facedouble.conversion.drawn_landmarks import DrawnLandmarks, eight_bits
from facedouble.conversion.swapper import Swapper
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.colour import standardise, to_float
from facedouble.faces.hull import FOREHEAD, erode_mask, face_hull
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.types import Alignment, FloatArray, Landmarks, Mask

_EDGE = 0.03  # of the side: detail is carried only from well inside the face
_BATCH = 16
_KEPT = 48  # decoded references


_drawn: WeakKeyDictionary[Swapper, dict[int, DrawnReferences]] = WeakKeyDictionary()
_lock = Lock()


def drawn_references(swapper: Swapper, size: int) -> DrawnReferences:
    """The references of the person whom ``swapper`` draws; drawn once, however many settings are tried."""
    with _lock:
        known = _drawn.setdefault(swapper, {})
        if size not in known:
            references = swapper.references[swapper.side]
            known[size] = DrawnReferences(references, swapper, swapper.drawn_landmarks, size)
        return known[size]


class DrawnReferences:
    """N references of the person whom ``swapper`` draws, in the model's view.

    ``drawn`` (N, D, D, 3): what the model draws of each. ``landmarks`` (N, P, 2): found on those pictures, in
    shares of the view's side, since what is matched with them are drawn pictures too; ``real_landmarks``
    (N, P, 2): those of the real pictures. ``size``: the side R of these.
    """

    def __init__(
        self, references: ReferenceSet, swapper: Swapper, landmarks: DrawnLandmarks, size: int
    ) -> None:
        self._references, self._view, self.size = references, swapper.view, size
        pictures = [self._network_input(number) for number in range(len(references))]
        drawn: list[FloatArray] = []
        for start in range(0, len(pictures), _BATCH):
            batch = pictures[start : start + _BATCH]
            geometry = references.geometry_of(range(start, start + len(batch)))
            drawn += [face.picture for face in swapper.redraw(batch, geometry)]
        self.drawn: FloatArray = np.stack(drawn)
        self.real_landmarks: FloatArray = references.in_view(self._view.coverage)
        self.mean_shape: Landmarks = self.real_landmarks.mean(axis=0)
        self.landmarks = landmarks([eight_bits(picture) for picture in drawn])
        self.regions = region_masks(self.mean_shape, references.scheme, size)
        """(K, R, R): soft masks of the regions."""
        self._small = lru_cache(len(references))(lambda number: flow.resized(self.drawn[number]))
        self._real = lru_cache(_KEPT)(self._real_picture)

    def __len__(self) -> int:
        return len(self._references)

    @cached_property
    def features(self) -> ReferenceFeatures:
        """What drawn faces are compared with to choose references for them."""
        scheme = self._references.scheme
        masks = region_masks(self.mean_shape, scheme, flow.SIDE)
        return ReferenceFeatures.of(list(self.drawn), self.landmarks, masks, region_points(scheme))

    def small(self, number: int) -> FloatArray:
        """What the model draws of a reference, at the size at which motion is estimated."""
        return self._small(number)

    def donor(self, number: int, displacement: FloatArray, weights: FloatArray) -> Donor:
        """A reference bent by ``displacement`` (G, G, 2), with its share in each region (K,)."""
        real, inside = self._real(number)
        return Donor(real, inside, self.drawn[number], displacement, weights)

    def _real_picture(self, number: int) -> tuple[FloatArray, Mask]:
        points = self._in_view(number, self.size)
        crop = extract_crop(self._references.crop(number), self._alignment(self.size), self.size)
        picture = standardise(to_float(crop), self._references.statistics[number])
        hull = face_hull(points, self.size, self._references.scheme, forehead=FOREHEAD)
        inside = erode_mask(hull, _EDGE, beyond=1.0)
        return picture, np.asarray(cv2.GaussianBlur(inside, (0, 0), _EDGE * self.size / 2))

    def _network_input(self, number: int) -> FloatArray:
        size = self._view.resolution
        crop = extract_crop(self._references.crop(number), self._alignment(size), size)
        points = self._in_view(number, size)
        return network_input(crop, points, self._references.scheme, self._references.statistics[number])

    def _alignment(self, size: int) -> Alignment:
        view = InputCrop(size, self._view.coverage)
        return view.alignment(np.eye(2, 3), self._references.size)

    def _in_view(self, number: int, size: int) -> Landmarks:
        return map_points(self._alignment(size), self._references.points(number))
