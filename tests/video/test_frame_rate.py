"""Rates that no picture has are not believed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame_rate import frame_rate, measured_rate
from facedouble.video.sinks import open_sink


def times(step: float, count: int = 60) -> list[Fraction]:
    """Times as a clock of milliseconds has them."""
    return [Fraction(round(1000 * step * i), 1000) for i in range(count)]


@pytest.mark.parametrize(
    ("average", "typical", "found", "rate"),
    [
        (Fraction(25), Fraction(25), None, Fraction(25)),
        (Fraction(30000, 1001), Fraction(30000, 1001), None, Fraction(30000, 1001)),
        (None, Fraction(1000), times(1001 / 30000), Fraction(30000, 1001)),  # a browser's recording
        (None, Fraction(1000), times(0.025), Fraction(40)),
        (Fraction(240), Fraction(240), times(1 / 240), Fraction(240)),  # slow motion is what it says
        (Fraction(1000), Fraction(1000), times(1 / 30), Fraction(30)),
        (Fraction(25, 4), Fraction(25), times(0.04, 20) + [Fraction(10)], Fraction(25)),  # one is held
        (Fraction(28), Fraction(120), times(1 / 27), Fraction(28)),  # a phone's variable rate
        (None, None, [], Fraction(25)),
        (None, None, [Fraction(2)], Fraction(25)),
        (None, Fraction(50), [], Fraction(50)),
    ],
)
def test_the_rate_is_what_the_times_say(
    average: Fraction | None, typical: Fraction | None, found: list[Fraction] | None, rate: Fraction
) -> None:
    def read() -> list[Fraction]:
        assert found is not None, "need not be read"
        return found

    assert frame_rate(average, typical, read) == rate


def test_order_and_repeated_times_do_not_matter() -> None:
    assert measured_rate([Fraction(i, 25) for i in (0, 3, 1, 2, 2, 6, 4, 5, 90)]) == 25


def test_a_recording_that_says_a_thousand(tmp_path: Path) -> None:
    """WebM as browsers write it: milliseconds, no rate, and as long as it happens to be."""
    clip = tmp_path / "recorded.webm"
    with av.open(str(clip), "w", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", time_base=Fraction(1, 1000))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.framerate = Fraction(1000)
        for index in range(30):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * index, np.uint8), format="rgb24")
            picture.pts, picture.time_base = round(1000 * index * 1001 / 30_000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = ClipSource(clip)
    assert float(source.info.rate) == pytest.approx(30, rel=0.01)
    result = tmp_path / "result.mp4"
    encoding = ClipEncoding(preset="veryfast")
    with open_sink(result, source.info, encoding, audio_from=None, overwrite=False) as sink:
        for frame in source.frames():
            sink.write(frame)
    assert ClipSource(result).index.count == 30
    with av.open(str(result)) as container:
        extradata = container.streams.video[0].codec_context.extradata
        assert extradata is not None
        assert extradata[3] <= 30  # level 3.0, in the avcC box (ISO 14496-15)
