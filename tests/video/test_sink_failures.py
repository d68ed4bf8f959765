"""A clip is whole or not there, and what cannot be written is said at once."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import FacedoubleError, InputError, OutputError, SettingsError
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.images import write_png
from facedouble.video.sinks import open_sink
from tests.video.sinks import FINE, info, plain


def one_line(error: FacedoubleError, path: Path) -> str:
    text = str(error)
    assert "\n" not in text
    assert str(path) in text
    return text


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
    sink = open_sink(
        tmp_path / "a.webm", info(tmp_path / "x"), settings, audio_from=clips["sample_01"], overwrite=False
    )
    (said,) = sink.remarks
    sink.abort()
    assert said.startswith("stream 1 (sound, aac) is left out: .webm cannot hold it; ")
    assert ".mkv" in said
    assert list(tmp_path.iterdir()) == []


def test_sound_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sound.mp4").write_text("no sound")
    with pytest.raises(InputError, match="cannot be opened"):
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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
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
