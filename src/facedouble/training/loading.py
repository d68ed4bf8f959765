"""Loads the faces of both sides for training.

Crops are decoded once, by several threads (PNG and OpenCV release the interpreter lock), and cached as uint8:
on the training device if they fit, else in a file on disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from facedouble.assets import cache_folder
from facedouble.device import free_memory
from facedouble.errors import TrainingError
from facedouble.faces.colour import smooth_statistics
from facedouble.faces.geometry import Geometry, describe_faces
from facedouble.faces.pose import face_poses, pose_bins
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.scheme import LandmarkScheme, common_scheme
from facedouble.faces.schemes.to_dlib68 import as_dlib68
from facedouble.faceset.held_out import MIN_FACES, split_held_out
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import VISIBLE, masked_faces, read_visible
from facedouble.run.run import Run, Stage
from facedouble.training.batch import CHANNELS
from facedouble.training.crop_cache import CropCache, DiskCache, MemoryCache
from facedouble.training.dataset import Dataset, SideDataset
from facedouble.training.neighbours import nearest
from facedouble.training.preprocess import FaceCrop, cached_size, places, prepare
from facedouble.types import OTHER_SIDE, SIDES, Face, Image, Side
from facedouble.video.images import encode_png

_MEMORY_SHARE = 0.5  # of what is free, for the faces of both sides
_MASK_SIDE = 256  # of masks of what is visible
_AT_A_TIME = 64  # faces preprocessed before the first of them is cached


def load(
    facesets: Mapping[Side, Sequence[Path]],
    *,
    resolution: int,
    coverage: float,
    device: torch.device,
    balanced: bool = False,
    memory: int | None = None,
    scratch: Path | None = None,
    geometry: Geometry | None = None,
    run: Run | None = None,
) -> Dataset:
    """Read the kept faces of both sides. ``coverage`` is the central part of the crop used.

    The last tenth of each faceset is held out (``faceset/held_out.py``). ``balanced``: faces are drawn so
    that each bin of poses that a side has is seen equally often. ``memory``: bytes that pictures may take, by
    default half of what is free on ``device``; beyond it they are kept in a file in ``scratch``, by default
    the cache folder. ``geometry``: how to describe what faces do, for models that are told. Raises
    ``TrainingError`` for a side that is missing or has fewer than ten faces, or faces that cannot be
    described so, ``InputError`` for a faceset that is not one and for crops that do not fit it.
    """
    run = run or Run()
    clips = _of_one_scheme({side: _known(side, facesets.get(side, ()), run) for side in SIDES}, run)
    if geometry is not None:
        clips = {
            side: [_described(faces, geometry, coverage) for faces in own] for side, own in clips.items()
        }
    found = {side: _divided(side, clips[side], facesets[side]) for side in SIDES}
    everything = [face for trained, held in found.values() for face in (*trained, *held)]
    scheme = common_scheme([known.face for known in everything])
    size = cached_size(resolution, max(known.face.crop_size for known in everything) * coverage)
    needed = len(everything) * CHANNELS * size**2
    if memory is None:
        free = free_memory(device)
        memory = needed if free is None else int(free * _MEMORY_SHARE)
    folder = None if needed <= memory else scratch or cache_folder()
    if folder is not None:
        run.notice(
            "train.faces_on_disk",
            f"the faces take {needed / 1e9:.1f} GB and {memory / 1e9:.1f} GB may be used: they are kept "
            f"in a file in {folder}",
            needed=needed,
            available=memory,
        )
    stage = run.stage("load", len(everything), "faces")
    with _Loader(resolution, coverage, size, scheme, device, folder, stage) as loader:
        training = {side: loader.side(found[side][0]) for side in SIDES}
        held_out = {side: loader.side(found[side][1]) for side in SIDES}
    stage.finish(faces=len(everything))
    # Not all of a dense mesh: most of it is cheeks, and eyes and mouth would hardly count.
    compared = [index for index in scheme.regions.points if index not in scheme.optional]
    for side, here in list(training.items()):
        there = training[OTHER_SIDE[side]]
        training[side] = replace(
            here,
            others=there.landmarks,
            like=nearest(here.landmarks[:, compared], there.landmarks[:, compared]),
            sampling_weights=_balanced(found[side][0]) if balanced else None,
        )
    return Dataset(training, held_out, {side: [*found[side][0], *found[side][1]] for side in SIDES})


def load_faces(
    faces: Sequence[FaceCrop],
    resolution: int,
    coverage: float,
    device: torch.device,
    run: Run,
    scratch: Path | None = None,
) -> SideDataset:
    """Read ``faces`` of one scheme, without another side. Raises ``InputError`` for crops that do not fit."""
    scheme = common_scheme([known.face for known in faces])
    size = cached_size(resolution, max(known.face.crop_size for known in faces) * coverage)
    free = free_memory(device)
    fits = free is None or len(faces) * CHANNELS * size**2 <= free * _MEMORY_SHARE
    stage = run.stage("load", len(faces), "faces")
    folder = None if fits else scratch or cache_folder()
    with _Loader(resolution, coverage, size, scheme, device, folder, stage) as loader:
        found = loader.side(faces)
    stage.finish(faces=len(faces))
    return found


_Clips = list[list[FaceCrop]]  # of each faceset


def _of_one_scheme(found: Mapping[Side, _Clips], run: Run) -> Mapping[Side, _Clips]:
    """The faces with landmarks of one scheme. Crops do not depend on it, so facesets of different schemes may
    be mixed; the points that all have then count."""
    schemes = sorted({known.face.scheme for clips in found.values() for faces in clips for known in faces})
    if len(schemes) < 2:
        return found
    names = ", ".join(schemes)
    run.notice(
        "train.mixed_schemes",
        f"the facesets have landmarks of different schemes ({names}); training uses the points of "
        f"{DLIB68.name}, which all of them have",
        schemes=names,
    )
    return {side: [_on_dlib68(faces) for faces in clips] for side, clips in found.items()}


def _described(faces: Sequence[FaceCrop], geometry: Geometry, coverage: float) -> list[FaceCrop]:
    """The faces of a faceset with what they do. Raises ``TrainingError`` if their landmarks do not tell."""
    other = next((known.face for known in faces if not geometry.describes(known.face)), None)
    if other is not None:
        raise TrainingError(
            f"this model is told what faces do by landmarks of {geometry.name}, and some faces have those of "
            f"{other.scheme}; extract their clips again with {geometry.name}"
        )
    described = describe_faces([known.face for known in faces], geometry, coverage)
    return [replace(known, geometry=own) for known, own in zip(faces, described, strict=True)]


def _on_dlib68(faces: Sequence[FaceCrop]) -> list[FaceCrop]:
    return [replace(known, face=as_dlib68(known.face)) for known in faces]


def _balanced(faces: Sequence[FaceCrop]) -> Tensor:
    return pose_balanced_weights(face_poses([known.face for known in faces], "smoothed"))


def pose_balanced_weights(poses: npt.NDArray[np.float64]) -> Tensor:
    """How often to draw each of N faces with ``poses`` (N, 4), as ``face_poses`` gives them, so that every
    bin of poses there is comes equally often: (N,) float64 that sum to 1."""
    bins = np.stack(pose_bins(poses[:, 0], poses[:, 1]), axis=1)
    _, number, counts = np.unique(bins, axis=0, return_inverse=True, return_counts=True)
    return torch.from_numpy(1 / (counts[number.reshape(-1)] * len(counts)))


def _known(side: Side, facesets: Sequence[Path], run: Run) -> _Clips:
    """The faces of one side, of each faceset."""
    if not facesets:
        raise TrainingError(f"no faceset of {side.upper()} was given; training needs both sides (-A and -B)")
    clips: _Clips = []
    for path in facesets:
        with Faceset.open(path) as faceset:
            faceset.check_geometry()
            faces = faceset.faces()
            if not faceset.complete:
                run.warn(
                    "train.unfinished_faceset",
                    f"{path}: its extraction did not finish; training sees the {len(faces)} faces of "
                    f"{side.upper()} that are there now",
                    faceset=path,
                    faces=len(faces),
                )
            statistics = smooth_statistics(faces)
            masked = masked_faces(faceset)
            clips.append(
                [
                    FaceCrop(
                        face,
                        path,
                        faceset.crop_path(face),
                        colour,
                        visible=_visible(faceset, face) if face.key in masked else None,
                    )
                    for face, colour in zip(faces, statistics, strict=True)
                ]
            )
    return clips


def _visible(faceset: Faceset, face: Face) -> bytes | None:
    """What is visible of a face, as ``FaceCrop`` keeps it: in a PNG, for they may be many."""
    mask = read_visible(faceset, face, _MASK_SIDE)
    return encode_png(mask) if (mask < VISIBLE).any() else None


def _divided(side: Side, clips: _Clips, facesets: Sequence[Path]) -> tuple[list[FaceCrop], list[FaceCrop]]:
    """The training faces of one side, and its held-out faces."""
    trained: list[FaceCrop] = []
    held: list[FaceCrop] = []
    for known in clips:
        until, first = split_held_out([own.face.frame_index for own in known])
        trained += known[:until]
        held += known[first:]
    if len(trained) < MIN_FACES:
        names = ", ".join(str(path) for path in facesets)
        raise TrainingError(
            f"{names}: {len(trained)} faces of {side.upper()}; training needs at least {MIN_FACES}"
        )
    return trained, held


class _Loader:
    """Preprocesses faces in threads and caches them; reports progress over all sides."""

    def __init__(
        self,
        resolution: int,
        coverage: float,
        size: int,
        scheme: LandmarkScheme,
        device: torch.device,
        folder: Path | None,
        stage: Stage,
    ) -> None:
        self.resolution, self.coverage, self.size, self.scheme = resolution, coverage, size, scheme
        self.device, self.folder, self.stage = device, folder, stage
        self.done = 0
        self.threads = ThreadPoolExecutor(os.cpu_count())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(cancel_futures=True)

    def side(self, faces: Sequence[FaceCrop]) -> SideDataset:
        shape = (len(faces), CHANNELS, self.size, self.size)
        pictures = self._prepared(faces)
        store: CropCache
        if self.folder is None:
            store = MemoryCache.filled(pictures, shape, self.device)
        else:
            store = DiskCache(pictures, shape, self.device, self.folder)
        landmarks = [places(known.face, self.coverage) for known in faces]
        return SideDataset(
            resolution=self.resolution,
            store=store,
            landmarks=torch.from_numpy(np.stack(landmarks))
            if faces
            else torch.zeros(0, self.scheme.count, 2),
            colours=np.stack([known.colour for known in faces]) if faces else np.zeros((0, 2, 3), np.float32),
            scheme=self.scheme,
            geometry=_stacked(faces),
        )

    def _prepared(self, faces: Sequence[FaceCrop]) -> Iterator[Image]:
        for start in range(0, len(faces), _AT_A_TIME):
            some = faces[start : start + _AT_A_TIME]
            for picture in self.threads.map(lambda known: prepare(known, self.size, self.coverage), some):
                yield picture
                self.done += 1
                self.stage.run.check()
                self.stage.progress(self.done)


def _stacked(faces: Sequence[FaceCrop]) -> Tensor | None:
    """What the faces do (N, K), if that is known."""
    described = [known.geometry for known in faces if known.geometry is not None]
    return torch.from_numpy(np.stack(described)) if described else None
