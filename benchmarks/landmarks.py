"""How good the landmark schemes are: ``python -m benchmarks.landmarks [CLIP ...]``.

Against lids and lips that a person marked (``data/README.md``); how steady the points are on the
demonstration's clips before any smoothing; at which size faces are still found; how long a face takes.
Labelled clips that the demonstration does not have are looked for in the folder ``benchmarks`` of the cache;
without them their frames are left out, and the table says of how many frames it is.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import landmark_labels
from benchmarks.landmark_labels import LabelledFrame, Part, part_errors, part_of
from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import cache_folder, demo_clips
from facedouble.errors import FacedoubleError
from facedouble.faces.align import align, inverse
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around, eye_distance
from facedouble.faces.registry import DEFAULT_DETECTOR, LANDMARK_PREDICTORS
from facedouble.faces.views import StillPicture
from facedouble.types import Image, Landmarks
from facedouble.video.sampling import frames_at
from facedouble.video.source import open_source

DETECTORS_OF = {"dlib68": "hog"}
"""The detector that each scheme is used with, where it is not the default."""

_LIDS, _LIPS = ("upper_lid", "lower_lid"), ("outer_upper", "outer_lower", "inner_upper", "inner_lower")
_SHUT = 0.03  # of the eye distance: an eye that is open less far is nearly shut
_WIDE = 0.2  # of the eye distance: a mouth that is open further shouts
_EVERY = 20  # frames: of these, faces are made smaller
_FRAME = (1280, 720)
_WIDTHS = (48, 40, 32, 28, 24, 20, 16, 12)  # of a face's box, in pixels

Errors = dict[str, list[float]]
"""Values in shares of the eye distance, by row of the table."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A landmark scheme with the detector it is used with."""

    detector: str
    scheme: str

    @property
    def name(self) -> str:
        return f"{self.detector}, {self.scheme}"

    def analyser(self) -> FaceAnalyser:
        return FaceAnalyser(self.detector, self.scheme)


def subjects() -> list[Subject]:
    """Every scheme whose networks are installed."""
    found = []
    for scheme in LANDMARK_PREDICTORS:
        subject = Subject(DETECTORS_OF.get(scheme, DEFAULT_DETECTOR), scheme)
        try:
            analyser = subject.analyser()
            _ = analyser.detector, analyser.predictor
        except FacedoubleError as error:
            print(f"{scheme}: {error}")
            continue
        found.append(subject)
    return found


def measure(clips: Sequence[Path] = ()) -> list[Table]:
    """All tables; ``clips`` are further ones that were labelled."""
    cv2.setNumThreads(1)
    those_of_demo = [*demo_clips().a, *demo_clips().b]
    labelled = [*those_of_demo, *clips, *(cache_folder() / "benchmarks").glob("*.mp4")]
    tested = subjects()
    return [
        *_label_tables(tested, labelled),
        _jitter_table(tested, those_of_demo),
        _size_table(tested, those_of_demo),
        _time_table(tested, those_of_demo[-1]),
    ]


def largest_face(analyser: FaceAnalyser, image: Image) -> Landmarks | None:
    """Landmarks of the largest face, placed again from where they were found, as on a frame that follows
    another."""
    faces = analyser.search_image(image)
    return analyser.refine(StillPicture(image), faces[0].landmarks).points if faces else None


# -- labels ------------------------------------------------------------------------------------------------


def _label_tables(tested: Sequence[Subject], clips: Sequence[Path]) -> Iterator[Table]:
    frames = landmark_labels.load()
    known = landmark_labels.find_clips(frames, clips)
    frames = [frame for frame in frames if frame.clip in known]
    errors, missed = {}, {}
    for subject in tested:
        errors[subject.scheme], missed[subject.scheme] = _errors_of(subject, frames, known)
    errors["marked again"], missed["marked again"] = _errors_of_labeller(), 0
    rows: list[list[Cell]] = [
        [row, *(_spread(errors[column].get(row, [])) for column in errors)] for row in _ROWS
    ]
    rows.append([f"frames without a face, of {len(frames)}", *(str(missed[column]) for column in errors)])
    yield Table("landmarks-labels", ["% of the eye distance, mean (90th percentile)", *errors], rows)


_ROWS = (
    "lids and lips",
    "lids",
    "lids, open",
    "lids, nearly shut or shut",
    "opening of the eyes",
    "corners of the eyes",
    "lips, outer edge",
    "lips, inner edge",
    "lips, mouth shut",
    "lips, mouth open",
    "lips, mouth wide open",
    "opening of the mouth",
    "corners of the mouth",
)


def _spread(values: Sequence[float]) -> str | None:
    return f"{100 * np.mean(values):.1f} ({100 * np.percentile(values, 90):.1f})" if values else None


def _errors_of(
    subject: Subject, frames: Sequence[LabelledFrame], known: Mapping[str, Path]
) -> tuple[Errors, int]:
    """Errors in all labelled frames, and how many of these have no face for this subject."""
    analyser, errors, missed = subject.analyser(), defaultdict[str, list[float]](list), 0
    for clip, path in known.items():
        marked = {frame.frame: frame for frame in frames if frame.clip == clip}
        usual = median(size for frame in marked.values() if (size := frame.eye_distance) is not None)
        for frame in frames_at(open_source(path), sorted(marked)):
            found = largest_face(analyser, frame.rgb())
            if found is None:
                missed += 1
                continue
            label = marked[frame.index]
            for name, part in label.parts.items():
                if name not in label.unsure:
                    _add(errors, part_of(found, analyser.scheme, name), part, label.eye_distance or usual)
    return errors, missed


def _errors_of_labeller() -> Errors:
    """How far the same person's second labels are from the first."""
    errors = defaultdict[str, list[float]](list)
    first = {(frame.clip, frame.frame): frame for frame in landmark_labels.load()}
    for again in landmark_labels.load(which="again"):
        before = first[again.clip, again.frame]
        for name, part in again.parts.items():
            _add(errors, part, before.parts[name], before.eye_distance or 1.0)
    return errors


def _add(errors: defaultdict[str, list[float]], found: Part, marked: Part, size: float) -> None:
    """Add the errors of an eye or a mouth to the rows that they count in."""
    values = {kind: error / size for kind, error in part_errors(found, marked)}
    if "upper_lid" in values:
        height = (
            0.0
            if marked.shut
            else landmark_labels.gap(marked.curves["upper_lid"], marked.curves["lower_lid"])
        )
        state = "nearly shut or shut" if height < _SHUT * size else "open"
        lids = float(np.mean([values[kind] for kind in _LIDS]))
        parts = {"lids and lips": lids, "lids": lids, f"lids, {state}": lids}
        parts |= {"corners of the eyes": values["corners"], "opening of the eyes": values["opening"]}
    else:
        height = (
            0.0
            if marked.shut
            else landmark_labels.gap(marked.curves["inner_upper"], marked.curves["inner_lower"])
        )
        state = "shut" if marked.shut else "wide open" if height > _WIDE * size else "open"
        outer, inner = (float(np.mean([values[kind] for kind in pair])) for pair in (_LIPS[:2], _LIPS[2:]))
        parts = {"lids and lips": (outer + inner) / 2, "lips, outer edge": outer, "lips, inner edge": inner}
        parts |= {f"lips, mouth {state}": (outer + inner) / 2}
        parts |= {"corners of the mouth": values["corners"], "opening of the mouth": values["opening"]}
    for row, value in parts.items():
        errors[row].append(value)


# -- steadiness --------------------------------------------------------------------------------------------


def _jitter_table(tested: Sequence[Subject], clips: Sequence[Path]) -> Table:
    """Jitter of the points as the predictor gives them, with the real movement of the head in it."""
    columns = [
        "% of the eye distance",
        *(f"{s.scheme}, {what}" for s in tested for what in ("crop", "points")),
    ]
    rows: list[list[Cell]] = []
    for clip in clips:
        row: list[Cell] = [clip.stem]
        for subject in tested:
            analyser = subject.analyser()
            row += [f"{100 * value:.2f}" for value in jitter(followed(analyser, clip), analyser)]
        rows.append(row)
    return Table("landmarks-jitter", columns, rows)


def followed(analyser: FaceAnalyser, clip: Path) -> npt.NDArray[np.float64]:
    """Landmarks (N, P, 2) of the largest face of each frame, followed from the frame before."""
    found: list[Landmarks] = []
    for frame in open_source(clip).frames():
        image = frame.rgb()
        points = (
            analyser.refine(StillPicture(image), found[-1]).points if found else largest_face(analyser, image)
        )
        if points is not None:
            found.append(points)
    return np.stack(found).astype(np.float64)


def jitter(points: npt.NDArray[np.float64], analyser: FaceAnalyser) -> tuple[float, float]:
    """Jitter of landmarks (N, P, 2) of consecutive frames, in eye distances: root mean square of the second
    difference of the crop's centre, and median length of that of the corners of eyes and mouth and the base
    of the nose."""
    scheme = analyser.scheme
    size = float(np.median([eye_distance(face.astype(np.float32), scheme) for face in points]))
    back = np.stack([inverse(align(face.astype(np.float32), 256, scheme)) for face in points])
    centres = back[:, :, :2] @ (127.5, 127.5) + back[:, :, 2]
    regions = scheme.regions
    corners = [corner for eye in regions.eyes for corner in eye.opening.corners]
    chosen = points[:, [*corners, *regions.mouth.corners, regions.nose_base]]
    of_crop = np.sqrt((np.diff(centres, n=2, axis=0) ** 2).sum(axis=1).mean()) / size
    of_points = np.median(np.linalg.norm(np.diff(chosen, n=2, axis=0), axis=2)) / size
    return float(of_crop), float(of_points)


# -- size and time -----------------------------------------------------------------------------------------


def _size_table(tested: Sequence[Subject], clips: Sequence[Path]) -> Table:
    """Share of faces found, by width. The faces of the clips are made smaller and stand in the middle of a
    white frame, as their own background is white."""
    shown = [
        frame.rgb() for clip in clips for frame in open_source(clip).frames() if frame.index % _EVERY == 0
    ]
    rows: list[list[Cell]] = []
    for subject in tested:
        analyser = subject.analyser()
        known = [largest_face(analyser, image) for image in shown]
        usable = [(image, points) for image, points in zip(shown, known, strict=True) if points is not None]
        row: list[Cell] = [f"{subject.name}: found"]
        off: list[Cell] = ["   landmarks off, median"]
        for width in _WIDTHS:
            apart = [
                error
                for image, points in usable
                if (error := _made_small(analyser, image, points, width)) is not None
            ]
            row.append(f"{len(apart) / len(shown):.0%}")
            off.append(f"{np.median(apart):.1%}" if apart else None)
        rows += [row, off]
    return Table("landmarks-size", ["width of the face, pixels", *(str(width) for width in _WIDTHS)], rows)


def _made_small(analyser: FaceAnalyser, image: Image, points: Landmarks, width: int) -> float | None:
    """How far the landmarks of a face made ``width`` pixels wide are from those of the large one, in eye
    distances; ``None`` where it is not found."""
    factor = width / box_around(points, analyser.scheme).width
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    height, wide = small.shape[:2]
    left, top = (_FRAME[0] - wide) // 2, (_FRAME[1] - height) // 2
    frame = np.full((_FRAME[1], _FRAME[0], 3), 255, dtype=np.uint8)
    frame[top : top + height, left : left + wide] = small
    scale = np.array([wide / image.shape[1], height / image.shape[0]])
    expected = ((points + 0.5) * scale - 0.5 + (left, top)).astype(np.float32)
    place = box_around(expected, analyser.scheme)
    for face in analyser.search_image(frame):
        if box_around(face.landmarks, analyser.scheme).overlap(place) > 0.3:
            inner = list(analyser.scheme.inner)
            apart = np.linalg.norm(face.landmarks[inner] - expected[inner], axis=1)
            return float(np.nanmean(apart)) / eye_distance(expected, analyser.scheme)
    return None


def _time_table(tested: Sequence[Subject], clip: Path) -> Table:
    """Median over the frames of a clip."""
    rows: list[list[Cell]] = []
    for subject in tested:
        analyser, seconds = subject.analyser(), []
        points: Landmarks | None = None
        for frame in open_source(clip).frames():
            image = frame.rgb()
            if points is None:
                points = largest_face(analyser, image)
                continue
            start = time.perf_counter()
            points = analyser.refine(StillPicture(image), points).points
            seconds.append(time.perf_counter() - start)
        rows.append([subject.scheme, 1e3 * median(seconds)])
    return Table("landmarks-time", ["landmarks of one face", "ms"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landmarks", description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="further labelled clips")
    print_tables(measure(parser.parse_args().clips))


if __name__ == "__main__":
    main()
