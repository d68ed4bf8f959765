"""Converting clips with damaged frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.errors import ConversionError
from facedouble.extraction.extract import extract
from facedouble.settings.convert import ConvertSettings, FrameChoice
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource

DAMAGED = Path(__file__).parents[2] / "cases" / "damaged.mp4"
FINE = ClipEncoding(codec="ffv1")


@pytest.fixture(scope="module")
def damaged_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged") / "faces"
    result = extract(DAMAGED, path, ExtractSettings(processes=1))
    assert (result.frames, result.unreadable) == (42, 1)
    assert result.faces > 30
    return path


def test_a_damaged_frame_stops_the_run_with_advice_that_works(
    damaged_faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"
    with pytest.raises(
        ConversionError, match=r"frame 20 cannot be converted \(the clip is damaged here\); with"
    ):
        convert(DAMAGED, stand_in, output, ConvertSettings(encoding=FINE), faceset=damaged_faces)
    going = ConvertSettings(encoding=FINE, keep_going=True)
    result = convert(DAMAGED, stand_in, output, going, faceset=damaged_faces)
    (failure,) = result.failures
    assert (failure.frame, failure.reason) == (20, "the clip is damaged here")
    assert result.frames == 42
    written, source = ClipSource(output), ClipSource(DAMAGED)
    assert len(written.times()) == 42
    # What the decoder makes of it depends a little on where decoding began, and in how many threads.
    copy, original = (next(clip.frames(20, 21)).as_it_is() for clip in (written, source))
    assert np.abs(copy.rgb().astype(float) - original.rgb()).mean() < 1


def test_ranges_that_do_not_touch_it_do_not_see_it(
    damaged_faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    for discard in (False, True):
        output = tmp_path / f"{discard}.mkv"
        frames = FrameChoice(ranges=("0-10",), discard=discard)
        settings = ConvertSettings(encoding=FINE, frames=frames)
        result = convert(DAMAGED, stand_in, output, settings, faceset=damaged_faces)
        assert not result.failures
        assert result.frames_swapped == 11
        assert result.frames == (11 if discard else 42)


@pytest.mark.subprocess
def test_faces_are_found_around_the_damage_where_none_are_given(stand_in: Path, tmp_path: Path) -> None:
    settings = ConvertSettings(encoding=FINE, keep_going=True)
    result = convert(DAMAGED, stand_in, tmp_path / "out.mkv", settings)
    assert [failure.frame for failure in result.failures] == [20]
    assert result.frames_swapped > 30
