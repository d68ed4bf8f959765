"""Reaching a frame in the middle of a long clip: ``python -m benchmarks.seek``.

A synthetic clip of one hour (160x90, 25 frames a second, x264 with B-frames and a keyframe at least every ten
seconds) is made once and kept in the program's cache folder, in three containers. Seeking is held against
decoding from the first frame, and the last tenth of the clip against all of it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import cache_folder
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.hashing import source_versions
from facedouble.video.index_cache import forget_index
from facedouble.video.sinks import open_sink

FRAMES = 90_000
SIZE = (160, 90)
TARGET = 30_000
_VERSION = "seek-1"


def hour(folder: Path, suffix: str) -> Path:
    """The clip of one hour in a container, made if it is not in ``folder``."""
    path = folder / f"{_VERSION}{suffix}"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"draft-{path.name}")
    if suffix == ".mp4":
        _encode(draft)
    else:
        _remux(hour(folder, ".mp4"), draft)
    return draft.rename(path)


def _encode(path: Path) -> None:
    width, height = SIZE
    texture = np.random.default_rng(0).integers(40, 200, (height + 64, width + 64), dtype=np.uint8)
    chroma = np.full((height // 2, width), 128, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "crf": "35", "bf": "2"}
        for index in range(FRAMES):
            down, across = index % 64, index * 7 % 64
            luma = texture[down : down + height, across : across + width]
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _remux(source: Path, target: Path) -> None:
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Shortest time of ``work``."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def measure() -> list[Table]:
    """Time to a frame, and the cost of a part, by container."""
    reach: list[list[Cell]] = []
    cost: list[list[Cell]] = []
    for suffix in (".mp4", ".mkv", ".ts"):
        clip = hour(cache_folder() / "benchmarks", suffix)
        forget_index(source_versions(clip))
        first = seconds(lambda c=clip: ClipSource(c).index, 1)  # type: ignore[misc]
        source = ClipSource(clip)
        again = seconds(lambda c=clip: ClipSource(c).index)  # type: ignore[misc]
        found: list[int] = []

        def seek(source: ClipSource = source, found: list[int] = found) -> None:
            found.append(next(source.frames(TARGET, TARGET + 1)).pts)

        def linear(source: ClipSource = source, found: list[int] = found) -> None:
            found.append(next(islice(source.frames(), TARGET, None)).pts)

        jump, walk = seconds(seek), seconds(linear, 1)
        assert len(set(found)) == 1
        spread = np.linspace(1, FRAMES - 1, 40).astype(int).tolist()
        every = [
            seconds(lambda n=number, s=source: next(s.frames(n, n + 1)), 1)  # type: ignore[misc]
            for number in spread
        ]
        reach.append(
            [suffix, first, again * 1e3, jump * 1e3, walk, float(np.median(every)) * 1e3, max(every) * 1e3]
        )
        cost.append([suffix, *_costs(source)])
    return [
        Table(
            "seek",
            (
                f"frame {TARGET:,} of {FRAMES:,}",
                "index made, s",
                "index from the cache, ms",
                "by seeking, ms",
                "by decoding, s",
                "any frame, median, ms",
                "at most, ms",
            ),
            reach,
        ),
        Table(
            "seek-share",
            (
                "",
                "decode all, s",
                "last tenth, s",
                "share",
                "decode and encode all, s",
                "last tenth, s",
                "share",
            ),
            cost,
        ),
    ]


def _costs(source: ClipSource) -> list[Cell]:
    """Seconds for all of a clip and for its last tenth, to decode it, and to decode and encode it."""
    tenth = source.index.count * 9 // 10
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mp4"
        settings = ClipEncoding(preset="ultrafast")

        def copy(first: int) -> None:
            with open_sink(output, source.info, settings, audio_from=None, overwrite=True) as sink:
                for frame in source.frames(first):
                    sink.write(frame)

        for work in (lambda first: sum(1 for _ in source.frames(first)), copy):
            whole = seconds(lambda w=work: w(0), 1)  # type: ignore[misc]
            part = seconds(lambda w=work: w(tenth), 1)  # type: ignore[misc]
            cells += [whole, part, f"{part / whole:.1%}"]
    return cells


def main() -> None:
    """Measure and print."""
    print_tables(measure())


if __name__ == "__main__":
    main()
