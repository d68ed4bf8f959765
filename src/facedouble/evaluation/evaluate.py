"""Evaluation: results are compared with their source and measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.evaluation.appearance import load_appearance
from facedouble.evaluation.gallery import demo_people, load_person
from facedouble.evaluation.judges import Judged, describe_judges
from facedouble.evaluation.measure import Evidence, Measure, Outcome, Values
from facedouble.evaluation.media_info import read_media_info
from facedouble.evaluation.observation import ObservationPlan, Observer, plan_observation
from facedouble.evaluation.reconstruction import Reconstruction, reconstruct
from facedouble.evaluation.registry import MEASURES
from facedouble.evaluation.result import Evaluation, ResultEvaluation
from facedouble.evaluation.verdict import judge
from facedouble.extraction.extract import extract
from facedouble.models import checkpoint
from facedouble.models.extraction import extraction_settings
from facedouble.run.run import Run, operation
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Image
from facedouble.video.opencv_codec import encode
from facedouble.video.sequences import is_there
from facedouble.video.source import open_source, reported

_JPEG_QUALITY = 84


def evaluate(
    results: Sequence[Path],
    source: Path,
    target: Sequence[Path],
    settings: EvaluateSettings | None = None,
    *,
    faceset: Path | None = None,
    a: Sequence[Path] = (),
    gallery: Sequence[Path] = (),
    model: Path | None = None,
    run: Run | None = None,
) -> Evaluation:
    """Measure ``results``, clips or folders in which the faces of ``source`` were replaced by B's.

    ``target`` are facesets of B. ``faceset`` is that of the source; without it, faces are extracted first,
    with the settings of those that the ``model`` was trained on. ``a`` are further facesets of A, ``gallery``
    facesets of other people whom a face could be taken for. ``model`` is the model that made the swap, to be
    measured as well. Nothing is written. Raises ``InputError`` for files that cannot be read or do not belong
    together, ``ModelError`` for the model.
    """
    with operation("evaluate", run) as run:
        _check_paths(results, source, target)
        settings = settings or EvaluateSettings()
        for path in (*target, *a, *gallery, *((faceset,) if faceset else ()), *((model,) if model else ())):
            run.reading(path)
        with reported(open_source(source, settings.reading), run):
            if faceset is not None:
                done = _evaluate(results, source, target, settings, faceset, a, gallery, model, run)
            else:
                with tempfile.TemporaryDirectory(prefix="facedouble-") as folder:
                    found = Path(folder) / "faces"
                    found_with = ExtractSettings()
                    if model is not None:
                        found_with = extraction_settings(checkpoint.read_card(model), model, run)
                    extract(source, found, found_with.replace(reading=settings.reading), run=run)
                    done = _evaluate(results, source, target, settings, found, a, gallery, model, run)
        return run.finish(done)


def _check_paths(results: Sequence[Path], source: Path, target: Sequence[Path]) -> None:
    if not results:
        raise InputError("no result to evaluate")
    if not target:
        raise InputError("no faceset of B, the person whose face was wanted")
    for path in (*results, source):
        if not is_there(path):
            raise InputError(f"{path}: no such file or folder")


def _evaluate(
    results: Sequence[Path],
    source: Path,
    target: Sequence[Path],
    settings: EvaluateSettings,
    faceset: Path,
    a: Sequence[Path],
    gallery: Sequence[Path],
    model: Path | None,
    run: Run,
) -> Evaluation:
    person_b, look = load_person("B", target), load_appearance(target)
    others_of_a = [path for path in a if path.resolve() != faceset.resolve()]
    person_a = load_person("A", [*others_of_a, faceset])
    others = [load_person(path.name, [path]) for path in run.each(gallery)]
    others += demo_people([person_a, person_b, *others])
    run.check()
    plan = plan_observation(source, faceset, settings, run)
    reconstructions: dict[str, Reconstruction] = {}
    pixels, coverage = 0, 1.0
    if model is not None:
        stage = run.stage("model", None, "faces")
        network, card = checkpoint.load(model, run=run)
        pixels, coverage = card.resolution, card.coverage
        reconstructions["a"] = reconstruct(network, coverage, "a", [*a, faceset], person_a)
        run.check()
        reconstructions["b"] = reconstruct(network, coverage, "b", target, person_b)
        count = sum(side.faces for side in reconstructions.values())
        stage.finish(faces=count)

    observer = Observer(source, plan, look.patches, settings.reading)
    of_source = read_media_info(source, settings.reading)
    shown, shown_number = _shown(plan, settings), _number_shown(source, settings)
    source_pictures: dict[int, bytes] = {}
    done = []
    for path in run.each(results):
        pictures: dict[int, bytes] = {}

        def keep(number: int, first: Image, second: Image, pictures: dict[int, bytes] = pictures) -> None:
            if number in shown:
                source_pictures.setdefault(shown_number(number), _jpeg(first))
                pictures[shown_number(number)] = _jpeg(second)

        observed = observer.observe(path, keep, run)
        run.check()
        evidence = Evidence(
            observed,
            person_a,
            person_b,
            look,
            tuple(others),
            read_media_info(path, settings.reading.of_other_clips()),
            of_source,
            reconstructions,
            pixels,
            coverage,
        )
        done.append(_measured(path, evidence, pictures, shown_number))
    if len(plan.detailed) < len(plan.faces):
        run.notice(
            "evaluate.sampled",
            f"identity and the picture outside the face were measured in {len(plan.detailed)} of "
            f"{len(plan.faces)} frames (setting detailed_frames)",
            measured=len(plan.detailed),
            frames=len(plan.faces),
        )
    names = ["B", "A", *(person.name for person in others)]
    return Evaluation(source, done, names, settings, len(plan.detailed), source_pictures)


def compute_measures(evidence: Evidence) -> dict[str, Outcome]:
    """The outcomes of all registered measures, by name."""
    return {
        name: _by_judges(measure, evidence) if measure.by_landmarks else measure.compute(evidence)
        for name, measure in MEASURES.items()
    }


def _by_judges(measure: Measure, evidence: Evidence) -> Outcome:
    """The outcome of the judge that decides, with the values of all."""
    outcomes = {
        judged.name: _in_all_frames(measure.compute(replace(evidence, judged=judged)), judged)
        if judged.found.any()
        else Outcome(None)
        for judged in evidence.observed.judges
    }
    first = next(iter(outcomes.values()))
    return replace(first, by_scheme={name: outcome.value for name, outcome in outcomes.items()})


def _in_all_frames(outcome: Outcome, judged: Judged) -> Outcome:
    """An outcome with NaN in the frames in which the judge saw no face."""

    def spread(series: Values | None) -> Values | None:
        if series is None:
            return None
        everywhere = np.full(len(judged.found), np.nan)
        everywhere[judged.found] = series
        return everywhere

    return replace(outcome, series=spread(outcome.series), source_series=spread(outcome.source_series))


def frame_badness(outcomes: Mapping[str, Outcome], frames: int) -> Values:
    """How bad each frame is: the sum over all measures of frames, see ``Measure.badness``. Between the frames
    that a measure examined, its badness is interpolated."""
    total = np.zeros(frames)
    for name, outcome in outcomes.items():
        if MEASURES[name].per_frame and outcome.series is not None:
            total += _interpolated(MEASURES[name].badness(outcome.series), outcome.series)
    return total


def _interpolated(values: Values, series: Values) -> Values:
    examined = ~np.isnan(series)
    if not examined.any():
        return np.zeros(len(values))
    places = np.arange(len(values))
    return np.interp(places, places[examined], values[examined])


def _measured(
    path: Path, evidence: Evidence, pictures: Mapping[int, bytes], shown_number: Callable[[int], int]
) -> ResultEvaluation:
    observed = evidence.observed
    outcomes = compute_measures(evidence)
    seen = {judged.name: int(judged.found.sum()) for judged in observed.judges}
    return ResultEvaluation(
        path,
        outcomes,
        judge(outcomes, describe_judges(observed.driver, seen, len(observed))),
        [shown_number(index) for index in observed.index.tolist()],
        observed.seconds.tolist(),
        frame_badness(outcomes, len(observed)),
        pictures,
        observed.driver,
        seen,
    )


def _shown(plan: ObservationPlan, settings: EvaluateSettings) -> frozenset[int]:
    """Numbers of the frames that the report shows."""
    order = sorted(plan.faces)
    places = np.linspace(0, len(order) - 1, min(settings.pictures, len(order)))
    return frozenset(order[round(float(place))] for place in places)


def _number_shown(source: Path, settings: EvaluateSettings) -> Callable[[int], int]:
    """From a frame's place in the source to its number as people know it: that of its file in a sequence."""
    opened = open_source(source, settings.reading)
    first = opened.info.first_number
    if first is None:
        return lambda index: index
    numbers = [first + int(time) for time in opened.index.times]
    return lambda index: numbers[index]


def _jpeg(image: Image) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return encode(".jpg", np.asarray(bgr), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
