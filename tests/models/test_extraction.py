"""Models record how the faces they were trained on were found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.errors import ModelError
from facedouble.models import checkpoint
from facedouble.models.base import build
from facedouble.models.card import ModelCard
from facedouble.models.extraction import extraction_settings, finding_record
from facedouble.run.events import Event
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings, read_recorded, recorded

SMALL = {"filters": 4, "bottleneck": 8}
LEVEL = {
    "detector": "hog",
    "landmarks": "dlib68",
    "smoothing": 0.5,
    "align_eyes": True,
    "align_turned": True,
    "rotate_images": "90",
}


def card(*of_a: dict[str, Any]) -> ModelCard:
    colour = np.full((2, 3), 0.4).tolist()
    return ModelCard(
        {"kind": "original", **SMALL},
        64,
        0.7,
        {"a": [], "b": []},
        {"a": colour, "b": colour},
        extraction={"a": list(of_a)} if of_a else {},
    )


def settings_for(model_card: ModelCard) -> tuple[ExtractSettings, list[str]]:
    heard: list[Event] = []
    found = extraction_settings(model_card, Path("a model"), Run([heard.append]))
    return found, [str(event) for event in heard]


def test_what_a_faceset_records_comes_back_from_the_model_that_was_trained_on_it(tmp_path: Path) -> None:
    made_with = ExtractSettings.read({**LEVEL, "size": 512, "max_faces": 1})
    record = finding_record(recorded(made_with), ["dlib68"])
    assert record == LEVEL
    checkpoint.save(tmp_path, card(record), build("original", SMALL).state_dict(), {})
    found, said = settings_for(checkpoint.read_card(tmp_path))
    assert found == ExtractSettings.read(LEVEL)
    assert said == []


def test_the_scheme_is_that_of_the_faces_whatever_the_default_is_today() -> None:
    assert finding_record({}, ["dlib68"])["landmarks"] == "dlib68"
    assert finding_record({}, ["mediapipe478"])["landmarks"] == "mediapipe478"


def test_faces_for_an_older_model_are_aligned_as_its_own_were() -> None:
    older = {name: value for name, value in LEVEL.items() if name != "align_turned"}
    assert settings_for(card(older))[0].align_turned is False
    assert finding_record({"size": 256}, ["mediapipe478"])["align_turned"] is False
    assert read_recorded({"size": 256}).align_turned is False
    assert ExtractSettings().align_turned is True


def test_a_model_without_a_record_says_that_the_default_is_used() -> None:
    found, said = settings_for(card())
    assert found == ExtractSettings()
    assert len(said) == 1
    assert "a model does not record" in said[0]


def test_of_different_facesets_the_first_counts_and_it_is_said() -> None:
    found, said = settings_for(card(LEVEL, {**LEVEL, "smoothing": 2.0}))
    assert found.smoothing == 0.5
    assert len(said) == 1
    assert "different settings" in said[0]


@pytest.mark.parametrize("record", [{"detector": "of tomorrow"}, {"smoothing": "much"}, {"align_eyes": [1]}])
def test_a_record_that_cannot_be_used_is_one_clear_error(record: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="how faces were found cannot be used"):
        settings_for(card(record))


def test_only_what_decides_where_crops_lie_is_taken_from_a_model() -> None:
    found, _ = settings_for(card({**LEVEL, "processes": 500, "size": 1024}))
    assert found == ExtractSettings.read(LEVEL)
