from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.evaluation.media_info import read_media_info


def test_what_a_clip_is_beside_its_pictures(clips: dict[str, Path]) -> None:
    found = read_media_info(clips["sample_02"])
    assert (found.frames, found.size, found.is_clip) == (123, (1280, 720), True)
    assert len(found.times) == 123
    assert np.diff(found.times) == pytest.approx(1001 / 30000, abs=1e-3)
    assert len(found.sound) == 1
    assert found.tags[-1] == Fraction(1)
    assert read_media_info(clips["sample_04"]).sound != found.sound


def test_a_folder_has_frames_only(pair_frames: Path) -> None:
    found = read_media_info(pair_frames)
    assert (found.frames, found.times, found.sound, found.tags) == (12, (), (), ())


def test_what_is_no_clip_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"not a clip")
    with pytest.raises(InputError, match=r"x\.mp4"):
        read_media_info(tmp_path / "x.mp4")
