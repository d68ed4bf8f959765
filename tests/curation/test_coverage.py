from pathlib import Path

import numpy as np
import pytest

from facedouble.curation.attributes import FaceAttributes, face_attributes
from facedouble.curation.coverage import (
    AXES,
    comparison_sentences,
    coverage_sentences,
    missing_poses,
    missing_values,
    pose_counts,
)
from facedouble.faces.pose import PITCH_EDGES, YAW_EDGES
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset


def measures(**arrays: object) -> FaceAttributes:
    """FaceAttributes of faces that do all there is to do, apart from what is given."""
    random = np.random.default_rng(1)
    count = len(next(iter(arrays.values()))) if arrays else 600  # type: ignore[arg-type]
    full = {
        "yaw": np.linspace(-44, 44, count),
        "pitch": random.permutation(np.linspace(-24, 24, count)),
        "roll": np.zeros(count),
        "misfit": np.full(count, 0.03),
        "mouth": random.permutation(np.linspace(0, 0.6, count)),
        "eyes": random.permutation(np.linspace(0.05, 0.4, count)),
        "sharpness": np.full(count, 200.0),
        "width": np.full(count, 300.0),
        "brightness": random.permutation(np.linspace(0.2, 0.8, count)),
    }
    return FaceAttributes(
        **{**full, **{name: np.asarray(value, dtype=float) for name, value in arrays.items()}}
    )


def test_poses_are_counted_with_up_above_and_right_to_the_right() -> None:
    counts = pose_counts(measures(yaw=[0, 31, 31, -200], pitch=[0, 22, 22, -89]))
    assert counts.shape == (len(PITCH_EDGES) - 1, len(YAW_EDGES) - 1) == (9, 15)
    assert counts.sum() == 4
    assert counts[4, 7] == 1, "looking straight is the middle"
    assert counts[2, 10] == 2, "20 up is two rows above it, 30 to the right three columns"
    assert counts[8, 0] == 1, "what lies beyond is in the outermost"


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.measure)
def test_every_axis_counts_every_face(axis: object) -> None:
    low, high = axis.edges[0], axis.edges[-1]  # type: ignore[attr-defined]
    values = [low - 1, low, (low + high) / 2, high, high * 10]
    counts = axis.counts(measures(**{axis.measure: values}))  # type: ignore[attr-defined]
    assert counts.sum() == 5
    assert min(counts[0], counts[-1]) == 2


def test_what_is_not_known_is_not_counted() -> None:
    [axis] = [axis for axis in AXES if axis.measure == "brightness"]
    assert axis.counts(measures(brightness=[np.nan, 0.5])).sum() == 1


def test_empty_bins_are_missing_where_heads_move() -> None:
    here = pose_counts(measures(yaw=[0.0] * 50, pitch=[0.0] * 50))
    missing = missing_poses(here, None)
    assert not missing[4, 7]
    assert missing[4, 8]
    assert missing[4, 11], "40 degrees to the right"
    assert not missing[4, 13], "60 is no longer talking to somebody"
    assert missing[2, 7]
    assert not missing[0, 7]
    assert np.array_equal(missing, missing[:, ::-1]), "left as right"


def test_beside_another_faceset_only_what_that_one_has_is_missing() -> None:
    here = pose_counts(measures(yaw=[0.0] * 100 + [60.0], pitch=[0.0] * 101))
    there = pose_counts(measures(yaw=[0.0] * 50 + [30.0] * 49 + [-30.0], pitch=[0.0] * 100))
    missing = missing_poses(here, there)
    assert list(zip(*np.nonzero(missing), strict=True)) == [(4, 4), (4, 10)]
    few = pose_counts(measures(yaw=[0.0] * 500 + [30.0], pitch=[0.0] * 501))
    assert not missing_poses(here, few).any(), "a face in 500 is not worth filming for"


def test_being_as_small_and_blurred_as_another_is_no_goal() -> None:
    for axis in AXES:
        here, there = np.zeros(len(axis.edges) - 1, dtype=int), np.zeros(len(axis.edges) - 1, dtype=int)
        here[0], there[3] = 100, 100
        assert missing_values(axis, here, there).any() == (axis.measure in ("mouth", "eyes", "brightness"))
        assert missing_values(axis, here, None).any() == (axis.measure in ("mouth", "eyes"))


def test_a_faceset_with_everything_is_told_so() -> None:
    assert coverage_sentences(measures(), 144) == [
        "95% of the 600 faces have a yaw of -42 to 42 and a pitch of -23 to 23 degrees.",
        "Nothing is missing that heads usually do when they talk.",
    ]


@pytest.mark.parametrize(
    ("measure", "low", "high", "said"),
    [
        ("yaw", -10, 44, "None of the faces look to the left of the image (yaw under -20)."),
        ("yaw", -44, 21, "Only 1.7% of the faces look to the right of the image (yaw over 20)."),
        ("pitch", -24, 0, "None of the faces look up (pitch over 10)."),
        ("pitch", 0, 24, "None of the faces look down (pitch under -10)."),
        ("mouth", 0, 0.3, "None of the faces have the mouth wide open (over 0.4)."),
        ("mouth", 0.2, 0.6, "None of the faces have the mouth shut (under 0.08)."),
        ("eyes", 0.2, 0.4, "None of the faces have the eyes shut (under 0.15); a blink may come out open."),
        ("brightness", 0.5, 0.55, "Nearly all faces are equally bright (0.50 to 0.55)."),
        ("width", 90, 90, "100% of the crops are enlarged: half of the faces are under 90 pixels wide."),
    ],
)
def test_what_is_lacking_is_said(measure: str, low: float, high: float, said: str) -> None:
    assert coverage_sentences(measures(**{measure: np.linspace(low, high, 600)}), 144)[1:] == [said]


def test_only_what_lacks_most_is_said() -> None:
    frozen = measures(yaw=[0.0] * 9, pitch=[0.0] * 9, mouth=[0.3] * 9, eyes=[0.3] * 9, width=[50.0] * 9)
    said = coverage_sentences(frozen, 144)
    assert len(said) == 5
    assert "look up" in " ".join(said)
    assert len(coverage_sentences(frozen, 144, limit=3)) == 3


def test_what_the_other_has_and_this_one_lacks_is_said() -> None:
    here = measures(yaw=np.linspace(-10, 10, 600), pitch=np.linspace(-5, 5, 600))
    there = measures(yaw=[0.0] * 75 + [-35.0] * 25, pitch=[0.0] * 85 + [20.0] * 15)
    assert comparison_sentences(here, there, "A")[1] == (
        "25% of the faces of A have a pose that no face here comes near; "
        "they look to the left of the image (25%), up (15%)."
    )
    assert comparison_sentences(here, here, "A")[1:] == ["Everything that A does is here as well."]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"mouth": [0.2] * 90 + [0.8] * 10},
            "10% of the faces of A have the mouth open wider than here (about 0.80).",
        ),
        (
            {"eyes": [0.3] * 80 + [0.05] * 20},
            "20% of the faces of A have the eyes more shut than here (about 0.05).",
        ),
        (
            {"brightness": [0.5] * 95 + [0.05] * 5},
            "5.0% of the faces of A are darker than here (about 0.05).",
        ),
        ({"sharpness": [900.0] * 10}, "Faces here are blurred: sharpness 200, of A 900."),
        ({"width": [700.0] * 10}, "Faces here are small: 300 pixels wide, of A 700."),
    ],
)
def test_what_the_other_does_more_of_is_said(arrays: dict[str, object], said: str) -> None:
    here = measures(eyes=np.linspace(0.2, 0.4, 600))
    count = len(next(iter(arrays.values())))  # type: ignore[arg-type]
    there = measures(**{"eyes": [0.3] * count, **arrays})
    assert comparison_sentences(here, there, "A")[1:] == [said]


def test_without_colours_nothing_is_said_of_light() -> None:
    dark = measures(brightness=np.full(600, np.nan))
    assert coverage_sentences(dark, 144)[1:] == ["Nothing is missing that heads usually do when they talk."]
    assert comparison_sentences(dark, measures(), "A")[1:] == ["Everything that A does is here as well."]


def test_real_actors_look_into_the_camera(extracted_pair: Path) -> None:
    with Faceset.open(extracted_pair) as store:
        faces = store.faces()
    here = face_attributes(faces)
    assert np.abs(here.yaw).max() < 15
    assert np.abs(here.pitch).max() < 15
    assert ((here.width > 140) & (here.width < 170)).all()
    boxes = np.array([face.box.width for face in faces])
    assert (np.abs(boxes / here.width - 1.1) < 0.25).all(), "about as wide as the detector's box"
    said = coverage_sentences(here, scheme_of(faces[0]).face_width * faces[0].crop_size)
    assert any("left of the image" in sentence for sentence in said)
    assert not face_attributes([]).yaw.size
