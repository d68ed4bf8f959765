"""Settings of single frames and tracks: each face is as if they held for all of the clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.errors import SettingsError
from facedouble.settings.convert import ConvertSettings, Unmarked
from facedouble.settings.video import ClipEncoding
from facedouble.types import Image
from facedouble.video.source import open_source

SOFT: dict[str, Any] = {"detail": {"kind": "none"}, "converter": {"mask": {"kind": "rect", "erosion": 3.0}}}
COLOURS: dict[str, Any] = {"converter": {"colour": {"kind": "reinhard"}}, "retargeting": 0.0}


def settings(**values: Any) -> ConvertSettings:
    plain = {"compute": {"device": "cpu", "precision": "fp32"}, "checkpoint_frames": 7}
    return ConvertSettings.read({**plain, **values}).replace(
        encoding=ClipEncoding(codec="ffv1"), marking=Unmarked()
    )


@pytest.mark.slow
def test_each_face_is_as_its_settings_make_the_whole_clip(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    def converted(name: str, **values: Any) -> list[Image]:
        output = tmp_path / f"{name}.mkv"
        convert(rich, stand_in, output, settings(**values), faceset=faces)
        return [frame.rgb() for frame in open_source(output).frames()]

    usual, soft, colours = converted("usual"), converted("soft", **SOFT), converted("colours", **COLOURS)
    overrides = [{"ranges": ["5-20"], **SOFT}, {"ranges": ["12-14,30-"], "track": [0], **COLOURS}]
    mixed = converted("mixed", overrides=overrides)
    assert len(mixed) == len(usual) == 40
    for index, frame in enumerate(mixed):
        late = index in range(12, 15) or index >= 30
        expected = colours if late else soft if index in range(5, 21) else usual
        assert np.array_equal(frame, expected[index]), index
    assert not np.array_equal(usual[6], soft[6])
    assert not np.array_equal(usual[13], colours[13])


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ([{"ranges": ["7-x"], **SOFT}], "overrides.0.ranges"),
        ([{"ranges": ["3"], **SOFT}, {"ranges": ["99-"], **SOFT}], "overrides.1.ranges"),
        ([{"track": [77], **SOFT}], "overrides.0.track"),
    ],
)
def test_frames_and_tracks_that_are_not_there(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, overrides: Any, field: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        convert(rich, stand_in, tmp_path / "out.mkv", settings(overrides=overrides), faceset=faces)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("override", "field", "problem"),
    [
        ({"ranges": ["2"]}, "overrides.0.ranges", "changes nothing"),
        ({"retargeting": 0.5}, "overrides.0.ranges", "names no frames and no tracks"),
        ({"track": [1], "retargeting": 2.0}, "overrides.0.retargeting", "must be from 0 to 1"),
        ({"track": [1], "retargetting": 0.2}, "overrides.0.retargetting", "is retargeting meant?"),
        ({"track": [1], "encoding": {"crf": 3}}, "overrides.0.encoding", "there is no such setting"),
        (
            {"track": [1], "occlusion": "learned", "converter": {"mask": {"kind": "learned"}}},
            "overrides.0.occlusion",
            "leaves out what is in front of the face already",
        ),
        (4, "overrides.0", "must be a group of settings"),
    ],
)
def test_overrides_that_are_none(override: Any, field: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ConvertSettings.read({"overrides": [override]})
    assert caught.value.field == field
    assert problem in caught.value.problem
