"""Masks of the faces of a faceset, track by track."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedouble.device import choose_device
from facedouble.faces.align import map_points
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.reader import FacesetReader
from facedouble.faceset.visible import masked_faces, read_visible
from facedouble.occlusion.hands import Hand
from facedouble.occlusion.masks import Masker
from facedouble.occlusion.network import SIDE
from facedouble.occlusion.track_crop import TrackCrop
from facedouble.occlusion.unhidden import References
from facedouble.occlusion.weight_files import weights_digest
from facedouble.occlusion.weights import load_weights
from facedouble.run.run import Run
from facedouble.types import Face, Grey

_AT_A_TIME = 240  # crops of a track that are in memory together
_OVERLAP = 12  # crops that are looked at again, so that the parts of a track fit together
_SAMPLE = 60  # crops of a track that show what the face looks like unhidden


@dataclass(frozen=True, slots=True)
class TrackView:
    """What is known of all faces of a track: their hands, in pixels of the network's side, and references."""

    hands: Sequence[Sequence[Hand]]
    references: References


class OcclusionFinder:
    """Finds what hides faces, with the weights in a file or those that come with the program.

    The network is loaded when it is first needed. For one thread at a time.
    """

    def __init__(self, weights: Path | None, device: str, *, hands: bool = True) -> None:
        self._weights, self._device, self._hands = weights, device, hands
        self._masker: Masker | None = None

    @property
    def version(self) -> tuple[str, bool]:
        """What the masks depend on besides the crops."""
        return weights_digest(self._weights), self._hands

    def known_or_found(
        self, faces: Sequence[Face], store: FacesetReader, run: Run | None = None
    ) -> dict[tuple[int, int], Grey]:
        """What is visible of ``faces``, all of one track in order of frames, (S, S), 0 hidden to 255
        visible, by their keys: what the faceset's masks and outlines say, and of faces without any what the
        network finds."""
        masked = masked_faces(store)
        known = [face for face in faces if face.key in masked]
        found = self.find(faces, store, run) if len(known) < len(faces) else {}
        return found | {face.key: read_visible(store, face, SIDE) for face in known}

    def find(
        self, faces: Sequence[Face], store: FacesetReader, run: Run | None = None
    ) -> dict[tuple[int, int], Grey]:
        """The same by the network alone."""
        if not faces:
            return {}
        run, masker, scheme = run or Run(), self.masker(), scheme_of(faces[0])
        view = self.survey(faces, store, run)
        found: dict[tuple[int, int], Grey] = {}
        stage = run.stage("occlusion", len(faces), "faces")
        for first, start, end, last in _parts(len(faces)):
            run.check()
            crops = [read_track_crop(store, face) for face in faces[first:last]]
            masks = masker.masks(crops, view.hands[first:last], view.references, scheme)
            inner = masks[start - first : end - first]
            found |= {face.key: mask for face, mask in zip(faces[start:end], inner, strict=True)}
            stage.progress(end)
        stage.finish()
        return found

    def survey(self, faces: Sequence[Face], store: FacesetReader, run: Run) -> TrackView:
        """What the masks of a track are found by; ``faces`` are all of it, at least one."""
        masker = self.masker()
        stage = run.stage("hands", len(faces), "faces")
        hands: list[list[Hand]] = []
        for first, start, end, last in _parts(len(faces)):
            run.check()
            own = masker.find_hands([store.read_crop(face) for face in faces[first:last]])
            hands += own[start - first : end - first]
            stage.progress(end)
        stage.finish()
        chosen = np.linspace(0, len(faces) - 1, min(_SAMPLE, len(faces))).round().astype(int).tolist()
        sample = [read_track_crop(store, faces[index]) for index in chosen]
        return TrackView(hands, References(sample, [hands[index] for index in chosen]))

    def masker(self) -> Masker:
        """The network, loaded. Raises ``InputError`` for weights that are none."""
        if self._masker is None:
            device = choose_device(self._device)
            self._masker = Masker(load_weights(self._weights), device, hands=self._hands)
        return self._masker


def read_track_crop(store: FacesetReader, face: Face) -> TrackCrop:
    """A face of a faceset as the network needs it."""
    return TrackCrop(face.frame_index, store.read_crop(face), map_points(face.alignment, face.smoothed))


def _parts(count: int) -> Iterator[tuple[int, int, int, int]]:
    """Parts of a track of ``count`` faces: from ``first`` to ``last`` is looked at, ``start`` to ``end``
    kept."""
    for start in range(0, count, _AT_A_TIME):
        end = min(start + _AT_A_TIME, count)
        yield max(0, start - _OVERLAP), start, end, min(count, end + _OVERLAP)
