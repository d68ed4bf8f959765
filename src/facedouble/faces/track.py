"""Following faces through a clip, and steadying their landmarks in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from facedouble.types import Face

_MIN_OVERLAP = 0.3


def assign_tracks(frames: Sequence[Sequence[Face]]) -> list[list[Face]]:
    """Give each face the number of its track: one person through consecutive frames.

    ``frames`` holds the faces of every frame in order. A face carries on the track of the face of
    the frame before that it overlaps most (intersection over union of at least 0.3, best pairs
    first); otherwise it begins a new one. Numbers count from 0 in order of appearance.
    """
    result: list[list[Face]] = []
    previous: Sequence[Face] = ()
    tracks = 0
    for faces in frames:
        pairs = sorted(
            (
                (face.box.overlap(old.box), i, j)
                for i, face in enumerate(faces)
                for j, old in enumerate(previous)
            ),
            reverse=True,
        )
        chosen: dict[int, int] = {}
        taken: set[int] = set()
        for overlap, i, j in pairs:
            if overlap >= _MIN_OVERLAP and i not in chosen and j not in taken:
                chosen[i] = previous[j].track
                taken.add(j)
        current = []
        for i, face in enumerate(faces):
            if i not in chosen:
                chosen[i] = tracks
                tracks += 1
            current.append(face.with_(track=chosen[i]))
        result.append(current)
        previous = current
    return result


def steady(faces: Sequence[Face], sigma: float) -> list[Face]:
    """Faces of one track in consecutive frames with their landmarks smoothed in time.

    A Gaussian of ``sigma`` frames, centred, so there is no lag (zero phase); ends are mirrored.
    """
    if sigma <= 0 or len(faces) < 3:
        return [face.with_(steady=face.landmarks) for face in faces]
    path = np.stack([face.landmarks for face in faces]).astype(np.float64)
    smooth = gaussian_filter1d(path, sigma, axis=0, mode="nearest").astype(np.float32)
    return [face.with_(steady=points) for face, points in zip(faces, smooth, strict=True)]
