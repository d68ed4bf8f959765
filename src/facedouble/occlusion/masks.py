"""The masks of a track: hands, the unhidden face, the network, steadiness and edges, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch

from facedouble.faces.hull import FOREHEAD, eyes_and_mouth_mask, face_hull
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.occlusion.edges import sharpen_edges
from facedouble.occlusion.examples import network_channels
from facedouble.occlusion.hands import Hand, HandFinder, drawn_hands
from facedouble.occlusion.known import resized
from facedouble.occlusion.network import SIDE, OcclusionNetwork
from facedouble.occlusion.steady import fuse
from facedouble.occlusion.track_crop import TrackCrop
from facedouble.occlusion.unhidden import References
from facedouble.types import Grey, Image, Mask

_BATCH = 8
_NEAR = 0.06  # of the side: how far beyond the face's hull a mask says anything
_HIDDEN = 0.5  # of a mask, below which a pixel is hidden
_UNSURE = 0.65  # the same where the network is to look at the neighbours as well
_CHANGE = 0.06  # of grey 0..1 in a 32nd of the side, from which a frame is not like its neighbours
_BLOCKS = 32
_SPECK = 0.0006  # of the face: what is hidden is larger
_INSIDE = (
    0.8  # of something hidden, from which on it is teeth, tongue, the dark between, or an eye that opens
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of the N faces of a track before the network sees them: crops (256, 256, 3), hulls,
    openings (eyes and mouth) and hands (256, 256) 0..1, and the face unhidden (256, 256, 3)."""

    crops: Sequence[Image]
    hulls: Sequence[Mask]
    openings: Sequence[Mask]
    hands: Sequence[Mask]
    references: Sequence[Image]


class Masker:
    """Finds what is visible of the faces of a track. For one thread at a time."""

    def __init__(self, network: OcclusionNetwork, device: torch.device, *, hands: bool = True) -> None:
        self._network = network.to(device).eval()
        self._device = device
        self._finder = HandFinder() if hands else None

    def find_hands(self, crops: Sequence[Image]) -> list[list[Hand]]:
        """The hands of each crop (S, S, 3) of a track, in pixels of the network's side."""
        if self._finder is None:
            return [[] for _ in crops]
        return self._finder.follow([resized(crop) for crop in crops])

    def masks(
        self,
        track: Sequence[TrackCrop],
        hands: Sequence[Sequence[Hand]],
        references: References,
        scheme: LandmarkScheme,
    ) -> list[Grey]:
        """What is visible of each face of a track, in the order of frames, (256, 256), 0 hidden to 255
        visible; all visible beyond the face."""
        prepared = prepare(track, hands, references, scheme)
        adjacent = [after.frame - before.frame == 1 for before, after in pairwise(track)]
        steady = fuse(self.follow(prepared, adjacent), prepared.crops, adjacent)
        return [
            finished(*face)
            for face in zip(steady, prepared.crops, prepared.hulls, prepared.openings, strict=True)
        ]

    def follow(self, prepared: Prepared, adjacent: Sequence[bool]) -> list[Mask]:
        """The network's answers for a track, (256, 256) 0..1; ``adjacent`` as :func:`.steady.fuse` takes it.

        Of consecutive frames it looks at each second one. One between is visible everywhere if both its
        neighbours are, no hand is near and the picture changes evenly.
        """
        count = len(prepared.crops)
        grey = [_blocks(crop) for crop in prepared.crops]
        later = [
            index
            for index in range(1, count - 1, 2)
            if adjacent[index - 1]
            and adjacent[index]
            and not prepared.hands[index].any()
            and np.abs(grey[index] - (grey[index - 1] + grey[index + 1]) / 2).max() < _CHANGE
        ]
        found: list[Mask] = [np.ones((SIDE, SIDE), np.float32)] * count
        waiting = set(later)
        first = [index for index in range(count) if index not in waiting]
        for index, mask in zip(first, self.predict(prepared, first), strict=True):
            found[index] = mask
        free = [
            float(mask[hull > 0.5].min(initial=1)) > _UNSURE
            for mask, hull in zip(found, prepared.hulls, strict=True)
        ]
        second = [index for index in later if not (free[index - 1] and free[index + 1])]
        for index, mask in zip(second, self.predict(prepared, second), strict=True):
            found[index] = mask
        return found

    def predict(self, prepared: Prepared, chosen: Sequence[int] | None = None) -> list[Mask]:
        """The network's answers, (256, 256) 0..1, for all faces or those ``chosen``."""
        chosen = range(len(prepared.crops)) if chosen is None else chosen
        found: list[Mask] = []
        with torch.inference_mode():
            for start in range(0, len(chosen), _BATCH):
                given = np.stack(
                    [
                        network_channels(
                            prepared.crops[index],
                            prepared.references[index],
                            prepared.hulls[index],
                            prepared.hands[index],
                        )
                        for index in chosen[start : start + _BATCH]
                    ]
                )
                batch = torch.from_numpy(given).to(self._device)
                answer = torch.sigmoid(self._network(batch.contiguous(memory_format=torch.channels_last)))
                found += list(answer[:, 0].float().cpu().numpy())
        return found


def prepare(
    track: Sequence[TrackCrop],
    hands: Sequence[Sequence[Hand]],
    references: References,
    scheme: LandmarkScheme,
) -> Prepared:
    """What the network is to see of the faces of a track."""
    return Prepared(
        [resized(face.crop) for face in track],
        [hull_of(face, scheme) for face in track],
        [eyes_and_mouth_mask(face.points(SIDE), SIDE, scheme) for face in track],
        [drawn_hands(own, SIDE) for own in hands],
        [references.like(face) for face in track],
    )


def hull_of(face: TrackCrop, scheme: LandmarkScheme) -> Mask:
    """The hull of a face in its crop (256, 256) 0..1, with part of the forehead."""
    return face_hull(face.points(SIDE), SIDE, scheme, forehead=FOREHEAD)


def finished(mask: Mask, crop: Image, hull: Mask, openings: Mask) -> Grey:
    """A mask (S, S) 0..1 with its edges on those of the crop, in 8 bits; 255 beyond the face.

    Specks are visible, and so is what lies inside the ``openings``, eyes or mouth: where the face unhidden
    has them shut, the network takes eyeballs, teeth and tongues for something in front.
    """
    if float(mask[hull > 0.5].min(initial=1.0)) <= _HIDDEN:
        mask = _without_specks(mask, hull, openings)
    if float(mask[hull > 0.5].min(initial=1.0)) > _HIDDEN:
        return np.full(mask.shape, 255, np.uint8)
    sharp = sharpen_edges(mask, crop)
    small = cv2.resize(hull, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    reach = round(_NEAR * small.shape[0])
    near = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    wide = np.asarray(cv2.resize(near, hull.shape[::-1], interpolation=cv2.INTER_LINEAR))
    return np.asarray(np.round(255 * (1 - wide * (1 - sharp))), np.uint8)


def _without_specks(mask: Mask, hull: Mask, openings: Mask) -> Mask:
    hidden = (mask < _HIDDEN).astype(np.uint8)
    count, labels = cv2.connectedComponents(hidden)
    face = hull > 0.5
    sizes = np.bincount(labels.ravel(), minlength=count)
    inside = np.bincount(labels[openings > 0.5], minlength=count)
    on_face = np.bincount(labels[face], minlength=count)
    dropped = (on_face < _SPECK * face.sum()) | (inside > _INSIDE * sizes)
    dropped[0] = False
    if not dropped[np.nonzero(on_face)[0]].any():
        return mask
    kernel = np.ones((9, 9), np.uint8)
    away = cv2.dilate(dropped[labels].astype(np.uint8), kernel) > 0
    kept = cv2.dilate((hidden.astype(bool) & ~dropped[labels]).astype(np.uint8), kernel) > 0
    return np.asarray(np.where(away & ~kept, np.float32(1), mask), np.float32)


def _blocks(crop: Image) -> Mask:
    """The crop in grey, (32, 32) 0..1."""
    small = cv2.resize(crop, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)
