"""Getting ready to show a conversion: the model, the plan, and what is fitted to the tracks for its settings.

All of it is done in the background, one after the other, and kept: another setting redoes only what depends
on it. While it lasts, its events say how far it is.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from facedouble.conversion.clip_conversion import open_matte
from facedouble.conversion.clip_plan import ClipPlanner, check_overrides, placed_overrides
from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.plan import ConversionPlan, FitKeys
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Drawings, fit_keys, fit_plan
from facedouble.errors import FacedoubleError
from facedouble.faceset.layout import CROPS, DATABASE
from facedouble.run.cancel import Cancelled
from facedouble.run.events import Event, Notice, Progress, StageStarted
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.studio.preview.decoded import DecodedFrames
from facedouble.studio.preview.kept import Kept
from facedouble.studio.preview.rendering import Look
from facedouble.video.source import Source

_MOST_PLANS = 6
_MOST_LOOKS = 24
_LONG = 200
"""Faces of a plan whose fits take long enough for a look at the frame that is shown first."""
_REACH = 20  # faces before and after that one, for it


@dataclass(slots=True)
class Progressing:
    """How far the preparation for some settings is, and what there is to say of them. ``error``: why it
    ended without a result. ``near``: a look at the faces around one frame, fitted to these alone: much like
    the result, and not it."""

    stage: str = ""
    done: float = 0.0
    total: float | None = None
    notices: list[str] = field(default_factory=list)
    error: FacedoubleError | None = None
    near: Look | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted():
                self.stage, self.done, self.total = event.stage, 0.0, event.total
            case Progress():
                self.stage, self.done, self.total = event.stage, event.done, event.total
            case Notice():
                self.notices.append(event.text)
            case _:
                pass


@dataclass(slots=True)
class _Fitted:
    """Everything that was fitted to the same faces for the same model, which draws as it was adapted to
    them."""

    swapper: Swapper
    plans: Kept[ConversionPlan] = field(default_factory=lambda: Kept(_MOST_PLANS))
    drawings: Drawings = field(default_factory=Drawings)


class Preparation:
    """Makes a :class:`Look` of settings, for one source, model and faceset."""

    def __init__(self, source: Source, model: Path, faceset: Path) -> None:
        self._source, self._model, self._faceset = source, model, faceset
        self._looks: Kept[Look] = Kept(_MOST_LOOKS)
        self._progress: Kept[Progressing] = Kept(_MOST_LOOKS)
        self._swappers: Kept[Swapper] = Kept(2)
        self._fitted: Kept[_Fitted] = Kept(2)
        self._unfinished = TemporaryDirectory(prefix="facedouble-preview-")
        self._working = threading.Lock()
        self._changing = threading.Lock()
        self._run: tuple[str, Run] | None = None

    def look(self, settings: ConvertSettings, frame: int | None = None) -> Look | Progressing:
        """What frames are made with for these settings, or how far it is. What was asked for last is prepared
        next; anything else that is being prepared is given up. ``frame`` is shown meanwhile."""
        key = self._key(settings)
        with self._changing:
            found = self._looks.get(key)
            if found is not None:
                return found
            progress = self._progress.get(key)
            if progress is not None and (progress.error or (self._run and self._run[0] == key)):
                return progress
            if self._run is not None:
                self._run[1].cancel("other settings were chosen")
            progress = Progressing()
            run = Run([progress])
            self._progress.put(key, progress)
            self._run = (key, run)
        threading.Thread(target=self._work, args=(key, settings, progress, run, frame), daemon=True).start()
        return progress

    def _work(
        self, key: str, settings: ConvertSettings, progress: Progressing, run: Run, frame: int | None
    ) -> None:
        with self._working:
            try:
                run.check()
                look = replace(
                    self._prepared(settings, progress, run, frame), notices=tuple(progress.notices)
                )
                with self._changing:
                    self._looks.put(key, look)
                    # Each of the others would hold an adapted model of its own.
                    held = [fitted.swapper for fitted in self._fitted.values()]
                    self._looks.retain(lambda other: any(other.swapper is own for own in held))
            except Cancelled:
                pass
            except FacedoubleError as error:
                progress.error = error
            except Exception as error:  # noqa: BLE001  (shown to the person who asked)
                progress.error = FacedoubleError(f"{type(error).__name__}: {error}")
            finally:
                progress.near = None
                with self._changing:
                    if self._run is not None and self._run[0] == key:
                        self._run = None

    def _prepared(
        self, settings: ConvertSettings, progress: Progressing, run: Run, frame: int | None
    ) -> Look:
        settings = placed_overrides(self._source, settings)
        loaded = self._swapper(settings, run)
        faces = (
            f"{self._faces(settings)} {settings.adaptation.dump()} {loaded.fingerprint} "
            f"{loaded.network.numerics}"
        )
        fitted = self._fitted.get(faces)
        if fitted is None:
            # A swapper of its own: frames of other settings may be drawn with theirs meanwhile.
            fitted = _Fitted(loaded.apart())
            planner = ClipPlanner.from_settings(self._source, fitted.swapper, settings)
            unfinished = Path(self._unfinished.name) / hashlib.sha256(faces.encode()).hexdigest()
            plan = planner.adapted(planner.plan(self._faceset, run), self._faceset, unfinished, run)
            fitted.swapper.adopt(plan.adaptation)
            fitted.plans.put("", plan)
            self._fitted.put(faces, fitted)
        check_overrides(settings, fitted.plans.values()[-1])
        swapper = fitted.swapper
        steps = make_steps(settings, swapper)
        keys = fit_keys(swapper, steps, fitted.plans.values()[-1])
        nearest = max(fitted.plans.values(), key=lambda plan: _alike(plan.fit_keys, keys))
        matte = open_matte(settings, self._source)
        frames = None if matte is None else DecodedFrames(matte)
        missing = [step for step in steps if isinstance(step, FittedStep) and not _valid(nearest, keys, step)]
        long = sum(map(len, nearest.faces.values())) > _LONG
        if (
            long
            and missing
            and frame is not None
            and frame in nearest.faces
            and all(step.near for step in missing)
        ):
            part, drawings = fitted.drawings.around(nearest, frame, _REACH)
            near = fit_plan(part, self._faceset, swapper, steps, run, drawings, on_demand=True)
            progress.near = Look.make(settings, swapper, near, faces, frames)
        plan = fit_plan(nearest, self._faceset, swapper, steps, run, fitted.drawings, on_demand=True)
        fitted.plans.put(json.dumps([keys.model, dict(keys.steps)]), plan)
        return Look.make(settings, swapper, plan, faces, frames)

    def _swapper(self, settings: ConvertSettings, run: Run) -> Swapper:
        key = (_stamp(self._model / "model.json"), settings.swap_model, settings.compute)
        found = self._swappers.get(key)
        if found is None:
            stage = run.stage("load", None, "")
            found = Swapper.load(self._model, settings, run)
            stage.finish()
            self._swappers.put(key, found)
        return found

    def _key(self, settings: ConvertSettings) -> str:
        return json.dumps([_stamp(self._model / "model.json"), self._faces(settings), settings.dump()])

    def _faces(self, settings: ConvertSettings) -> str:
        """What decides which faces are replaced."""
        chosen: dict[str, Any] = settings.dump()
        stamps = [_stamp(self._faceset / DATABASE), _stamp(self._faceset / CROPS)]
        return json.dumps([chosen["frames"], chosen["faces"], stamps])


def _valid(plan: ConversionPlan, keys: FitKeys, step: FittedStep) -> bool:
    """Whether a plan's fits of a step are valid under these keys."""
    return plan.fit_keys.model == keys.model and plan.fit_keys.steps.get(step.name) == keys.steps[step.name]


def _alike(one: FitKeys, other: FitKeys) -> int:
    """How many fits for one are valid for the other."""
    return (
        sum(one.steps.get(name) == key for name, key in other.steps.items())
        if one.model == other.model
        else -1
    )


def _stamp(path: Path) -> str:
    """Changes when a file, or the list of files in a folder, does."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"
