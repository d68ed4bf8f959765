"""Parts that were encoded one by one, in one row."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.info import SourceInfo
from facedouble.video.sinks import WorkFolder, open_parts

TICK = Fraction(1, 90_000)


def frames(times: list[int]) -> list[Frame]:
    random = np.random.default_rng(0)
    base = cv2.GaussianBlur(random.integers(0, 256, (72, 96, 3), np.uint8), (0, 0), 3)
    return [Frame(index, pts, TICK, np.roll(base, 2 * index, axis=1)) for index, pts in enumerate(times)]


def uneven(count: int) -> list[int]:
    """Times whose steps grow and shrink a hundredfold, so that a part's decoding would begin long before
    its first frame."""
    steps = np.random.default_rng(1).choice([900, 3000, 90_000], count)
    return [int(pts) for pts in 3000 + np.cumsum(steps)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1", "libvpx-vp9", "libsvtav1"])
def test_parts_in_a_row_play_as_one(tmp_path: Path, codec: str, suffix: str) -> None:
    if suffix == ".mp4" and codec == "ffv1":
        pytest.skip("MP4 holds no FFV1")
    path = tmp_path / f"out{suffix}"
    times = uneven(26)
    preset = "10" if codec == "libsvtav1" else "medium"
    crf = ClipEncoding().crf if codec == "ffv1" else 20
    settings = ClipEncoding(codec=codec, crf=crf, preset=preset)
    like = SourceInfo(tmp_path, "folder", 96, 72, 0, Fraction(30), TICK)
    work = WorkFolder(path, {"test": 1})
    with open_parts(path, like, settings, work, audio_from=None, overwrite=False) as sink:
        for frame in frames(times):
            sink.write(frame)
            if frame.index in (11, 23, 24):  # parts of 12, 12, 1 and 1 frames
                sink.finish_part({})
        sink.finish_part({})
    found = ClipSource(path)
    exact = suffix == ".mp4"
    assert [float(pts * found.info.time_base) for pts in found.times()] == pytest.approx(
        [float(pts * TICK) for pts in times], abs=1e-9 if exact else 5.1e-4
    )
    if exact:  # Matroska has no decoding times
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        assert all(a.dts < b.dts for a, b in pairwise(packets))  # type: ignore[operator]
        assert all(p.dts <= p.pts for p in packets)  # type: ignore[operator]
    for frame, again in zip(frames(times), found.frames(), strict=True):
        assert np.abs(again.rgb().astype(int) - frame.rgb()).mean() < 3, frame.index
    assert list(tmp_path.iterdir()) == [path]
