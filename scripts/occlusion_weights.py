"""Make the weights of the occlusion network that come with the program.

    python -m scripts.occlusion_weights FOLDER [--steps 600] [--output FILE]

FOLDER holds what the faces are made of (``SOURCES``): a scanned head and a photograph, whose licences are
known. The head is drawn at many poses and lights; the photograph is bent to its shapes and mixed with it, so
that few faces become many. ``facedouble.occlusion.occluders`` draws what is in front of them.

Everything random is seeded, and one thread does all of it: the same versions of NumPy, OpenCV and PyTorch on
the same kind of processor give the same bytes. Elsewhere sums are rounded differently, and the weights are
others that are about as good. The checksum goes into ``networks/shipped.py`` and the README beside the
weights by hand.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.interpolate import LinearNDInterpolator

from benchmarks.turned_head import FILES, HeadPose, Placed, load
from facedouble.faces.align import align, extract_crop, map_points
from facedouble.faces.analyser import FaceAnalyser
from facedouble.networks.shipped import FOLDER
from facedouble.occlusion.examples import KnownFace
from facedouble.occlusion.known import known_face
from facedouble.occlusion.network import SIDE, OcclusionNetwork
from facedouble.occlusion.training import teach
from facedouble.occlusion.weight_files import SHIPPED
from facedouble.occlusion.weights import save_weights
from facedouble.types import Image, Landmarks
from facedouble.video.images import read_image

PHOTOGRAPHS = {"astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"}
"""Eileen Collins, a portrait by NASA in the public domain, of scikit-image (``skimage/data``), with its
SHA-256."""

SOURCES = {**FILES, **PHOTOGRAPHS}
"""All files; the scan ``james`` is of menpo3d 0.8.6 (Imperial College London, BSD licence)."""

_FRONTAL, _TURNED = (26, 30.0), (18, 50.0)  # drawn heads, and degrees that they turn to either side
_MIXTURES = 200
_SKIN_POINTS = 468  # of the mesh, without irises

Face = tuple[Image, Landmarks]
"""A crop (256, 256, 3) and its landmarks."""


def main() -> None:
    """Make the faces, teach the network and write its weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--output", type=Path, default=FOLDER / SHIPPED)
    given = parser.parse_args()
    for name, expected in SOURCES.items():
        if hashlib.sha256((given.folder / name).read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{name}: another file than the weights are made of")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    known = make_faces(given.folder)
    print(f"{len(known)} faces")

    def report(step: int, loss: float) -> None:
        if step % 50 == 0:
            print(f"step {step}: loss {loss:.3f}", flush=True)

    network = teach(OcclusionNetwork(), known, given.steps, rate=3e-3, report=report)
    save_weights(network, given.output, "scripts/occlusion_weights.py")
    print(f"{hashlib.sha256(given.output.read_bytes()).hexdigest()}  {given.output}")


def make_faces(folder: Path) -> list[KnownFace]:
    """All faces to draw in front of."""
    analyser, random = FaceAnalyser(), np.random.default_rng(0)
    photographs: list[Face] = []
    for name in PHOTOGRAPHS:
        picture = read_image(folder / name)
        photographs += [
            _aligned(analyser, picture),
            _aligned(analyser, np.ascontiguousarray(picture[:, ::-1])),
        ]
    frontal = _drawn(folder, analyser, random, *_FRONTAL)
    turned = _drawn(folder, analyser, random, *_TURNED)
    mixed = [_mixed(frontal, photographs, random) for _ in range(_MIXTURES)]
    return [known_face(crop, points) for crop, points in (*photographs, *frontal, *turned, *mixed)]


def _aligned(analyser: FaceAnalyser, picture: Image) -> Face:
    landmarks = analyser.search_image(picture)[0].landmarks
    alignment = align(landmarks, SIDE, analyser.scheme)
    return extract_crop(picture, alignment, SIDE), map_points(alignment, landmarks)


def _drawn(
    folder: Path, analyser: FaceAnalyser, random: np.random.Generator, count: int, yaw: float
) -> list[Face]:
    """The scanned head at ``count`` poses and lights, turned by up to ``yaw`` degrees."""
    scan = load(folder)
    assert scan is not None
    found = []
    for number in range(count):
        pose = HeadPose(random.uniform(-yaw, yaw), random.uniform(-22, 22), random.uniform(-15, 15))
        direction = random.normal(size=3) + (0, 0.5, 1.2)
        light = None if number % 3 == 0 else (float(direction[0]), float(direction[1]), float(direction[2]))
        ground = np.full((420, 420, 3), random.integers(0, 255, 3), np.uint8)
        picture = scan.draw(ground, Placed(pose, 1.6, (210 + random.uniform(-20, 20), 210), light))
        if analyser.search_image(picture):
            found.append(_aligned(analyser, picture))
    return found


def _mixed(drawn: list[Face], photographs: list[Face], random: np.random.Generator) -> Face:
    """A photograph on the shape and pose of another face, mixed with a third."""
    targets = drawn if random.random() < 0.75 else photographs
    ground, shape = targets[random.integers(len(targets))]
    if random.random() < 0.6:
        share = np.float32(random.uniform(0, 0.45))
        shape = shape * (1 - share) + photographs[random.integers(len(photographs))][1] * share
    first, inside = _bent(photographs[random.integers(len(photographs))], shape)
    everyone = [*photographs, *drawn]
    second, _ = _bent(everyone[random.integers(len(everyone))], shape)
    means, spreads = zip(
        *((one[inside].mean(axis=0), one[inside].std(axis=0) + 1) for one in (first, second)), strict=True
    )
    recoloured = (second - means[1]) / spreads[1] * spreads[0] + means[0]
    share = random.choice([1.0, random.uniform(0.5, 1)])
    face = first * share + recoloured * (1 - share)
    edge = cv2.erode(inside.astype(np.float32), np.ones((9, 9), np.uint8))
    soft = cv2.GaussianBlur(edge, (0, 0), 4)[..., None]
    return np.clip(ground + soft * (face - ground), 0, 255).astype(np.uint8), shape


def _bent(face: Face, shape: Landmarks) -> tuple[Image, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """A face's crop bent to other landmarks, and where that is known."""
    crop, points = face
    bend = LinearNDInterpolator(shape[:_SKIN_POINTS], points[:_SKIN_POINTS])
    rows, columns = np.mgrid[:SIDE, :SIDE]
    places = bend(np.stack([columns, rows], axis=-1)).astype(np.float32)
    inside = np.isfinite(places[..., 0])
    places = np.nan_to_num(places, nan=-1.0)
    bent = cv2.remap(crop, places[..., 0], places[..., 1], cv2.INTER_CUBIC)
    return np.asarray(bent).astype(np.float32), inside


if __name__ == "__main__":
    main()
