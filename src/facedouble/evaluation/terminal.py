"""An evaluation as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facedouble.evaluation.measure import GROUPS, Rating
from facedouble.evaluation.registry import MEASURES, title
from facedouble.evaluation.result import Evaluation, ResultEvaluation

_SIGNS: dict[Rating, str] = {"good": "+", "fair": "~", "poor": "!", "unknown": " "}


def lines(evaluation: Evaluation) -> Iterator[str]:
    """The verdicts, then a table with a column for each result: + good, ~ fair, ! poor."""
    names = labels(evaluation.results)
    for name, result in zip(names, evaluation.results, strict=True):
        if len(names) > 1:
            yield f"{name}:"
        yield from result.verdict.sentences
        yield ""
    width = max(len(title(name)) for name in MEASURES)
    rooms = [max(len(name), 15) for name in names]
    if len(names) > 1:
        yield f"{'':{width}}  {'  '.join(name.rjust(room) for name, room in zip(names, rooms, strict=True))}"
    for group, question in GROUPS.items():
        rows = [
            (name, measure)
            for name, measure in MEASURES.items()
            if measure.group == group and any(result.value(name) is not None for result in evaluation.results)
        ]
        if rows:
            yield question
        for name, measure in rows:
            cells = [
                f"{measure.describe(result.value(name))} {_SIGNS[result.rate(name)]}".rjust(room)
                for result, room in zip(evaluation.results, rooms, strict=True)
            ]
            yield f"  {title(name):{width}}{'  '.join(cells)}   (good: {measure.describe_good()})"
            for scheme in _beside(name, evaluation.results):
                cells = [
                    f"{measure.describe(result.outcomes[name].by_scheme.get(scheme))}  ".rjust(room)
                    for result, room in zip(evaluation.results, rooms, strict=True)
                ]
                yield f"  {f'  by {scheme}':{width}}{'  '.join(cells)}"
            for what in evaluation.results[0].outcomes[name].beside:
                cells = [
                    f"{measure.describe(result.outcomes[name].beside.get(what))}  ".rjust(room)
                    for result, room in zip(evaluation.results, rooms, strict=True)
                ]
                yield f"  {f'  {what}':{width}}{'  '.join(cells)}"


def _beside(name: str, results: Sequence[ResultEvaluation]) -> list[str]:
    """Schemes whose values of a measure stand beside those of the one that decides."""
    found = [list(result.outcomes[name].by_scheme)[1:] for result in results]
    return list(dict.fromkeys(scheme for schemes in found for scheme in schemes))


def summary(result: ResultEvaluation) -> tuple[str, ...]:
    """A result in four lines: the verdict, identity, how it moves, and how it looks."""

    def says(name: str) -> str:
        return MEASURES[name].describe(result.value(name))

    return (
        result.verdict.sentences[0],
        f"In {says('nearer_to_b')} of {len(result.index)} frames the face is nearer to B than to A; mean "
        f"distance to B {says('distance_to_b')}, to A {says('distance_to_a')}.",
        f"Mouth follows at {says('mouth')}, eyes at {says('eyes')}; jitter {says('jitter')}, flicker "
        f"{says('flicker')} ({says('flicker_own')} along its own motion).",
        f"Detail of 1 to 2 px is {says('octave_fine')} of what it should be, of 2 to 4 px "
        f"{says('octave_middle')}, of 4 to 8 px {says('octave_coarse')}; distance to B's real mouths "
        f"{says('coherence_mouth')} of what is usual, eyes {says('coherence_eyes')}, skin "
        f"{says('coherence_skin')}.",
    )


def labels(results: Sequence[ResultEvaluation]) -> list[str]:
    """A short name for each result: its file's, with as much of its folder as is needed to tell them
    apart."""
    paths = [result.path for result in results]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.parent.name}/{path.name}" for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return names
