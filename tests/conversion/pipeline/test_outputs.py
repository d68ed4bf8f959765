"""What can be written besides a plain clip: alpha for compositors, images of every kind, labels, marks."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.provenance.verify import State, verify
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.planes import YuvPlanes
from facedouble.video.registry import IMAGE_FORMATS

FRAMES = 40


def settings(encoding: ClipEncoding | None, **changes: object) -> ConvertSettings:
    plain: dict[str, object] = {"device": "cpu", "precision": "fp32", "credentials": False}
    return from_options(ConvertSettings, encoding=encoding, **{**plain, **changes})


@pytest.mark.parametrize(("name", "codec"), [("out.mov", "prores_ks"), ("out.mkv", "ffv1")])
def test_alpha_is_on_every_frame_also_of_those_without_a_face(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, name: str, codec: str
) -> None:
    path = tmp_path / name
    how = settings(ClipEncoding(codec=codec), output_mode="rgba", frame_ranges=("4-9",))
    result = convert(rich, stand_in, path, how, faceset=faces)
    assert (result.frames, result.frames_swapped) == (FRAMES, 6)
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.video[0]))
        assert len(container.streams.audio) == 2
    assert len(frames) == FRAMES
    for number, frame in enumerate(frames):
        assert frame.format.name.startswith("yuva444p")
        depth = 8 if frame.format.components[3].bits == 8 else 16
        alpha = frame.reformat(format="rgba" if depth == 8 else "rgba64le").to_ndarray()[..., 3]
        share = (alpha > (2**depth - 1) / 2).mean()
        assert (share > 0.02) == (4 <= number <= 9), number
        assert share > 0.02 or alpha.max() == 0


@pytest.mark.subprocess  # strangers' EXR files are read in a process of their own
@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_images_of_every_kind_are_marked(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, name: str
) -> None:
    how = settings(None, image_format=name, frame_ranges=("0-2",), discard_frames=True, credentials=True)
    result = convert(rich, stand_in, tmp_path / "out", how, faceset=faces)
    assert (result.frames, result.marked) == (3, True)
    suffix = IMAGE_FORMATS[name].suffix
    assert sorted(path.name for path in (tmp_path / "out").glob(f"*{suffix}")) == [
        f"00000{n}{suffix}" for n in range(3)
    ]
    found = verify(tmp_path / "out")
    assert len(found) == 3
    assert {verdict.state for verdict in found} == {State.INTACT}
    assert all(verdict.statements.synthetic for verdict in found)
    if name != "exr":  # which has no place for it
        assert all(verdict.labels.aigc for verdict in found)
        assert all("Trained" in (verdict.labels.source_type or "") for verdict in found)
    first = tmp_path / "out" / f"000000{suffix}"
    pixels = next(iter(FolderSource(tmp_path / "out").frames())).pixels()
    first.write_bytes(IMAGE_FORMATS[name].encode(255 - pixels, None))
    assert verify(tmp_path / "out")[0].state in (State.CHANGED, State.UNMARKED)


@pytest.mark.parametrize("text", ["AI generated", "人工智能生成合成"])
def test_a_label_is_on_every_frame_and_nowhere_else(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, text: str
) -> None:
    bare, labelled = tmp_path / "bare.mkv", tmp_path / "labelled.mkv"
    video = ClipEncoding(codec="ffv1")
    for path, label in ((bare, ""), (labelled, text)):
        convert(rich, stand_in, path, settings(video, label=label, frame_ranges=("0-5",)), faceset=faces)
    for old, new in zip(ClipSource(bare).frames(), ClipSource(labelled).frames(), strict=True):
        assert isinstance(old.content, YuvPlanes)
        assert isinstance(new.content, YuvPlanes)
        rows, columns = np.nonzero(old.content.planes[0] != new.content.planes[0])
        assert rows.min() > 300
        assert columns.max() < 250
        shown = new.content.rgb()[rows.min() :, : columns.max()].astype(int)
        assert shown.max() > 230  # white letters
        assert (shown.sum(axis=2) < 450).mean() > 0.3  # on a darkened strip


def test_side_by_side_is_twice_as_wide(rich: Path, faces: Path, stand_in: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    how = settings(ClipEncoding(preset="ultrafast"), output_mode="side-by-side", frame_ranges=("0-9",))
    convert(rich, stand_in, path, how, faceset=faces)
    source, result = ClipSource(rich), ClipSource(path)
    assert (result.info.width, result.info.height) == (2 * source.info.width, source.info.height)
    assert result.times() == source.times()
    for old, new in zip(source.frames(), result.frames(), strict=True):
        left, right = new.rgb()[:, :640].astype(int), new.rgb()[:, 640:].astype(int)
        assert np.abs(left - old.rgb()).mean() < 2.5
        assert (np.abs(right - old.rgb()).mean() > 3) == (old.index < 10)
