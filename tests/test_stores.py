"""Clips in object stores: what is an address, and what is read of a clip."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from fsspec.registry import _registry

from facedouble import stores
from facedouble.cli.main import main
from facedouble.conversion.pipeline import convert
from facedouble.distributed import convert_parts
from facedouble.distributed.operations import join, plan, work
from facedouble.distributed.plan_folder import PlanFolder, planned
from facedouble.errors import AssetError, InputError, SettingsError
from facedouble.extraction.extract import extract
from facedouble.settings.convert import ConvertCommand, ConvertSettings
from facedouble.settings.extract import ExtractCommand, ExtractSettings
from facedouble.stores import StoredPath, some_source
from facedouble.video.clip_source import ClipSource
from facedouble.video.hashing import source_hash
from facedouble.video.source import open_source
from tests.conversion.pipeline.conftest import faces as faces
from tests.conversion.pipeline.conftest import pictures as pictures
from tests.conversion.pipeline.conftest import rich as rich
from tests.conversion.pipeline.conftest import stand_in as stand_in
from tests.conversion.pipeline.test_resume import packets
from tests.distributed.test_operations import WRITING, in_parts
from tests.extraction.facesets import contents
from tests.object_store import CountingStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a bucket, ``s3://bucket``."""
    bucket = tmp_path / "stored" / "bucket"
    bucket.mkdir(parents=True)
    monkeypatch.setattr(CountingStore, "root", bucket.parent, raising=False)
    monkeypatch.setattr(CountingStore, "read", [], raising=False)
    monkeypatch.setattr(CountingStore, "refuses", None)
    monkeypatch.setitem(stores.STORES, "s3", "fsspec")
    monkeypatch.setitem(_registry, "s3", CountingStore)
    return bucket


@pytest.fixture
def stored(store: Path, clips: dict[str, Path]) -> Path:
    shutil.copy(clips["sample_02"], store / "shot.mp4")
    return some_source("s3://bucket/shot.mp4")


# -- addresses -------------------------------------------------------------------------------------------


def test_an_address_is_a_path_that_keeps_its_form() -> None:
    path = some_source("s3://bucket/day 1/shot.mp4")
    assert isinstance(path, StoredPath)
    assert str(path) == str(path.absolute()) == str(pickle.loads(pickle.dumps(path)))
    assert str(path) == "s3://bucket/day 1/shot.mp4"
    assert (path.name, path.suffix, path.is_dir()) == ("shot.mp4", ".mp4", False)
    assert some_source("s3/shot.mp4") == Path("s3/shot.mp4")
    assert not isinstance(some_source("http://host/shot.mp4"), StoredPath)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://bucket", "is no address such as"),
        ("s3://bucket/", "is no address such as"),
        ("s3:///shot.mp4", "is no address such as"),
        ("gs://bucket/../other/shot.mp4", "is no address such as"),
        ("s3://bucket/a.zip::zip://shot.mp4", "is no address such as"),
        ("s3://KEY:secret@bucket/shot.mp4", "with credentials"),
    ],
)
def test_addresses_that_are_none(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        ExtractCommand.read({"source": text, "output": "faces"})
    assert "secret" not in str(caught.value)


def test_only_the_clip_can_be_in_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match="only the clip that is worked on can be there"):
        ExtractCommand.read({"source": "shot.mp4", "output": "s3://bucket/faces"})
    assert main(["extract", "-i", "shot.mp4", "-o", "s3://bucket/faces"]) != 0
    assert "only the clip that is worked on can be there" in capsys.readouterr().err
    assert main(["plan", "extract", "-i", "s3://bucket/shot.mp4", "-o", "x", "--plan", "gs://bucket/p"]) != 0
    assert "in an object store" in capsys.readouterr().err


def test_a_store_whose_library_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stores.STORES, "gs", "no_such_module")
    with pytest.raises(AssetError, match=r"pip install 'facedouble\[stores\]'"):
        open_source(some_source("gs://bucket/shot.mp4"))


# -- reading ---------------------------------------------------------------------------------------------


def test_frames_of_a_stored_clip_are_those_of_the_file(stored: Path, clips: dict[str, Path]) -> None:
    source, file = open_source(stored), open_source(clips["sample_02"])
    assert source_hash(stored) == source_hash(clips["sample_02"])
    assert source.index.times.tolist() == file.index.times.tolist()
    CountingStore.read.clear()
    both = zip(source.frames(60, 64), file.frames(60, 64), strict=True)
    assert all(np.array_equal(one.rgb(), other.rgb()) for one, other in both)


def test_only_the_blocks_around_the_frames_are_read(
    store: Path, clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_BLOCK", 1 << 16)
    size = _make_long(store / "long.mkv", clips["sample_02"])
    source = ClipSource(some_source("s3://bucket/long.mkv"))
    count = source.index.count
    CountingStore.read.clear()
    assert len(list(source.frames(count // 2, count // 2 + 4))) == 4
    assert sum(end - start for start, end in CountingStore.read) < size / 2


def _make_long(path: Path, clip: Path) -> int:
    """Make a clip of many blocks, with a key frame now and then; its size in bytes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.codec_context.gop_size = 5
        for frame in ClipSource(clip).frames(0, 60):
            picture = av.VideoFrame.from_ndarray(frame.rgb(), format="rgb24")
            container.mux(stream.encode(picture.reformat(640, 360, "yuv420p")))
        container.mux(stream.encode())
    return path.stat().st_size


def test_a_clip_that_is_gone_or_refused(store: Path) -> None:
    with pytest.raises(InputError, match=r"s3://bucket/shot\.mp4: no such file"):
        open_source(some_source("s3://bucket/shot.mp4"))
    CountingStore.refuses = PermissionError("Forbidden")
    with pytest.raises(InputError, match=r"s3://bucket/shot\.mp4: cannot be read \(Forbidden\)"):
        open_source(some_source("s3://bucket/shot.mp4"))


def test_a_stored_clip_is_only_read(stored: Path) -> None:
    with pytest.raises(OSError, match="only read"):
        stored.open("wb")


# -- operations ------------------------------------------------------------------------------------------


@pytest.mark.subprocess
def test_a_stored_clip_in_parts_is_the_file(
    rich: Path, faces: Path, stand_in: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(rich, store / "a take.mov")
    address = "s3://bucket/a take.mov"
    finding = ExtractCommand.read({"source": address, "output": str(tmp_path / "faces"), "processes": 1})
    in_parts("extract", finding, tmp_path / "finding", 2)
    extract(rich, tmp_path / "whole", ExtractSettings(processes=1))
    assert contents(tmp_path / "faces")[1] == contents(tmp_path / "whole")[1]
    convert(rich, stand_in, tmp_path / "whole.mov", ConvertSettings.read(WRITING), faceset=faces)
    places = {"source": address, "model": str(stand_in), "faceset": str(faces)}
    command = ConvertCommand.read({**WRITING, **places, "output": str(tmp_path / "parts.mov")})
    assert planned(command)["source"] == address
    folder = tmp_path / "writing"
    plan("convert", command, folder, 1)
    convert_parts._for_parts.cache_clear()
    cache = tmp_path / "another machine"
    monkeypatch.setenv("FACEDOUBLE_CACHE", str(cache))
    work(folder, "fit", 0)
    (kept,) = (cache / "indexes").iterdir()
    assert kept.read_bytes() == (folder / "index.json").read_bytes()
    for stage in ("fit", "convert"):
        for part in range(len(PlanFolder(folder).read().parts[stage])):
            work(folder, stage, part)
        join(folder, stage)
    assert packets(tmp_path / "parts.mov") == packets(tmp_path / "whole.mov")
