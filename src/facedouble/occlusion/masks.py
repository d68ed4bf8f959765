"""The masks of a track: hands, the unhidden face, the network, steadiness and edges, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch

from facedouble.faces.colour import to_float
from facedouble.faces.hull import FOREHEAD, face_hull
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


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of the N faces of a track before the network sees them: crops (256, 256, 3), hulls and
    hands (256, 256) 0..1, and the face unhidden (256, 256, 3)."""

    crops: Sequence[Image]
    hulls: Sequence[Mask]
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
        found = self.predict(prepared)
        adjacent = [after.frame - before.frame == 1 for before, after in pairwise(track)]
        steady = fuse(found, prepared.crops, adjacent)
        return [
            finished(mask, crop, hull)
            for mask, crop, hull in zip(steady, prepared.crops, prepared.hulls, strict=True)
        ]

    def predict(self, prepared: Prepared) -> list[Mask]:
        """The network's answers, (256, 256) 0..1, frame by frame."""
        found: list[Mask] = []
        count = len(prepared.crops)
        with torch.inference_mode():
            for start in range(0, count, _BATCH):
                given = np.stack(
                    [
                        network_channels(
                            prepared.crops[index],
                            prepared.references[index],
                            prepared.hulls[index],
                            prepared.hands[index],
                        )
                        for index in range(start, min(start + _BATCH, count))
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
        [drawn_hands(own, SIDE) for own in hands],
        [references.like(face) for face in track],
    )


def hull_of(face: TrackCrop, scheme: LandmarkScheme) -> Mask:
    """The hull of a face in its crop (256, 256) 0..1, with part of the forehead."""
    return face_hull(face.points(SIDE), SIDE, scheme, forehead=FOREHEAD)


def finished(mask: Mask, crop: Image, hull: Mask) -> Grey:
    """A mask (S, S) 0..1 with its edges on those of the crop, in 8 bits; 255 beyond the face."""

    if float(mask[hull > 0.5].min(initial=1.0)) > 0.5:
        return np.full(mask.shape, 255, np.uint8)
    sharp = sharpen_edges(mask, to_float(crop))
    reach = round(_NEAR * mask.shape[0])
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    near = cv2.dilate(hull, kernel)
    return np.asarray(np.round(255 * (1 - near * (1 - sharp))), np.uint8)
