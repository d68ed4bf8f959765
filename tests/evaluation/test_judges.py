"""A swap is judged by landmarks that did not drive it."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from facedouble.evaluation.judges import Judge, available_judges, describe_judges
from facedouble.evaluation.registry import MEASURES
from facedouble.evaluation.result import Evaluation, ResultEvaluation
from facedouble.evaluation.terminal import lines
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.pose import head_poses
from facedouble.faces.registry import LANDMARK_PREDICTORS
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.video.source import open_source
from tests.factories import make_face

from .conftest import FRAMES

TURNED_HEAD = Path(__file__).parents[1] / "faces" / "turned_head" / "turned_head.mp4"
OTHER = {"mediapipe478": "dlib68", "dlib68": "mediapipe478"}


@pytest.mark.parametrize("driver", LANDMARK_PREDICTORS)
def test_the_first_judge_is_one_that_did_not_drive(driver: str) -> None:
    pytest.importorskip("dlib")
    names = [judge.name for judge in available_judges(driver)]
    assert names == [OTHER[driver], driver]


def test_both_judge_and_the_one_that_did_not_drive_decides(
    measured: Callable[[str], ResultEvaluation],
) -> None:
    pytest.importorskip("dlib")
    found = measured("encoded")
    assert found.driver == "mediapipe478"
    assert dict(found.judges) == {"dlib68": FRAMES, "mediapipe478": FRAMES}
    for name, known in MEASURES.items():
        outcome = found.outcomes[name]
        assert list(outcome.by_scheme) == (["dlib68", "mediapipe478"] if known.by_landmarks else [])
        if known.by_landmarks:
            assert outcome.value == outcome.by_scheme["dlib68"]
    by_mesh = found.outcomes["expression"].by_scheme["mediapipe478"]
    assert by_mesh is not None
    assert 0 < by_mesh < 0.02
    assert found.verdict.sentences[-1].startswith(
        "Landmarks are judged by dlib68; the swap follows mediapipe478"
    )


def test_the_terminal_and_the_json_show_both(measured: Callable[[str], ResultEvaluation]) -> None:
    pytest.importorskip("dlib")
    result = measured("encoded")
    found = Evaluation(result.path, [result], ["B", "A"], EvaluateSettings(), 2)
    said = list(lines(found))
    place = next(i for i, line in enumerate(said) if line.startswith("  mouth opening"))
    assert said[place + 1].startswith("    by mediapipe478")
    kept = json.loads(json.dumps(found.as_json()))["results"][0]
    assert kept["landmarks"] == {"driver": "mediapipe478", "judges": dict(result.judges)}
    assert list(kept["measures"]["mouth"]["by_scheme"]) == ["dlib68", "mediapipe478"]
    assert "by_scheme" not in kept["measures"]["flicker"]


def test_a_turned_head_is_as_far_turned_as_it_is_with_depth() -> None:
    """Frames 0, 8 and 16 of the clip look 20, 40 and 60 degrees to the right."""
    frames = [frame.rgb() for frame in islice(open_source(TURNED_HEAD).frames(), 17)]
    judge = Judge(FaceAnalyser())
    seen = []
    for frame in frames[::8]:
        found = judge.analyser.search_image(frame)[0].found
        face = make_face(0, scheme="mediapipe478", landmarks=found.points, smoothed=found.points)
        seen.append(judge.look((frame, frame), face))
    judged = judge.judged([0, 8, 16], seen)
    for points, depth in (
        (judged.landmarks, judged.depth[:, 0]),
        (judged.source_landmarks, judged.depth[:, 1]),
    ):
        yaw, flat = head_poses(points, judged.scheme, depth)[:, 0], head_poses(points, judged.scheme)[:, 0]
        assert yaw == pytest.approx([20, 40, 60], abs=5)
        assert np.abs(yaw - [20, 40, 60]).mean() < np.abs(flat - [20, 40, 60]).mean()


def test_one_sentence_says_who_judged_and_what_is_missing() -> None:
    both = describe_judges("mediapipe478", {"dlib68": 8, "mediapipe478": 10}, 10)
    assert both == (
        "Landmarks are judged by dlib68; the swap follows mediapipe478; the values of mediapipe478 stand "
        "beside. dlib68 saw no face, or one that is covered, in 2 of 10 frames, which do not count."
    )
    alone = describe_judges("mediapipe478", {"mediapipe478": 10}, 10)
    assert "which the swap follows as well; with dlib68 installed" in alone
