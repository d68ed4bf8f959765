"""Clips that cannot be read: cut off, damaged, or none at all."""

from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.video.clip_source import ClipSource
from facedouble.video.source import open_source
from tests.video.sources import reading, remux


def cut_in_half(path: Path, target: Path) -> Path:
    data = path.read_bytes()
    target.write_bytes(data[: len(data) // 2])
    return target


def test_a_cut_off_mp4_is_refused_at_once(clips: dict[str, Path], tmp_path: Path) -> None:
    path = cut_in_half(clips["sample_01"], tmp_path / "cut.mp4")
    with pytest.raises(InputError, match=r"cut off, \d+ bytes are missing"):
        open_source(path)


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_a_cut_off_clip_without_an_index_is_noticed(
    clips: dict[str, Path], tmp_path: Path, suffix: str
) -> None:
    whole = remux(clips["sample_01"], tmp_path / f"whole{suffix}")
    assert len(ClipSource(whole).times()) in (99, 100)  # the edit list is lost here
    cut = cut_in_half(whole, tmp_path / f"cut{suffix}")
    if suffix == ".mkv":  # which states its duration
        assert "cut off" in reading(cut)
    else:
        assert [frame.problem is not None for frame in ClipSource(cut).frames()][-2:] == [False, True]


def test_a_cut_off_recording_is_noticed_however_fast_it_is_read(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    """Several threads decode; what is wrong with the last frame may be known only after it is given out."""
    path = cut_in_half(remux(clips["sample_01"], tmp_path / "whole.ts"), tmp_path / "cut.ts")
    for first in (0, 0, 0, 44):
        problems = [frame.index for frame in ClipSource(path).frames(first) if frame.problem]
        assert problems == [48]


def test_damage_in_the_middle_is_noticed(clips: dict[str, Path], tmp_path: Path) -> None:
    """All frames keep their places, also those that nothing is left of."""
    data = bytearray(clips["sample_03"].read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = bytes(60_000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    problems = [frame.problem is not None for frame in ClipSource(path).frames()]
    assert len(problems) == len(ClipSource(clips["sample_03"]).times())
    damaged = np.flatnonzero(problems)
    assert 1 <= len(damaged) < 20
    assert damaged[-1] - damaged[0] < 25


@pytest.mark.parametrize("content", [b"", b"This is a text.\n" * 100, bytes(5000)])
def test_what_is_no_clip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no clip.mp4"
    path.write_bytes(content)
    assert "cannot be opened as a clip" in reading(path)


def test_sound_alone_is_no_clip(song: Path) -> None:
    assert "no video" in reading(song)


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in reading(tmp_path / "nothing.mp4")
