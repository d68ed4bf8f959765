"""Folders of images that are written."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import OutputError
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.image_formats import image_format
from facedouble.video.images import read_image
from facedouble.video.sinks import Marking, WorkFolder, open_sink, open_work_folder
from facedouble.video.sinks.parts import FolderParts
from facedouble.video.source import open_source
from tests.video.sinks import FINE, info, plain


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


def test_stopped_after_it_was_killed_the_same_command_goes_on(tmp_path: Path) -> None:
    """Killed in its first part, then stopped in it, then run to its end."""
    folder = tmp_path / "out"

    def images() -> list[str]:
        return sorted(path.name for path in folder.iterdir())

    def sink(work: WorkFolder) -> FolderParts:
        format = image_format("png")
        return FolderParts(folder, work, format=format, overwrite=False, marking=None, alpha=False)

    for frames, ending in ((3, "killed"), (1, "stopped"), (0, "stopped"), (2, "finished")):
        with open_work_folder(folder, {"clip": 1}) as work:
            parts = sink(work)
            for frame in plain(frames):
                parts.write(frame)
            if ending == "stopped":
                parts.abort()
            elif ending == "finished":
                parts.finish_part({})
                parts.close()
    assert images() == ["000000.png", "000001.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(OutputError, match="holds files"), open_work_folder(folder, {"clip": 1}) as work:
        sink(work)


def test_half_an_image_that_a_killed_run_left_is_no_file_of_the_users(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".0123456789abcdef.new").write_bytes(b"half")
    with open_sink(folder, info(tmp_path), FINE, audio_from=None, overwrite=False) as sink:
        for frame in plain(1):
            sink.write(frame)
    assert [path.name for path in folder.iterdir()] == ["000000.png"]
