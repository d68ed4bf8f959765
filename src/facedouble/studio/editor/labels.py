"""Labelling masks: which faces are worth it next, and a network that learns from what was labelled."""

from __future__ import annotations

import threading
from pathlib import Path

from facedouble.errors import FacedoubleError, InputError
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import MASK, OUTLINES
from facedouble.occlusion.applying import doubtful
from facedouble.project.dispatch import submit
from facedouble.project.file import check_inside
from facedouble.project.jobs import JobState, NewJob
from facedouble.project.steps import Step, project_steps
from facedouble.studio.state import Studio

EVERY = 10
"""After so many labels the network learns anew."""
NETWORK = "models/occlusion.safetensors"
"""Where a project keeps what it has learned, relative to its folder."""
_MOST = 100  # faces that are offered
_CARRIED = ("carried", "copied")

Suspect = tuple[int, int, str]
"""Frame, number of the face, and why it is offered."""


class DoubtfulMasks:
    """The masks of a faceset that fit their neighbours least, found in a thread of its own; found anew when
    a network has been at work since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: object = None
        self._found: list[Suspect] | None = None
        self._error: FacedoubleError | None = None

    def get(self, store: Faceset) -> list[Suspect] | None:
        """The worst first; ``None`` while they are looked for. Raises ``InputError`` where no face has a
        mask."""
        made = [layer.created for layer in store.layers() if layer.maker == "network"]
        stamp = (len(made), max(made, default=""))
        with self._lock:
            if self._stamp != stamp:
                self._stamp, self._found, self._error = stamp, None, None
                threading.Thread(target=self._work, args=(stamp,), daemon=True).start()
            if self._error is not None:
                error, self._stamp = self._error, None
                raise error
            return self._found

    def _work(self, stamp: object) -> None:
        found: list[Suspect] = []
        error: FacedoubleError | None = None
        try:
            for doubt in doubtful(self._path, _MOST):
                key = doubt.face.key
                found.append((*key, f"its mask is {doubt.apart:.1%} unlike its neighbours'"))
        except FacedoubleError as problem:
            error = problem
        except Exception as problem:  # noqa: BLE001  (told to whoever asks)
            error = FacedoubleError(f"{type(problem).__name__}: {problem}")
        with self._lock:
            if self._stamp == stamp:
                self._found, self._error = found, error


def count_labels(store: Faceset) -> int:
    """How many faces a person has drawn a mask of, without those it was carried or copied to."""
    return len(
        {
            layer.key
            for layer in store.layers()
            if layer.kind in (MASK, OUTLINES) and layer.maker == "hand" and layer.maker_name not in _CARRIED
        }
    )


def learn(studio: Studio, step: Step) -> int:
    """Queue the training of the project's occlusion network on all its facesets, and masks by it for the
    faceset of ``step``; how many jobs that are. None where they are waiting or running already."""
    project = studio.project()
    title = f"masks of {step.label}"
    facesets = [
        it.output
        for it in project_steps(project)
        if it.kind == "extract" and (check_inside(studio.folder, it.output) / DATABASE).exists()
    ]
    if not facesets:
        raise InputError("there are no faces yet")
    (studio.folder / NETWORK).parent.mkdir(exist_ok=True)
    teach = ("occlusion", "train", *facesets, "--output", NETWORK, "--overwrite")
    apply = ("occlusion", "apply", step.output, "--network", NETWORK)
    jobs = [
        NewJob("occlusion network", teach, executor=project.executor),
        NewJob(title, apply, after=(-1,), executor=project.executor),
    ]
    with studio.queue() as queue:
        waiting = {it.title for it in queue.all() if it.state in (JobState.QUEUED, JobState.RUNNING)}
        if title in waiting:
            return 0
        new = queue.add(jobs)
    submit(studio.folder, new)
    return len(new)
