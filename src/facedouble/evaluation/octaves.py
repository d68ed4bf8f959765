"""Fine detail of a face in octaves: pure functions on crops of a standard size.

A single number for sharpness cannot tell skin from sharpened blocks: what is missing at one scale is made
up for at another. Band by band it cannot.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.network_input import InputCrop
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, Image, Landmarks, Mask

Energies = npt.NDArray[np.float64]
"""(3,): one value per band, the finest first."""

SCALES = (0.5, 1.0, 2.0, 4.0)
"""Standard deviations in pixels of the Gaussians between which the bands lie: 1, 2, 4 and 8 pixels where the
eyes are 128 pixels apart."""

CROP = InputCrop(176, 0.6875)
"""The crop that is examined, whatever the size of the face; an average one has its eyes 64 pixels apart."""


def octave_energies(crop: Image, mask: Mask) -> Energies:
    """Energy of the luma (0..1) of a crop (S, S, 3) in three bands inside ``mask`` (S, S).

    A band is the difference of two Gaussian blurs whose standard deviations are an octave apart
    (:data:`SCALES`); its energy is its mean square. The ratio to that of another face of the same size says
    how much more detail of that size there is.
    """
    luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.float32) / np.float32(255)
    blurred = [cv2.GaussianBlur(luma, (0, 0), scale) for scale in SCALES]
    weight = max(float(mask.sum()), 1e-6)
    bands = (fine - coarse for fine, coarse in itertools.pairwise(blurred))
    return np.array([float((band * band * mask).sum()) / weight for band in bands])


def face_octaves(
    image: Image,
    alignment: Alignment,
    points: Landmarks,
    scheme: LandmarkScheme,
    seen: Mask | None = None,
) -> Energies:
    """:func:`octave_energies` of a face. ``alignment`` takes pixels of ``image`` to its :data:`CROP`,
    ``points`` are its landmarks in the pixels of ``image``; ``seen`` is which part of the crop, 0..1, shows
    the face."""
    size = CROP.resolution
    mask = inner_face_mask(map_points(alignment, points), size, scheme)
    if seen is not None:
        mask = mask * seen
    return octave_energies(extract_crop(image, alignment, size), mask)
