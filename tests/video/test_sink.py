import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from facedouble.errors import FacedoubleError, InputError, OutputError, SettingsError
from facedouble.settings.video import ClipEncoding
from facedouble.types import Image
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame import Frame
from facedouble.video.images import read_image, write_png
from facedouble.video.info import SourceInfo
from facedouble.video.sinks import Marking, open_sink
from facedouble.video.source import open_source

FINE = ClipEncoding(crf=1, preset="ultrafast")


def info(path: Path, width: int = 64, height: int = 48, **changes: object) -> SourceInfo:
    plain = SourceInfo(path, "folder", width, height, 0, Fraction(25), Fraction(1, 25))
    return replace(plain, **changes)  # type: ignore[arg-type]


def plain(count: int, width: int = 64, height: int = 48) -> Iterator[Frame]:
    """Frames of one grey each, 20 levels apart."""
    for index in range(count):
        image = np.full((height, width, 3), 20 * index % 256, np.uint8)
        yield Frame(index=index, pts=index, time_base=Fraction(1, 25), content=image)


def sound_of(path: Path) -> list[list[tuple[bytes, Fraction, Fraction]]]:
    """Of each sound stream, every packet's bytes, time and duration in seconds."""
    with av.open(str(path)) as container:
        streams = list(container.streams.audio)
        packets: dict[int, list[tuple[bytes, Fraction, Fraction]]] = {s.index: [] for s in streams}
        for packet in container.demux(streams) if streams else ():  # of no stream, PyAV takes all
            if packet.size:
                assert packet.pts is not None
                assert packet.duration is not None
                tick = packet.time_base
                packets[packet.stream.index].append(
                    (bytes(packet), packet.pts * tick, packet.duration * tick)
                )
        return [packets[s.index] for s in streams]


def colour_tags(path: Path) -> tuple[int, int, int, int]:
    found = ClipSource(path).info
    return found.colour_range, found.colour_matrix, found.colour_primaries, found.colour_transfer


def one_line(error: FacedoubleError, path: Path) -> str:
    text = str(error)
    assert "\n" not in text
    assert str(path) in text
    return text


def small(clips: dict[str, Path], count: int, width: int = 160, height: int = 90) -> list[Image]:
    """The first frames of a real clip, reduced."""
    frames = islice(ClipSource(clips["sample_02"]).frames(), count)
    return [
        cv2.resize(f.rgb(), (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8) for f in frames
    ]


def with_tone(path: Path, frames: int, rate: int = 25) -> Path:
    """A small clip with a tone of its length, written with PyAV alone."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=rate)
        picture.width, picture.height = 64, 48
        sound = container.add_stream("aac", rate=48_000)
        for frame in plain(frames):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(frame.rgb(), format="rgb24")))
        wave = (np.sin(np.arange(48_000 * frames // rate) / 20) * 0.5).astype(np.float32)
        tone = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        tone.sample_rate, tone.pts = 48_000, 0
        for resampled in av.AudioResampler("fltp", "stereo", 48_000, frame_size=1024).resample(tone):
            container.mux(sound.encode(resampled))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path


# -- a real clip, there and back -------------------------------------------------------------------


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


# -- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("time_base", "times"),
    [
        (Fraction(1, 1000), [0, 33, 70, 71, 300, 333, 900]),
        (Fraction(1, 90_000), [3003, 6006, 9009, 12_012, 90_001, 90_090, 99_099]),  # the sound comes first
        (Fraction(1001, 30_000), list(range(7))),
    ],
)
def test_times_and_sync_are_kept(
    clips: dict[str, Path], tmp_path: Path, suffix: str, time_base: Fraction, times: list[int]
) -> None:
    target = tmp_path / f"varied{suffix}"
    like = info(tmp_path, 160, 90, time_base=time_base, rate=Fraction(30))
    with open_sink(target, like, FINE, audio_from=clips["sample_03"], overwrite=False) as sink:
        for index, (image, pts) in enumerate(zip(small(clips, 7), times, strict=True)):
            sink.write(Frame(index=index, pts=pts, time_base=time_base, content=image))
    found = [frame.seconds for frame in ClipSource(target).frames()]
    # Matroska counts in milliseconds.
    assert found == pytest.approx(
        [float(t * time_base) for t in times], abs=5.1e-4 if suffix == ".mkv" else 1e-9
    )
    before, after = sound_of(clips["sample_03"]), sound_of(target)
    assert [p[0] for p in after[0]] == [p[0] for p in before[0]]
    assert [float(p[1]) for p in after[0]] == pytest.approx([float(p[1]) for p in before[0]], abs=1e-3)


def test_order_of_coding_does_not_disturb_times(clips: dict[str, Path], tmp_path: Path) -> None:
    """With B-frames, packets are not in the order of their times."""
    target = tmp_path / "b.mp4"
    settings = ClipEncoding(crf=10, preset="medium")
    with open_sink(target, info(tmp_path, 160, 90), settings, audio_from=None, overwrite=False) as sink:
        for index, image in enumerate(small(clips, 30)):
            sink.write(Frame(index=index, pts=index + 2, time_base=Fraction(1, 25), content=image))
    with av.open(str(target)) as container:
        packets = [p.pts for p in container.demux(container.streams.video[0]) if p.size]
    assert packets != sorted(packets, key=lambda pts: pts or 0)
    assert ClipSource(target).times() == list(range(2, 32))


def test_sound_that_begins_before_zero_stays_in_step(tmp_path: Path) -> None:
    """AAC as encoders write it has a packet before time 0."""
    source = with_tone(tmp_path / "primed.mp4", 10)
    before = sound_of(source)
    assert before[0][0][1] < 0
    opened = ClipSource(source)
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"copy{suffix}"
        with open_sink(target, opened.info, FINE, audio_from=source, overwrite=False) as sink:
            for frame in opened.frames():
                sink.write(frame)
        after = sound_of(target)
        assert [p[0] for p in after[0]] == [p[0] for p in before[0]]
        lead = before[0][0][1] - ClipSource(source).times()[0] * opened.info.time_base
        copy = ClipSource(target)
        assert float(after[0][0][1] - copy.times()[0] * copy.info.time_base) == pytest.approx(
            float(lead), abs=2e-3
        )


def test_sound_and_picture_lie_beside_each_other_in_the_file(tmp_path: Path) -> None:
    """A player that reads a clip from a slow place needs both at once."""
    source = with_tone(tmp_path / "long.mp4", 30, rate=1)
    target = tmp_path / "out.mp4"
    opened = ClipSource(source)
    with open_sink(target, opened.info, FINE, audio_from=source, overwrite=False) as sink:
        for frame in opened.frames():
            sink.write(frame)
    with av.open(str(target)) as container:
        packets = [(p.pos or 0, float((p.dts or 0) * p.time_base)) for p in container.demux() if p.size]
    times = [seconds for _, seconds in sorted(packets)]
    assert max(times) > 28
    assert max(np.maximum.accumulate(times) - times) < 1.5


def test_the_timecode_of_a_camera_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "camera.mov"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.width, stream.height = 64, 48
        stream.metadata["timecode"] = "01:00:00;02"
        for frame in plain(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.rgb(), format="rgb24")))
        container.mux(stream.encode(None))
    opened = ClipSource(source)
    with open_sink(tmp_path / "out.mov", opened.info, FINE, audio_from=None, overwrite=False) as sink:
        for frame in opened.frames():
            sink.write(frame)
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:00:00;02"


def test_every_sound_stream_is_copied(clips: dict[str, Path], tmp_path: Path) -> None:
    two = tmp_path / "two.mkv"
    with (
        av.open(str(clips["sample_03"])) as first,
        av.open(str(clips["sample_04"])) as second,
        av.open(str(two), "w") as container,
    ):
        olds = [first.streams.audio[0], second.streams.audio[0]]
        news = [container.add_stream_from_template(stream) for stream in olds]
        news[1].metadata["language"] = "deu"
        news[0].disposition, news[1].disposition = Disposition(0), Disposition.default
        for old, new in zip(olds, news, strict=True):
            for packet in old.container.demux(old):  # type: ignore[attr-defined]
                if packet.size:
                    packet.stream = new
                    container.mux(packet)
    target = tmp_path / "out.mp4"
    with open_sink(target, info(tmp_path), FINE, audio_from=two, overwrite=False) as sink:
        for frame in plain(5):
            sink.write(frame)
    packets = [[p[0] for p in stream] for stream in sound_of(target)]
    assert packets == [[p[0] for p in sound_of(clips[name])[0]] for name in ("sample_03", "sample_04")]
    with av.open(str(target)) as container:
        assert container.streams.audio[1].metadata["language"] == "deu"
        assert [bool(s.disposition & Disposition.default) for s in container.streams.audio] == [False, True]


def test_a_capture_whose_clock_starts_anywhere_stays_in_step(clips: dict[str, Path], tmp_path: Path) -> None:
    capture = tmp_path / "capture.ts"
    with av.open(str(clips["sample_03"])) as old, av.open(str(capture), "w") as new:
        both = [old.streams.video[0], old.streams.audio[0]]
        streams = [new.add_stream_from_template(stream, opaque=True) for stream in both]
        for packet in old.demux(both):
            if packet.pts is not None and packet.dts is not None:
                shift = round(30_000 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[both.index(packet.stream)]
                new.mux(packet)
    source = ClipSource(capture)
    target = tmp_path / "out.mp4"
    with open_sink(target, source.info, FINE, audio_from=capture, overwrite=False) as sink:
        for frame in islice(source.frames(), 10):
            sink.write(frame)
    assert ClipSource(target).times() == [3003 * i for i in range(10)]
    before, after = sound_of(clips["sample_03"])[0], sound_of(target)[0]
    assert [p[0] for p in after] == [p[0] for p in before]
    assert [float(p[1]) for p in after] == pytest.approx([float(p[1]) for p in before], abs=1e-3)


def test_a_source_without_sound_gives_a_clip_without_sound(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    for path, audio in ((silent, None), (tmp_path / "copy.mp4", silent)):
        with open_sink(path, info(tmp_path), FINE, audio_from=audio, overwrite=False) as sink:
            for frame in plain(3):
                sink.write(frame)
        assert sound_of(path) == []


# -- colours and pixels ----------------------------------------------------------------------------


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


# -- whole or not there ----------------------------------------------------------------------------


def test_nothing_appears_when_the_work_is_broken_off(tmp_path: Path, clips: dict[str, Path]) -> None:
    target = tmp_path / "out.mp4"
    for error in (RuntimeError, KeyboardInterrupt):
        with (
            pytest.raises(error),
            open_sink(target, info(tmp_path), FINE, audio_from=clips["sample_03"], overwrite=False) as sink,
        ):
            for frame in plain(10):
                sink.write(frame)
            assert sorted(path.name for path in tmp_path.iterdir()) == [".out.mp4.lock", ".out.partial.mp4"]
            raise error
        assert list(tmp_path.iterdir()) == []


def test_an_existing_clip_is_replaced_only_by_a_whole_one_and_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"what was there")
    with pytest.raises(OutputError, match="exists"):
        open_sink(target, info(tmp_path), FINE, audio_from=None, overwrite=False)
    with (
        pytest.raises(RuntimeError),
        open_sink(target, info(tmp_path), FINE, audio_from=None, overwrite=True) as sink,
    ):
        sink.write(next(plain(1)))
        raise RuntimeError
    assert target.read_bytes() == b"what was there"
    with open_sink(target, info(tmp_path), FINE, audio_from=None, overwrite=True) as sink:
        sink.write(next(plain(1)))
        assert target.read_bytes() == b"what was there"
    assert len(ClipSource(target).times()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_second_run_keeps_out_of_the_way_of_the_first(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with open_sink(out, info(tmp_path), FINE, audio_from=None, overwrite=False) as first:
        frames = plain(6)
        for frame in islice(frames, 3):
            first.write(frame)
        with pytest.raises(OutputError, match="another run is writing it"):
            open_sink(out, info(tmp_path), FINE, audio_from=None, overwrite=True)
        for frame in frames:
            first.write(frame)
    assert len(ClipSource(out).times()) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    with open_sink(out, info(tmp_path), FINE, audio_from=None, overwrite=True) as again:
        again.write(next(plain(1)))
    assert len(ClipSource(out).times()) == 1


def test_what_is_read_is_never_written_over(tmp_path: Path, clips: dict[str, Path]) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(clips["sample_03"].read_bytes())
    like = ClipSource(clip).info
    link = tmp_path / "b.mp4"
    link.symlink_to(clip)
    for target in (clip, link):
        with pytest.raises(OutputError, match="is an input"):
            open_sink(target, like, FINE, audio_from=None, overwrite=True)
        with pytest.raises(OutputError, match="is an input"):
            open_sink(target, info(tmp_path / "x"), FINE, audio_from=clip, overwrite=True)
    folder = tmp_path / "images"
    folder.mkdir()
    write_png(folder / "1.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(OutputError, match="is an input"):
        open_sink(folder, FolderSource(folder).info, FINE, audio_from=None, overwrite=True)
    assert clip.read_bytes() == clips["sample_03"].read_bytes()


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("a.mp4", ClipEncoding(codec="nonsense"), "no encoder 'nonsense'"),
        ("a.mp4", ClipEncoding(codec="aac"), "does not encode video"),
        ("a.mp4", ClipEncoding(codec="mpeg4"), "no constant quality"),
        ("a.webm", ClipEncoding(), "libvpx-vp9"),
        ("a.avi", ClipEncoding(), "cannot write .avi"),
        ("a.png", ClipEncoding(), "cannot write .png"),
        ("no/such/folder/a.mp4", ClipEncoding(), "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(
    tmp_path: Path, name: str, settings: ClipEncoding, says: str
) -> None:
    with pytest.raises(OutputError) as caught:
        open_sink(tmp_path / name, info(tmp_path / "x"), settings, audio_from=None, overwrite=False)
    assert says in one_line(caught.value, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("codec", "preset", "says"),
    [
        ("libx264", "breakneck", "`encoding.preset=breakneck`: unknown; choose one of ultrafast,"),
        ("libx265", "3", "`encoding.preset=3`: unknown"),
        ("libsvtav1", "slow", "numbers its presets"),
    ],
)
def test_a_preset_that_the_encoder_does_not_have(tmp_path: Path, codec: str, preset: str, says: str) -> None:
    settings = ClipEncoding(codec=codec, preset=preset)
    with pytest.raises(SettingsError, match=says):
        open_sink(tmp_path / "a.mkv", info(tmp_path / "x"), settings, audio_from=None, overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (ClipEncoding(codec="ffv1", crf=20), "`encoding.crf=20`: ffv1 has no quality setting; omit it"),
        (ClipEncoding(codec="prores_ks", preset="slow"), "`encoding.preset=slow`: prores_ks has no presets"),
    ],
)
def test_what_an_encoder_does_not_know_is_refused(tmp_path: Path, settings: ClipEncoding, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        open_sink(tmp_path / "a.mkv", info(tmp_path / "x"), settings, audio_from=None, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_sound_that_the_container_cannot_hold(tmp_path: Path, clips: dict[str, Path]) -> None:
    settings = ClipEncoding(codec="libvpx-vp9")
    with pytest.raises(OutputError) as caught:
        open_sink(
            tmp_path / "a.webm",
            info(tmp_path / "x"),
            settings,
            audio_from=clips["sample_01"],
            overwrite=False,
        )
    assert ".webm cannot hold the source's sound (aac); write .mkv" in one_line(
        caught.value, tmp_path / "a.webm"
    )
    assert list(tmp_path.iterdir()) == []


def test_sound_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sound.mp4").write_text("no sound")
    with pytest.raises(InputError, match="sound cannot be read"):
        open_sink(
            tmp_path / "a.mp4", info(tmp_path / "x"), FINE, audio_from=tmp_path / "sound.mp4", overwrite=False
        )
    assert [path.name for path in tmp_path.iterdir()] == ["sound.mp4"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write to")
@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_a_place_that_cannot_be_written_to(tmp_path: Path, name: str) -> None:
    path = Path("/proc") / name
    with pytest.raises(OutputError) as caught:
        open_sink(path, info(tmp_path), FINE, audio_from=None, overwrite=False)
    one_line(caught.value, path)


@pytest.mark.subprocess
@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit on the size of files")
def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: writing fails in the middle."""
    script = f"""
import resource, signal
from fractions import Fraction
from pathlib import Path
import numpy as np
from facedouble.settings.video import ClipEncoding
from facedouble.errors import OutputError
from facedouble.video.frame import Frame
from facedouble.video.sinks import open_sink
from facedouble.video.info import SourceInfo

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
path = Path({str(tmp_path)!r}) / "out.mkv"
like = SourceInfo(path.parent, "folder", 320, 240, 0, Fraction(25), Fraction(1, 25))
noise = np.random.default_rng(0)
try:
    fine = ClipEncoding(crf=1, preset="ultrafast")
    with open_sink(path, like, fine, audio_from=None, overwrite=False) as sink:
        for index in range(100):
            image = noise.integers(0, 256, (240, 320, 3), np.uint8)
            sink.write(Frame(index=index, pts=index, time_base=Fraction(1, 25), content=image))
except OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "out.mkv: cannot be written (File too large); free some space there" in done.stdout
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="frame 1 is 32x48, the clip is 64x48"),
        open_sink(tmp_path / "a.mp4", info(tmp_path), FINE, audio_from=None, overwrite=False) as sink,
    ):
        first, second = plain(2)
        sink.write(first)
        sink.write(second.with_pixels(second.rgb()[:, :32]))
    assert list(tmp_path.iterdir()) == []


def test_a_clip_of_no_frames_is_not_written(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="no frame"),
        open_sink(tmp_path / "a.mp4", info(tmp_path), FINE, audio_from=None, overwrite=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


# -- folders ---------------------------------------------------------------------------------------


def test_a_folder_holds_the_pixels_exactly(clips: dict[str, Path], tmp_path: Path) -> None:
    source = ClipSource(clips["sample_04"])
    folder = tmp_path / "new 新" / "frames"
    with open_sink(folder, source.info, FINE, audio_from=clips["sample_04"], overwrite=False) as sink:
        for frame in islice(source.frames(), 3):
            sink.write(frame)
            assert (folder / f"{frame.index:06d}.png").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png", "000002.png"]
    for before, after in zip(source.frames(), open_source(folder).frames(), strict=False):
        assert np.array_equal(before.rgb(), after.rgb())


def test_images_keep_their_names_and_are_marked(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    cv2.imwrite(str(old / "IMG 7.jpg"), image)
    source = FolderSource(old)
    with open_sink(
        new, source.info, FINE, audio_from=None, overwrite=False, marking=Marking("synthetic: 合成")
    ) as sink:
        for frame in source.frames():
            sink.write(frame.with_pixels(image))
    assert [path.name for path in new.iterdir()] == ["IMG 7.png"]
    assert np.array_equal(read_image(new / "IMG 7.png"), image)
    assert b"iTXtComment\0\0\0\0\0" + "synthetic: 合成".encode() in (new / "IMG 7.png").read_bytes()


def test_a_folder_that_holds_something_is_used_only_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for count, overwrite in ((4, False), (2, True)):
        with open_sink(folder, info(tmp_path), FINE, audio_from=None, overwrite=overwrite) as sink:
            for frame in plain(count):
                sink.write(frame)
        (folder / "notes.txt").write_text("kept")
    # What an earlier, longer run left would be taken for frames of this one.
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png", "notes.txt"]
    with pytest.raises(OutputError, match="holds files"):
        open_sink(folder, info(tmp_path), FINE, audio_from=None, overwrite=False)


def test_two_images_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    frames = [replace(frame, name=name) for frame, name in zip(plain(2), ("a.jpg", "a.png"), strict=True)]
    with (
        pytest.raises(OutputError, match=r"a\.png: two images"),
        open_sink(tmp_path / "out", info(tmp_path), FINE, audio_from=None, overwrite=False) as sink,
    ):
        for frame in frames:
            sink.write(frame)


def test_a_folder_is_not_left_behind_empty(tmp_path: Path) -> None:
    for made in (True, False):
        if not made:
            (tmp_path / "out").mkdir()
        with (
            pytest.raises(RuntimeError),
            open_sink(tmp_path / "out", info(tmp_path), FINE, audio_from=None, overwrite=False),
        ):
            raise RuntimeError
        assert (tmp_path / "out").exists() is not made
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot be used as a folder"):
        open_sink(tmp_path / "file", info(tmp_path), FINE, audio_from=None, overwrite=False)
