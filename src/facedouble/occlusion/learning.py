"""Teaching the network the people of a project: their labelled faces, and what is drawn over the others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from facedouble.device import choose_device
from facedouble.errors import InputError, TrainingError
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import masked_faces, read_visible
from facedouble.occlusion.examples import ONE_PERSON, KnownFace
from facedouble.occlusion.hands import drawn_hands
from facedouble.occlusion.known import known_face
from facedouble.occlusion.masks import hull_of, prepare
from facedouble.occlusion.network import SIDE
from facedouble.occlusion.track_masks import OcclusionFinder, TrackView, read_track_crop
from facedouble.occlusion.training import teach
from facedouble.occlusion.weights import load_weights, save_weights
from facedouble.run.run import Run, operation
from facedouble.settings.occlusion import OcclusionTraining
from facedouble.types import Face

_UNHIDDEN = 240  # faces of a faceset at most that things are drawn over
_HIDES = 0.004  # of the face: what the network may find hidden of one that counts as unhidden
_LABELLED_SHARE = 0.5  # of the examples, where there are labelled faces
_BY_PEOPLE = ("hand", "import")


@dataclass(frozen=True, slots=True)
class TaughtResult:
    """``labelled`` faces that a person or an import says what is visible of, ``unhidden`` ones that things
    were drawn over, ``iterations`` done in ``seconds``, the weights at ``output``."""

    labelled: int
    unhidden: int
    iterations: int
    seconds: float
    output: Path


def train_occlusion(
    facesets: Sequence[Path], output: Path, settings: OcclusionTraining, run: Run | None = None
) -> TaughtResult:
    """Teach the network the people of ``facesets`` and write its weights to ``output``.

    Without any label it learns from things drawn over their own unhidden faces. Raises ``InputError`` for
    facesets and weights that cannot be read, ``TrainingError`` where there is no face to learn from,
    ``OutputError``.
    """
    with operation("occlusion train", run) as run:
        return run.finish(_train(facesets, output, settings, run))


def _train(facesets: Sequence[Path], output: Path, settings: OcclusionTraining, run: Run) -> TaughtResult:
    begin = time.perf_counter()
    if output.suffix != ".safetensors":
        raise InputError(f"{output}: weights are written to a file that ends with .safetensors")
    if output.exists() and not settings.overwrite:
        raise InputError(f"{output}: exists already; setting `overwrite` replaces it")
    finder = OcclusionFinder(settings.network, settings.device, hands=settings.hands)
    labelled: list[KnownFace] = []
    unhidden: list[KnownFace] = []
    for path in facesets:
        with Faceset.open(path) as store:
            for known, is_labelled in _known(store, finder, run):
                (labelled if is_labelled else unhidden).append(known)
    if not labelled and not unhidden:
        raise TrainingError("there is no face that is labelled, and none that looks unhidden")
    stage = run.stage("learn", settings.iterations, "iterations")

    def report(step: int, loss: float) -> None:
        run.check()
        stage.progress(step, loss=loss)

    network = teach(
        load_weights(settings.network),
        _balanced(labelled, unhidden),
        settings.iterations,
        batch_size=settings.batch_size,
        rate=settings.learning_rate,
        variety=ONE_PERSON,
        device=choose_device(settings.device),
        report=report,
    )
    stage.finish(iterations=settings.iterations)
    origin = f"taught with {len(labelled)} labelled and {len(unhidden)} other faces"
    save_weights(network.to(torch.device("cpu")), output, origin)
    seconds = time.perf_counter() - begin
    return TaughtResult(len(labelled), len(unhidden), settings.iterations, seconds, output)


def tracks_of(faces: Sequence[Face]) -> Iterator[list[Face]]:
    """Faces by track, each in order of frames."""
    tracks: dict[int, list[Face]] = {}
    for face in faces:
        tracks.setdefault(face.track, []).append(face)
    for number in sorted(tracks):
        yield tracks[number]


def _known(store: Faceset, finder: OcclusionFinder, run: Run) -> Iterator[tuple[KnownFace, bool]]:
    """The labelled faces of a faceset, and unhidden ones spread over it; with whether they are labelled."""
    labels = masked_faces(store, _BY_PEOPLE)
    faces = store.faces(include_blurry=True)
    for track in tracks_of(faces):
        view = finder.survey(track, store, run)
        own = [index for index, face in enumerate(track) if face.key in labels]
        others = [index for index, face in enumerate(track) if face.key not in labels]
        most = max(1, round(_UNHIDDEN * len(track) / len(faces)))
        places = np.linspace(0, len(others) - 1, min(most, len(others))).round().astype(int)
        for index in own:
            yield _example(store, track[index], view, index, labelled=True), True
        for index in _unhidden([others[place] for place in places], track, store, view, finder):
            yield _example(store, track[index], view, index, labelled=False), False


def _unhidden(
    chosen: Sequence[int], track: Sequence[Face], store: Faceset, view: TrackView, finder: OcclusionFinder
) -> Iterator[int]:
    """Those of the ``chosen`` faces that the network as it is sees nothing in front of."""
    for start in range(0, len(chosen), 16):
        part = chosen[start : start + 16]
        crops = [read_track_crop(store, track[index]) for index in part]
        scheme = scheme_of(track[0])
        hands = [view.hands[index] for index in part]
        masks = finder.masker().predict(prepare(crops, hands, view.references, scheme))
        for index, crop, mask in zip(part, crops, masks, strict=True):
            hull = hull_of(crop, scheme)
            hidden = float(((mask < 0.5) * hull).sum() / max(hull.sum(), 1))
            if hidden <= _HIDES and not view.hands[index]:
                yield index


def _example(store: Faceset, face: Face, view: TrackView, index: int, *, labelled: bool) -> KnownFace:
    crop = read_track_crop(store, face)
    return known_face(
        crop.crop,
        crop.landmarks,
        scheme_of(face),
        visible=read_visible(store, face, SIDE) if labelled else None,
        reference=view.references.like(crop),
        hand=drawn_hands(view.hands[index], SIDE) if view.hands[index] else None,
    )


def _balanced(labelled: Sequence[KnownFace], unhidden: Sequence[KnownFace]) -> list[KnownFace]:
    """Both kinds of faces, repeated so that they come as often as they should."""
    if not labelled or not unhidden:
        return [*labelled, *unhidden]
    wanted = _LABELLED_SHARE / (1 - _LABELLED_SHARE) * len(unhidden) / len(labelled)
    times = max(1, round(wanted))
    others = max(1, round(1 / wanted)) if wanted < 1 else 1
    return [*list(labelled) * times, *list(unhidden) * others]
