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
_EVERY = 4  # crops of a track, of which one is searched for palms, in one square and the other by turns
_STEP = 2  # crops, of which one is looked at for joints; those of a crop between are the mean
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

    def search(self, crop: Image, rooms: Sequence[float] = _ROOMS) -> list[Hand]:
        """The hands of a crop about which nothing is known, in squares of ``rooms`` sides of the crop."""
        side = crop.shape[0]
        found: list[Hand] = []
        for room in rooms:
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
        """The hands of each crop of a track. Palms are looked for in every fourth crop; a hand that is found
        is followed to the crops before and after it, where palms that lean on a face or leave the frame are
        missed."""
        found: list[list[Hand]] = [[] for _ in crops]
        for turn, index in enumerate(range(0, len(crops), _EVERY)):
            found[index] = self.search(crops[index], (_ROOMS[turn % len(_ROOMS)],))
        last = (len(crops) - 1) // _STEP * _STEP
        for order in (range(_STEP, len(crops), _STEP), range(last - _STEP, -1, -_STEP)):
            for index in order:
                self._carry(crops[index], found[index - order.step], found[index])
        for index in range(1, len(crops), _STEP):
            after = found[index + 1] if index + 1 < len(crops) else []
            self._between(crops[index], found[index - 1], after, found[index])
        return found

    def _carry(self, crop: Image, hands: Sequence[Hand], found: list[Hand]) -> None:
        """Add to ``found`` those ``hands`` of another crop that are in this one."""
        for hand in hands:
            if len(found) >= _MOST:
                break
            carried = self.place(crop, square_around(hand.joints))
            if carried is not None and not any(_same(carried, other) for other in found):
                found.append(carried)

    def _between(self, crop: Image, before: Sequence[Hand], after: Sequence[Hand], found: list[Hand]) -> None:
        """Add to ``found`` the hands of a crop between two others: the mean of those that are in both."""
        alone = list(before)
        for hand in after:
            own = next((other for other in alone if _same(hand, other)), None)
            if own is None:
                self._carry(crop, [hand], found)
                continue
            alone = [other for other in alone if other is not own]
            mean = ((hand.joints + own.joints) / 2).astype(np.float32)
            found.append(Hand(mean, min(hand.presence, own.presence)))
        self._carry(crop, alone, found)


def drawn_hands(hands: Sequence[Hand], side: int) -> Mask:
    """Where hands are, as capsules, (side, side) 0..1."""
    mask: Mask = np.zeros((side, side), np.float32)
    for hand in hands:
        np.maximum(mask, capsules(hand.joints.astype(np.float64), side), out=mask)
    return mask


def _same(first: Hand, second: Hand) -> bool:
    palm = float(np.linalg.norm(first.joints[9] - first.joints[0])) + 1e-6
    return float(np.linalg.norm(first.joints - second.joints, axis=1).mean()) < _SAME_HAND * palm
