"""A range that is played has the sound of its frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.studio.preview.proxy import Proxies
from facedouble.studio.preview.sound import sound_between
from facedouble.video.source import open_source
from tests.waiting import wait_until


@pytest.mark.slow
def test_a_range_plays_with_the_sound_of_its_frames(clips: dict[str, Path], tmp_path: Path) -> None:
    """A tone that begins in the middle of the range begins there, and what is before it is silent."""
    source = open_source(clips["sample_02"])
    clip = tmp_path / "tone.mp4"
    start = float(source.index.times[10] * source.info.time_base)
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("aac", rate=44100)
        stream.layout = "mono"
        times = np.arange(44100 * 2) / 44100
        tone = (0.4 * np.sin(2 * np.pi * 440 * times) * (times >= start + 0.2)).astype(np.float32)
        for at in range(0, len(tone), 1024):
            block = av.AudioFrame.from_ndarray(tone[None, at : at + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts = 44100, at
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    beginning = Fraction(start).limit_denominator(100_000)
    proxies = Proxies()
    proxy = proxies.make(
        "stamp",
        10,
        21,
        lambda number: (found := next(source.frames(number)), found.rgb()),
        lambda: sound_between(clip, beginning, beginning + Fraction(12 * 1001, 30_000)),
    )
    wait_until(lambda: proxy.ready or proxy.error)
    assert proxy.error is None
    with av.open(str(proxy.path)) as made:
        heard = np.concatenate([it.to_ndarray() for it in made.decode(made.streams.audio[0])], axis=1)
        rate = made.streams.audio[0].rate
    loud = np.abs(heard[0]) > 0.05
    assert int(loud.argmax()) / rate == pytest.approx(0.2, abs=0.03)
    assert loud[round(0.24 * rate) : round(0.38 * rate)].mean() > 0.8
    assert heard.shape[1] / rate == pytest.approx(12 * 1001 / 30_000, abs=0.05)


def test_a_clip_without_sound_and_a_folder_have_none(film: Path, tmp_path: Path) -> None:
    assert sound_between(film / "clips" / "Ada.mp4", Fraction(0), Fraction(1)) is None
    assert sound_between(tmp_path, Fraction(0), Fraction(1)) is None
