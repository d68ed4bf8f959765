import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.landmark_labels import (
    LabelledFrame,
    curve_error,
    find_clips,
    gap,
    load,
    part_errors,
    part_of,
    smooth,
)
from facedouble.faces.registry import LANDMARK_SCHEMES

FRAMES = load()
ARC = np.array([(x, 20 * np.sin(np.pi * x / 60)) for x in np.linspace(0, 60, 7)])


def test_the_spline_goes_through_its_points_and_hardly_leaves_the_curve_they_are_of() -> None:
    line = smooth(ARC)
    for point in ARC:
        assert np.linalg.norm(line - point, axis=1).min() < 1e-9
    assert np.abs(line[:, 1] - 20 * np.sin(np.pi * line[:, 0] / 60)).max() < 0.6


@pytest.mark.parametrize("points", [4, 7, 13])
def test_a_curve_moved_sideways_is_as_far_away_as_it_was_moved_whatever_its_points(points: int) -> None:
    line = np.column_stack([np.linspace(0, 60, points), np.full(points, 5.0)])
    assert curve_error(line + (0, 3), np.array([(0.0, 5.0), (30, 5), (60, 5)])) == pytest.approx(3)


def test_the_opening_is_measured_perpendicular_to_the_line_between_the_corners() -> None:
    turn = np.array([[np.cos(0.5), np.sin(0.5)], [-np.sin(0.5), np.cos(0.5)]])
    upper = np.array([(0.0, 0), (15, -6), (30, -6), (45, -6), (60, 0)])
    lower = upper * (1, -0.5)
    assert gap(upper @ turn, lower @ turn) == pytest.approx(gap(upper, lower))
    assert gap(upper, lower) == pytest.approx(9, abs=0.3)


@pytest.mark.parametrize("scheme", LANDMARK_SCHEMES)
@pytest.mark.parametrize("name", ["right_eye", "left_eye", "mouth"])
def test_the_curves_of_a_scheme_run_from_corner_to_corner_and_the_upper_one_is_above(
    scheme: str, name: str
) -> None:
    described = LANDMARK_SCHEMES[scheme]
    part = part_of(described.mean_shape * 256, described, name)
    for curve in part.curves.values():
        assert (np.diff(curve[:, 0]) > 0).all()
    names = list(part.curves)
    for upper, lower in zip(names[::2], names[1::2], strict=True):
        assert gap(part.curves[upper], part.curves[lower]) > 0
    if name == "mouth":
        assert part.curves["outer_upper"][0, 0] < part.curves["inner_upper"][0, 0]
        assert part.curves["outer_upper"][:, 1].mean() < part.curves["inner_upper"][:, 1].mean()
    assert dict(part_errors(part, part)) == pytest.approx(dict.fromkeys(["corners", *names, "opening"], 0.0))


def test_there_are_forty_labelled_frames_and_eight_of_them_twice() -> None:
    assert len(FRAMES) == 40 == len({(frame.clip, frame.frame) for frame in FRAMES})
    again = {(frame.clip, frame.frame) for frame in load(which="again")}
    assert len(again) == 8
    assert again < {(frame.clip, frame.frame) for frame in FRAMES}
    assert sum("mouth" in frame.parts for frame in FRAMES) == 36


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: f"{frame.clip}-{frame.frame}")
def test_labels_are_those_of_a_face(frame: LabelledFrame) -> None:
    for name, part in frame.parts.items():
        width = np.linalg.norm(part.corners[1] - part.corners[0])
        upper, lower = list(part.curves.values())[-2:]
        height = 0.0 if part.shut else gap(upper, lower)
        assert 0 <= height < 0.8 * width
        assert part.shut == np.array_equal(upper, lower)
        if frame.eye_distance is not None:
            low, high = (0.6, 1.1) if name == "mouth" else (0.35, 0.65)
            assert low < width / frame.eye_distance < high


def test_a_second_label_is_near_the_first() -> None:
    first = {(frame.clip, frame.frame): frame for frame in FRAMES}
    for again in load(which="again"):
        before = first[again.clip, again.frame]
        assert again.sha256 == before.sha256
        assert again.parts.keys() == before.parts.keys()
        for name, part in again.parts.items():
            assert max(dict(part_errors(part, before.parts[name])).values()) < 0.03 * (
                before.eye_distance or 100
            )


def test_a_clip_is_found_by_its_name_and_its_content(tmp_path: Path) -> None:
    clip, other = tmp_path / "clip.mp4", tmp_path / "other" / "clip.mp4"
    other.parent.mkdir()
    clip.write_bytes(b"the clip that was labelled")
    other.write_bytes(b"another clip of that name")
    frame = replace(FRAMES[0], clip="clip.mp4", sha256=hashlib.sha256(clip.read_bytes()).hexdigest())
    assert find_clips([frame], [other, clip]) == {"clip.mp4": clip}
    assert not find_clips([frame], [other, tmp_path / "missing.mp4"])
