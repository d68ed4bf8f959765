"""Hands in front of a face, found without labels and followed along a track of crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.networks.inference import hand_joints, palms
from facedouble.networks.mediapipe import HAND_PRESENCE, JOINTS, PALM_BOXES, PALM_SCORES
from facedouble.occlusion.hand_geometry import JOINTS_SIDE, PALM_SIDE, Square, find_palms, square_around
from facedouble.occlusion.occluders import capsules
from facedouble.types import FloatArray, Image, Mask

_LEAST_PALM = 0.3
_PRESENT = 0.6  # from which the network of joints is believed
_ROOMS = (1.0, 1.6)  # the squares that palms are looked for in, in sides of the crop: hands reach beyond it
_MOST = 2  # hands
_EVERY = 3  # crops of a track, of which one is searched for palms
_SAME_HAND = 0.35  # mean distance of joints in sizes of the palm, below which two hands are one


@dataclass(frozen=True, slots=True)
class Hand:
    """``joints`` (21, 2) in pixels of the crop, and how sure the network is of it, 0..1."""

    joints: FloatArray
    presence: float


class HandFinder:
    """Finds hands in aligned crops (S, S, 3). For one thread at a time."""

    def __init__(self, device: str = "cpu") -> None:
        self._palms, self._joints = palms(device), hand_joints(device)

    def search(self, crop: Image) -> list[Hand]:
        """The hands of a crop about which nothing is known."""
        side = crop.shape[0]
        found: list[Hand] = []
        for room in _ROOMS:
            middle = (side - 1) / 2
            matrix = Square((middle, middle), side * room, 0.0).alignment(PALM_SIDE)
            shown = cv2.warpAffine(crop, matrix, (PALM_SIDE, PALM_SIDE), flags=cv2.INTER_AREA)
            answer = self._palms(np.asarray(shown, np.uint8)[None])
            back = np.linalg.inv(matrix[:, :2])
            for _, square in find_palms(answer[PALM_BOXES][0], answer[PALM_SCORES][0, :, 0], _LEAST_PALM)[
                :_MOST
            ]:
                centre = back @ (np.array(square.centre) - matrix[:, 2])
                scale = float(side * room / PALM_SIDE)
                placed = Square((float(centre[0]), float(centre[1])), square.side * scale, square.turn)
                hand = self.place(crop, placed)
                if hand is not None and not any(_same(hand, other) for other in found):
                    found.append(hand)
        return found[:_MOST]

    def place(self, crop: Image, square: Square) -> Hand | None:
        """The hand in a square around it; ``None`` if there is none."""
        matrix = square.alignment(JOINTS_SIDE)
        shown = cv2.warpAffine(crop, matrix, (JOINTS_SIDE, JOINTS_SIDE), flags=cv2.INTER_LINEAR)
        answer = self._joints(np.asarray(shown, np.uint8)[None])
        presence = float(answer[HAND_PRESENCE][0, 0])
        if presence < _PRESENT:
            return None
        seen = answer[JOINTS][0].reshape(21, 3)[:, :2]
        joints = (seen - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        return Hand(joints.astype(np.float32), presence)

    def follow(self, crops: Sequence[Image]) -> list[list[Hand]]:
        """The hands of each crop of a track. Palms are looked for in every third crop; a hand that is found
        is followed to the crops before and after it, where palms that lean on a face or leave the frame are
        missed."""
        found = [self.search(crop) if index % _EVERY == 0 else [] for index, crop in enumerate(crops)]
        for order in (range(1, len(crops)), range(len(crops) - 2, -1, -1)):
            step = order.step
            for index in order:
                for hand in found[index - step]:
                    if len(found[index]) >= _MOST:
                        break
                    carried = self.place(crops[index], square_around(hand.joints))
                    if carried is None or any(_same(carried, other) for other in found[index]):
                        continue
                    found[index].append(carried)
        return found


def drawn_hands(hands: Sequence[Hand], side: int) -> Mask:
    """Where hands are, as capsules, (side, side) 0..1."""
    mask: Mask = np.zeros((side, side), np.float32)
    for hand in hands:
        np.maximum(mask, capsules(hand.joints.astype(np.float64), side), out=mask)
    return mask


def _same(first: Hand, second: Hand) -> bool:
    palm = float(np.linalg.norm(first.joints[9] - first.joints[0])) + 1e-6
    return float(np.linalg.norm(first.joints - second.joints, axis=1).mean()) < _SAME_HAND * palm
