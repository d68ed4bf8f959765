"""Image sequences: how people name them, what is chosen, what is missing."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError, SettingsError
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.hashing import source_hash
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.images import write_png
from facedouble.video.sequences import missing_text, sequence_pattern
from facedouble.video.source import open_source


def value(number: int) -> int:
    return number * 7 % 251


def sequence(folder: Path, before: str, numbers: list[int], after: str = ".png", digits: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        write_png(
            folder / f"{before}{number:0{digits}d}{after}", np.full((16, 16, 3), value(number), np.uint8)
        )


def numbers_of(path: Path) -> list[int]:
    frames = list(open_source(path).frames())
    for frame in frames:
        assert frame.number is not None
        assert (frame.rgb() == value(frame.number)).all()
    return [frame.shown_number for frame in frames]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plate.%04d.png", [998, 999, 1000, 1001]),
        ("plate.####.png", [998, 999, 1000, 1001]),
        ("plate.#.png", [998, 999, 1000, 1001]),
        ("plate.%d.png", []),  # 0998 is not how %d writes 998
        ("plate.0999-1000.png", [999, 1000]),
        ("plate.0900-0998.png", [998]),
    ],
)
def test_a_sequence_is_read_by_its_pattern(tmp_path: Path, name: str, expected: list[int]) -> None:
    sequence(tmp_path, "plate.", [998, 999, 1000, 1001])
    sequence(tmp_path, "matte.", [999, 1000])
    (tmp_path / "plate.txt").write_text("no image")
    if name == "plate.%d.png":
        assert numbers_of(tmp_path / name) == [1000, 1001]
        return
    assert numbers_of(tmp_path / name) == expected


def test_numbers_outgrow_their_padding(tmp_path: Path) -> None:
    sequence(tmp_path, "a_", [9998, 9999, 10000, 10001])
    assert numbers_of(tmp_path / "a_####.png") == [9998, 9999, 10000, 10001]
    assert numbers_of(tmp_path) == [9998, 9999, 10000, 10001]


def test_a_file_of_that_name_is_that_file(tmp_path: Path) -> None:
    sequence(tmp_path, "plate.", [1, 2])
    write_png(tmp_path / "plate.0001-0002.png", np.full((8, 8, 3), 90, np.uint8))
    assert sequence_pattern(tmp_path / "plate.0001-0002.png") is None
    (frame,) = open_source(tmp_path / "plate.0001-0002.png").frames()
    assert (frame.rgb() == 90).all()


def test_which_of_two_sequences_is_meant_has_to_be_said(tmp_path: Path) -> None:
    sequence(tmp_path, "plate.", list(range(1001, 1005)))
    sequence(tmp_path, "clean.", list(range(1001, 1003)))
    with pytest.raises(InputError) as caught:
        open_source(tmp_path)
    text = str(caught.value)
    assert "plate.####.png (1001-1004)" in text
    assert "clean.####.png (1001-1002)" in text
    assert "\n" not in text
    assert numbers_of(tmp_path / "clean.####.png") == [1001, 1002]


def test_a_name_that_fits_nothing_says_what_there_is(tmp_path: Path) -> None:
    sequence(tmp_path, "plate.", [1001, 1002])
    with pytest.raises(InputError, match=r"it holds plate\.####\.png \(1001-1002\)"):
        open_source(tmp_path / "plate.#####.png")
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "nowhere" / "plate.####.png")


def test_two_files_of_one_number(tmp_path: Path) -> None:
    sequence(tmp_path, "a", [1, 2], digits=1)
    sequence(tmp_path, "a", [2], digits=3)
    with pytest.raises(InputError, match=r"a002\.png and a2\.png are both frame 2|a2\.png and a002\.png are"):
        open_source(tmp_path / "a#.png")
    assert numbers_of(tmp_path / "a%d.png") == [1, 2]


@pytest.mark.parametrize("by_pattern", [True, False])
def test_gaps_are_said_and_stay(tmp_path: Path, by_pattern: bool) -> None:
    there = [number for number in range(1001, 1041) if number not in (1005, 1010, 1011)]
    sequence(tmp_path, "plate.", there)
    source = open_source(tmp_path / "plate.####.png" if by_pattern else tmp_path)
    assert [line.partition("so: ")[2] for line in source.remarks] == ["1005, 1010-1011"]
    assert source.info.is_film
    assert source.info.first_number == 1001
    assert [frame.pts + 1001 for frame in source.frames()] == there
    assert source.index.times.tolist() == [number - 1001 for number in there]
    assert source.index.duration(3) == 2  # frame 1004 is shown for two


def test_frames_missing_at_the_ends_of_a_range(tmp_path: Path) -> None:
    sequence(tmp_path, "plate.", [1003, 1004])
    source = open_source(tmp_path / "plate.1001-1006.png")
    assert source.remarks[0].endswith(": 1001-1002, 1005-1006")


def test_photos_are_no_film(tmp_path: Path) -> None:
    sequence(tmp_path, "IMG_", [1, 2, 7, 40])
    source = open_source(tmp_path)
    assert not source.info.is_film
    assert [frame.pts for frame in source.frames()] == [0, 1, 2, 3]
    assert [frame.number for frame in source.frames()] == [None] * 4
    assert not source.remarks


def test_a_sequence_has_the_rate_it_is_given(tmp_path: Path) -> None:
    sequence(tmp_path, "plate.", [1001, 1002])
    info = open_source(tmp_path / "plate.####.png", Reading(image_fps=23.976)).info
    assert (info.rate, info.time_base) == (Fraction(24000, 1001), Fraction(1001, 24000))
    assert open_source(tmp_path).info.rate == 25
    with pytest.raises(SettingsError):
        Reading(image_fps=0)


def test_a_sequence_is_the_folder_that_holds_nothing_else(tmp_path: Path) -> None:
    sequence(tmp_path, "plate.", [1001, 1002])
    whole = source_hash(tmp_path)
    assert source_hash(tmp_path / "plate.####.png") == whole
    sequence(tmp_path, "matte.", [1001, 1002])
    assert source_hash(tmp_path / "plate.####.png") == whole
    assert source_hash(tmp_path / "plate.1001-1001.png") != whole


def test_gaps_stay_in_a_clip_and_numbers_in_a_folder(tmp_path: Path) -> None:
    sequence(tmp_path / "in", "plate.", [1001, 1002, 1004, 1005])
    clip = tmp_path / "out.mkv"
    pattern = tmp_path / "in" / "plate.####.png"
    assert images_to_clip(pattern, clip, settings=ClipEncoding(codec="ffv1"), fps=24) == 4
    source = ClipSource(clip)
    assert [round(frame.seconds * 24) for frame in source.frames()] == [0, 1, 3, 4]
    clip_to_images(pattern, tmp_path / "copy")
    assert sorted(file.name for file in (tmp_path / "copy").iterdir()) == [
        "plate.1001.png", "plate.1002.png", "plate.1004.png", "plate.1005.png",
    ]  # fmt: skip


def test_missing_numbers_in_words() -> None:
    assert missing_text([3, 4, 8], 1, 9) == "1-2, 5-7, 9"
    assert missing_text([1, 2], 1, 2) == ""
