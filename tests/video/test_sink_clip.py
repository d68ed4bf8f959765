"""Clips that are written: a real one there and back, their colours, sizes and codecs."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame import Frame
from facedouble.video.images import write_png
from facedouble.video.sinks import Marking, open_sink
from tests.video.sinks import FINE, info, plain, small, sound_of


def colour_tags(path: Path) -> tuple[int, int, int, int]:
    found = ClipSource(path).info
    return found.colour_range, found.colour_matrix, found.colour_primaries, found.colour_transfer


@pytest.fixture(scope="module")
def copied(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A real clip and what the sink makes of it, with a red square put into frame 3."""
    source = clips["sample_01"]
    target = tmp_path_factory.mktemp("sink") / "copy 副本.mp4"
    opened = ClipSource(source)
    with open_sink(
        target, opened.info, FINE, audio_from=source, overwrite=False, marking=Marking("synthetic: by a test")
    ) as sink:
        for frame in opened.frames():
            pixels = frame.rgb()
            if frame.index == 3:
                pixels[100:200, 100:200] = (200, 30, 30)
            sink.write(frame.with_pixels(pixels))
            assert not target.exists()
    return source, target


def test_a_copy_has_the_same_frames_at_the_same_times_in_the_same_colours(
    copied: tuple[Path, Path],
) -> None:
    source, copy = (ClipSource(path) for path in copied)
    assert colour_tags(copied[0]) == colour_tags(copied[1]) == (1, 1, 1, 1)
    assert copy.info.time_base == source.info.time_base == Fraction(1, 30000)
    assert copy.info.rate == source.info.rate
    assert copy.info.frames == source.info.frames == 99
    count = 0
    for before, after in zip(source.frames(), copy.frames(), strict=True):
        count += 1
        assert before.pts == after.pts
        if before.index == 3:
            inner = after.rgb()[110:190, 110:190].reshape(-1, 3)
            assert np.abs(inner.mean(axis=0) - (200, 30, 30)).max() < 1.5
        elif before.index % 10 == 0:
            difference = after.rgb().astype(int) - before.rgb()
            assert np.abs(difference).mean() < 0.25
            assert np.abs(difference.mean(axis=(0, 1))).max() < 0.05  # neither darker nor of another hue
    assert count == 99


def test_the_sound_is_the_same_to_the_byte_and_in_step(copied: tuple[Path, Path]) -> None:
    before, after = (sound_of(path) for path in copied)
    assert len(before) == 1
    assert len(before[0]) == 157
    assert after == before


def test_the_marking_and_the_sources_own_words_are_in_the_file(copied: tuple[Path, Path]) -> None:
    with av.open(str(copied[1])) as container:
        assert container.metadata["comment"] == "synthetic: by a test"
        assert container.metadata["creation_time"] == "2013-03-01T20:17:40.000000Z"
        assert container.streams.audio[0].metadata["language"] == "eng"


def test_the_head_of_an_mp4_comes_first_and_nothing_else_is_left(copied: tuple[Path, Path]) -> None:
    data = copied[1].read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert [path.name for path in copied[1].parent.iterdir()] == [copied[1].name]


def test_marking_again_keeps_the_first_marking(copied: tuple[Path, Path], tmp_path: Path) -> None:
    def again(source: Path, target: Path, marking: str) -> str:
        like = ClipSource(source).info
        with open_sink(
            target, like, FINE, audio_from=None, overwrite=False, marking=Marking(marking)
        ) as sink:
            for frame in islice(ClipSource(source).frames(), 2):
                sink.write(frame)
        with av.open(str(target)) as container:
            return next(v for k, v in container.metadata.items() if k.lower() == "comment")

    assert again(copied[1], tmp_path / "a.mkv", "synthetic: by a test") == "synthetic: by a test"
    assert again(tmp_path / "a.mkv", tmp_path / "b.mp4", "again") == "again | synthetic: by a test"


@pytest.mark.parametrize(
    "tags",
    [(1, 1, 1, 1), (1, 6, 6, 6), (1, 5, 5, 1), (2, 1, 1, 1), (2, 6, 6, 6), (1, 9, 9, 14), (0, 2, 2, 2)],
)
def test_colours_survive_whatever_the_clip_calls_them(
    clips: dict[str, Path], tmp_path: Path, tags: tuple[int, int, int, int]
) -> None:
    names = ("colour_range", "colour_matrix", "colour_primaries", "colour_transfer")
    like = info(
        tmp_path, 160, 90, kind="folder", pixel_format="yuv420p", **dict(zip(names, tags, strict=True))
    )
    image = small(clips, 1)[0]
    image[:, :20] = cv2.GaussianBlur(np.tile(np.array([[[180, 60, 40]]], np.uint8), (90, 20, 1)), (3, 3), 0)
    target = tmp_path / "tagged.mp4"
    with open_sink(
        target, like, ClipEncoding(crf=0, preset="ultrafast"), audio_from=None, overwrite=False
    ) as sink:
        sink.write(Frame(index=0, pts=0, time_base=Fraction(1, 25), content=image))
    assert colour_tags(target) == tags
    again = next(ClipSource(target).frames()).rgb()
    assert (
        np.abs(again[:, 3:17].reshape(-1, 3).mean(axis=0) - (180, 60, 40)).max() <= 2
    )  # a step of 8-bit chroma
    assert np.abs((again[:, 30:].astype(int) - image[:, 30:]).mean(axis=(0, 1))).max() < 0.6


@pytest.mark.parametrize(("height", "matrix"), [(718, 6), (720, 1)])
def test_a_folder_becomes_a_clip_that_says_its_colours(tmp_path: Path, height: int, matrix: int) -> None:
    image = np.full((height, 64, 3), (180, 60, 40), np.uint8)
    write_png(tmp_path / "1.png", image)
    source = FolderSource(tmp_path)
    target = tmp_path / "out.mp4"
    with open_sink(target, source.info, FINE, audio_from=None, overwrite=False) as sink:
        for frame in source.frames():
            sink.write(frame)
    assert colour_tags(target)[:2] == (1, matrix)
    assert np.abs(next(ClipSource(target).frames()).rgb().astype(int) - image).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 47), (63, 47)])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_odd_sizes(clips: dict[str, Path], tmp_path: Path, codec: str, width: int, height: int) -> None:
    target = tmp_path / "odd.mp4"
    images = small(clips, 8, width, height)  # x265 gives fewer than four frames wrong times
    settings = ClipEncoding(codec=codec, crf=1, preset="ultrafast")
    with open_sink(target, info(tmp_path, width, height), settings, audio_from=None, overwrite=False) as sink:
        for index, image in enumerate(images):
            sink.write(Frame(index=index, pts=index, time_base=Fraction(1, 25), content=image))
    found = ClipSource(target)
    assert (found.info.width, found.info.height, found.info.pixel_format) == (width, height, "yuv444p")
    for frame, image in zip(found.frames(), images, strict=True):
        assert np.abs(frame.rgb().astype(int) - image).mean() < 2


def test_even_sizes_are_what_every_player_reads(copied: tuple[Path, Path]) -> None:
    assert ClipSource(copied[1]).info.pixel_format == "yuv420p"


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    like = info(tmp_path, sample_aspect=Fraction(4, 3))
    with open_sink(tmp_path / "wide.mp4", like, FINE, audio_from=None, overwrite=False) as sink:
        for frame in plain(2):
            sink.write(frame)
    assert ClipSource(tmp_path / "wide.mp4").info.sample_aspect == Fraction(4, 3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.webm", ClipEncoding(codec="libvpx-vp9", crf=4)),
        ("a.mkv", ClipEncoding(codec="libsvtav1", crf=4, preset="10")),
        ("a.mov", ClipEncoding(codec="prores_ks")),
        ("a.mkv", ClipEncoding(codec="ffv1")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.codec,
)
def test_other_codecs(clips: dict[str, Path], tmp_path: Path, name: str, settings: ClipEncoding) -> None:
    images = small(clips, 3)
    with open_sink(
        tmp_path / name, info(tmp_path, 160, 90), settings, audio_from=None, overwrite=False
    ) as sink:
        for index, image in enumerate(images):
            sink.write(Frame(index=index, pts=index, time_base=Fraction(1, 25), content=image))
    frames = list(ClipSource(tmp_path / name).frames())
    assert [round(frame.seconds * 25, 2) for frame in frames] == [0, 1, 2]
    for frame, image in zip(frames, images, strict=True):
        assert np.abs(frame.rgb().astype(int) - image).mean() < 4


def test_a_lower_crf_is_better_and_larger(clips: dict[str, Path], tmp_path: Path) -> None:
    images = small(clips, 3)
    sizes, errors = [], []
    for crf in (5, 40):
        target = tmp_path / f"{crf}.mp4"
        settings = ClipEncoding(crf=crf, preset="medium")
        with open_sink(target, info(tmp_path, 160, 90), settings, audio_from=None, overwrite=False) as sink:
            for index, image in enumerate(images):
                sink.write(Frame(index=index, pts=index, time_base=Fraction(1, 25), content=image))
        sizes.append(target.stat().st_size)
        errors.append(np.abs(next(ClipSource(target).frames()).rgb().astype(int) - images[0]).mean())
    assert sizes[0] > 2 * sizes[1]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("aspect", [Fraction(2), Fraction(64, 45), Fraction(8, 9)])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("out.mkv", "ffv1"),
        ("out.mkv", "libx264"),
        ("out.mkv", "prores_ks"),
        ("out.webm", "libvpx-vp9"),
        ("out.mov", "prores_ks"),
        ("out.mp4", "libx265"),
    ],
)
def test_the_shape_of_pixels_is_kept_whatever_the_codec(
    tmp_path: Path, name: str, codec: str, aspect: Fraction
) -> None:
    like = info(tmp_path, 90, 72, sample_aspect=aspect)
    with open_sink(
        tmp_path / name, like, ClipEncoding(codec=codec), audio_from=None, overwrite=False
    ) as sink:
        for frame in plain(5, 90, 72):
            sink.write(frame)
    copy = ClipSource(tmp_path / name)
    assert copy.info.shown_size == like.shown_size
    assert [round(float(frame.rgb().mean())) for frame in copy.frames()] == pytest.approx(
        [0, 20, 40, 60, 80], abs=2
    )
    assert len(list(copy.frames(3, 5))) == 2
