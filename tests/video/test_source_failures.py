"""Clips that cannot be read: cut off, damaged, or none at all."""

from collections import deque
from pathlib import Path

import pytest

from facedouble.errors import InputError
from facedouble.video.clip_source import ClipSource
from facedouble.video.source import open_source
from tests.video.sources import BLUE, GREEN, GREY, RED, make_clip, quarters, reading, remux, yuv444


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
    text = reading(cut_in_half(whole, tmp_path / f"cut{suffix}"))
    assert "cut off" in text or "damaged" in text


def test_a_cut_off_recording_is_noticed_however_fast_it_is_read(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    """Several threads decode; what is wrong with the last frame may be known only after it is given out."""
    path = cut_in_half(remux(clips["sample_01"], tmp_path / "whole.ts"), tmp_path / "cut.ts")
    for first in (0, 0, 0, 44):
        with pytest.raises(InputError, match="frame 48 is damaged"):
            deque(ClipSource(path).frames(first), maxlen=0)


def test_damage_in_the_middle_is_noticed(clips: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(clips["sample_03"].read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = bytes(60_000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    assert "damaged" in reading(path)


def test_a_change_of_size_is_noticed(tmp_path: Path) -> None:
    small = make_clip(tmp_path / "a.h264", [yuv444(quarters((RED, GREEN, BLUE, GREY)))] * 2)
    large = make_clip(tmp_path / "b.h264", [yuv444(quarters((RED, GREEN, BLUE, GREY), 96, 128))] * 2)
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    assert "128x96" in reading(both)


@pytest.mark.parametrize("content", [b"", b"This is a text.\n" * 100, bytes(5000)])
def test_what_is_no_clip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no clip.mp4"
    path.write_bytes(content)
    assert "cannot be opened as a clip" in reading(path)


def test_sound_alone_is_no_clip(song: Path) -> None:
    assert "no video" in reading(song)


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in reading(tmp_path / "nothing.mp4")
