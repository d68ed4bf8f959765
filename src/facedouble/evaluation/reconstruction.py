"""The model by itself: how well each decoder reconstructs its own person's faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from facedouble.evaluation.gallery import Person
from facedouble.evaluation.image_quality import ssim
from facedouble.faces.align import extract_crop, map_points, recrop
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.colour import apply_statistics, smooth_statistics
from facedouble.faces.geometry import Geometry, describe_faces
from facedouble.faces.hull import face_hull
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faceset.crops import read_crop
from facedouble.faceset.held_out import split_held_out
from facedouble.faceset.store import Faceset
from facedouble.models.base import SwapModel
from facedouble.types import Face, FloatArray, Grey, Image, Landmarks, Mask, Side

_MAX_FACES = 24
_MAX_DESCRIBED = 8
_LARGE = 256  # side in pixels at which identity is measured


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """How well a model reconstructs ``faces`` faces of one side with their own decoder: SSIM of luma and
    PSNR in dB inside the face, in the network's standard colours; ``distance`` is the mean distance between
    dlib's descriptor of the reconstructed faces and the person's mean."""

    faces: int
    ssim: float
    psnr: float
    distance: float


@dataclass(frozen=True, slots=True)
class _Sample:
    seen: FloatArray
    mask: Mask
    points: Landmarks
    colour: FloatArray
    scheme: LandmarkScheme
    geometry: FloatArray | None


def reconstruct(
    network: SwapModel, coverage: float, side: Side, facesets: Sequence[Path], person: Person
) -> Reconstruction:
    """Reconstruct the faces of a side that are held out from training, or all if none are, up to 24 evenly
    spread."""
    samples = _samples(InputCrop(network.resolution, coverage), facesets, network.geometry)
    described = [sample.geometry for sample in samples if sample.geometry is not None]
    geometry = torch.from_numpy(np.stack(described)) if described else None
    batch = torch.from_numpy(np.stack([sample.seen for sample in samples]).transpose(0, 3, 1, 2)).contiguous()
    with torch.inference_mode():
        drawn = network(batch, side, side, geometry).picture.float().permute(0, 2, 3, 1).numpy()
    alike, errors = [], []
    large: list[tuple[Image, Landmarks]] = []
    chosen = set(
        np.linspace(0, len(samples) - 1, min(_MAX_DESCRIBED, len(samples))).round().astype(int).tolist()
    )
    for number, (sample, picture) in enumerate(zip(samples, np.clip(drawn, 0, 1), strict=True)):
        alike.append(ssim(_luma(picture), _luma(sample.seen), sample.mask))
        square = ((picture - sample.seen) ** 2).mean(axis=2)
        errors.append(float((square * sample.mask).sum() / sample.mask.sum()))
        if number in chosen:
            large.append(_enlarged(apply_statistics(picture, sample.colour), sample.points))
    images, points = zip(*large, strict=True)
    descriptors = FaceAnalyser(landmarks=samples[0].scheme.name).describe_all(images, points)
    distances = [float(np.linalg.norm(descriptor - person.mean)) for descriptor in descriptors]
    noise = max(float(np.mean(errors)), 1e-10)
    return Reconstruction(
        len(samples), float(np.mean(alike)), float(10 * np.log10(1 / noise)), float(np.mean(distances))
    )


def _samples(view: InputCrop, facesets: Sequence[Path], geometry: Geometry | None) -> list[_Sample]:
    known: list[tuple[Face, FloatArray, Path, FloatArray | None]] = []
    held: list[tuple[Face, FloatArray, Path, FloatArray | None]] = []
    for path in facesets:
        with Faceset.open(path) as faceset:
            faces = faceset.faces()
            colours = smooth_statistics(faces)
            told = [None] * len(faces) if geometry is None else describe_faces(faces, geometry, view.coverage)
            own = [
                (face, colour, faceset.crop_path(face), described)
                for face, colour, described in zip(faces, colours, told, strict=True)
            ]
        known += own
        held += own[split_held_out([face.frame_index for face in faces])[1] :]
    chosen = held or known
    spread = np.linspace(0, len(chosen) - 1, min(_MAX_FACES, len(chosen))).round().astype(int)
    return [_sample(view, *chosen[i]) for i in spread]


def _sample(
    view: InputCrop, face: Face, colour: FloatArray, crop: Path, geometry: FloatArray | None
) -> _Sample:
    inner = view.alignment(np.eye(2, 3), face.crop_size)
    points = map_points(inner, map_points(face.alignment, face.smoothed))
    scheme = scheme_of(face)
    seen = network_input(extract_crop(read_crop(crop, face), inner, view.resolution), points, scheme, colour)
    return _Sample(seen, face_hull(points, view.resolution, scheme), points, colour, scheme, geometry)


def _luma(picture: FloatArray) -> Grey:
    image = np.round(picture * 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _enlarged(picture: FloatArray, points: Landmarks) -> tuple[Image, Landmarks]:
    matrix = recrop(np.eye(2, 3), picture.shape[0], 1.0, _LARGE)
    image = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    large = cv2.resize(image, (_LARGE, _LARGE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.uint8), map_points(matrix, points)
