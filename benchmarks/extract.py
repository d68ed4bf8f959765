"""Extraction: how fast, how steady, how much memory: ``python -m benchmarks.extract [CLIP ...]``.

Everything is measured in one run, so that ratios mean something on a machine whose speed drifts. The
baselines are decoding, the loop people write with dlib (detector and landmarks on every full-size frame), and
extraction with dlib's detector and landmarks. Without clips, those of the demonstration are taken.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import cv2
import dlib
import numpy as np

from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.extraction.extract import ExtractResult, extract
from facedouble.faces.align import align, inverse
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around, eye_distance
from facedouble.faces.schemes.scheme import common_scheme, scheme_of
from facedouble.faceset.store import Faceset
from facedouble.networks.dlib_extra import LANDMARKS_68, weights_file
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Face, Landmarks
from facedouble.video.source import open_source

Counts = dict[int, int]  # faces found on each frame looked at

OWN, EXACT = "extract", "decoding to RGB arrays, colours exact"
TIMES_LONGER = 20
ROUNDS = 2  # of the long clip; the faster one counts
PLAIN_EVERY = 5  # the plain loops are slow and their speed is even: every fifth frame is enough


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def decode(clip: Path, *, rgb: bool = False) -> int:
    """Decode a clip with PyAV and nothing else; its number of frames."""
    count = 0
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if rgb:
                frame.to_ndarray(format="rgb24")
            count += 1
    return count


def plain_loop(clip: Path, upsampling: int) -> tuple[float, Counts]:
    """Seconds a frame of dlib's detector and landmarks on full-size RGB frames, and how many faces it
    found on each frame it looked at."""
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(weights_file(LANDMARKS_68)))
    spent, found = 0.0, {}
    for frame in open_source(clip).frames():
        if frame.index % PLAIN_EVERY:
            continue
        image = frame.rgb()
        start = time.perf_counter()
        boxes = detector(image, upsampling)
        for box in boxes:
            predictor(image, box)
        spent += time.perf_counter() - start
        found[frame.index] = len(boxes)
    return spent / len(found), found


def every_frame(clip: Path) -> dict[int, list[Landmarks]]:
    """Landmarks with the detector on every frame, nothing followed."""
    finder = FaceAnalyser(ExtractSettings().detector)
    found = {}
    for raw in open_source(clip).frames():
        found[raw.index] = [face.landmarks for face in finder.search(raw).others]
    return found


def distances(faces: Sequence[Face], truth: dict[int, list[Landmarks]]) -> list[float]:
    """Mean distance of each face's landmarks to those of detecting every frame, of the eye distance."""
    result = []
    for face in faces:
        scheme = scheme_of(face)
        here = box_around(face.landmarks, scheme)
        same = [p for p in truth.get(face.frame_index, []) if box_around(p, scheme).overlap(here) > 0.4]
        if same:
            apart = np.linalg.norm(face.landmarks - same[0], axis=1).mean()
            result.append(float(apart) / eye_distance(same[0], scheme))
    return result


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Jitter: RMS second difference of the crop's middle. Deviation: mean distance of steady from raw
    landmarks, over all frames and over the fastest tenth. All of the eye distance."""

    raw: float
    steady: float
    picture: float  # the same of the motion of the picture itself: what a perfect alignment would have
    deviation: float
    fastest: float


def steadiness(faces: Sequence[Face]) -> Steadiness:
    """How steady one track is."""
    scheme = common_scheme(faces)
    eyes = float(np.median([eye_distance(face.landmarks, scheme) for face in faces]))

    def middles(which: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        back = np.stack([inverse(align(getattr(face, which), 256, scheme)) for face in faces])
        return np.asarray(back[:, :, :2] @ (127.5, 127.5) + back[:, :, 2])

    def size(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return float(np.sqrt((vectors**2).sum(axis=1).mean())) / eyes

    raw, steady = middles("landmarks"), middles("smoothed")
    steps = [
        face.motion[:, :2] @ place + face.motion[:, 2] - place
        for face, place in zip(faces[1:], raw, strict=False)
        if face.motion is not None
    ]
    apart = np.array(
        [
            np.linalg.norm(f.smoothed - f.landmarks, axis=1).mean() / eye_distance(f.landmarks, scheme)
            for f in faces
        ]
    )
    speed = np.linalg.norm(np.gradient(raw, axis=0), axis=1)
    return Steadiness(
        size(np.diff(raw, n=2, axis=0)),
        size(np.diff(steady, n=2, axis=0)),
        size(np.diff(np.array(steps), axis=0)),
        float(apart.mean()),
        float(apart[speed >= np.quantile(speed, 0.9)].mean()),
    )


def looped(clip: Path, target: Path, times: int) -> Path:
    """``clip`` several times in a row, its packets copied."""
    with av.open(str(target), "w") as output:
        stream = None
        shift = 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                end = 0
                for packet in source.demux(video):
                    if packet.pts is None or packet.dts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    output.mux(packet)
                shift += end
    return target


def family(pid: int) -> Iterator[int]:
    """A process and all that it started (Linux)."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def resident(pid: int) -> int:
    """Bytes of memory in use by a process of its own and in part shared (Linux)."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def peak_memory(clip: Path, output: Path) -> float:
    """Largest memory in use, in MB, of all processes of an extraction together."""
    command = [sys.executable, "-m", "facedouble", "extract", "-i", str(clip), "-o", str(output)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while run.poll() is None:
        peak = max(peak, sum(map(resident, family(run.pid))))
        time.sleep(0.1)
    if run.returncode:
        raise RuntimeError(f"extraction of {clip} failed")
    return peak / 1e6


def read_all(clip: Path) -> int:
    """Read every frame as the program does, with exact colours; how many there were."""
    return sum(frame.rgb() is not None for frame in open_source(clip).frames())


def measure(clips: Sequence[Path] = ()) -> list[Table]:
    """Speed, shares of the work, faces found, steadiness, memory; of these clips or the demonstration's."""
    cv2.setNumThreads(1)
    clips = list(clips) or [*demo_clips().a, *demo_clips().b]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {clip: decode(clip) for clip in clips}
        total = sum(counts.values())
        rates = {
            "decoding": total / sum(timed(partial(decode, c)) for c in clips),
            "decoding to RGB arrays": total / sum(timed(partial(decode, c, rgb=True)) for c in clips),
            EXACT: total / sum(timed(partial(read_all, c)) for c in clips),
        }
        plain = {up: {clip: plain_loop(clip, up) for clip in clips} for up in (0, 1)}
        for up, title in ((0, "dlib's loop, no upsampling"), (1, "dlib's loop, one upsampling")):
            rates[title] = total / sum(plain[up][clip][0] * counts[clip] for clip in clips)
        long = looped(clips[-1], folder / "long.mkv", TIMES_LONGER)
        ways = {
            "extract with dlib": ExtractSettings(detector="hog", landmarks="dlib68"),
            OWN: ExtractSettings(),
        }
        for title, settings in ways.items():
            results = {clip: extract(clip, folder / f"{title} {clip.stem}", settings) for clip in clips}
            rates[f"{title}, start to end"] = total / sum(result.elapsed for result in results.values())
        longs: dict[str, ExtractResult] = {}
        exact = 0.0
        for number in range(ROUNDS):  # in turn, so that a slow minute hits all of them
            exact = max(exact, counts[clips[-1]] * TIMES_LONGER / timed(partial(read_all, long)))
            for title, settings in ways.items():
                found = extract(long, folder / f"{title} long {number}", settings)
                if title not in longs or found.elapsed < longs[title].elapsed:
                    longs[title] = found
        rates[f"{EXACT}, clip {TIMES_LONGER} times as long"] = exact
        for title, found in longs.items():
            rates[f"{title}, clip {TIMES_LONGER} times as long"] = found.frames / found.elapsed
        of_long = longs[OWN]
        faces = {clip: _faces(folder / f"{OWN} {clip.stem}") for clip in clips}
        once, often = peak_memory(clips[-1], folder / "m1"), peak_memory(long, folder / "m20")
        return [
            Table("extract-speed", [f"{total} frames", "frames a second"], [[*row] for row in rates.items()]),
            _aims(rates),
            _work(results[clips[-1]], of_long),
            _found(faces, plain),
            _steadiness(faces),
            Table(
                "extract-memory",
                ["memory of all processes, MB", "clip", f"{TIMES_LONGER} times as long"],
                [["largest", once, often]],
            ),
        ]


def _aims(rates: Mapping[str, float]) -> Table:
    """What was aimed at, and what was reached in this run."""
    often = f", clip {TIMES_LONGER} times as long"
    long, short = rates[OWN + often], rates[f"{OWN}, start to end"]
    exact, dlibs = rates[EXACT + often], rates["extract with dlib" + often]
    rows: list[list[Cell]] = [
        ["long clip, frames a second", long, 90.0, long / 90],
        ["or: long clip, of decoding it to exact RGB", long / exact, 0.7, long / exact / 0.7],
        ["clips of 100 frames, start included, frames a second", short, 40.0, short / 40],
        ["long clip, times as fast as with dlib's 68 points", long / dlibs, 1.0, long / dlibs],
    ]
    return Table("extract-aims", ["", "reached", "aim", "of the aim"], rows)


def _faces(faceset: Path) -> list[Face]:
    with Faceset.open(faceset) as store:
        return store.all_faces()


def _work(short: ExtractResult, long: ExtractResult) -> Table:
    """Where the time goes, milliseconds of one core a frame."""
    kinds = list(short.seconds)
    rows: list[list[Cell]] = [
        [kind, *(1e3 * result.seconds[kind] / result.frames for result in (short, long))] for kind in kinds
    ]
    return Table("extract-work", ["ms of one core a frame", "clip", f"{TIMES_LONGER} times as long"], rows)


def _found(
    faces: Mapping[Path, list[Face]], plain: Mapping[int, Mapping[Path, tuple[float, Counts]]]
) -> Table:
    """Frames with a face, and how far landmarks are from those of detecting every frame."""
    rows: list[list[Cell]] = []
    for clip, known in faces.items():
        mine = {face.frame_index for face in known}
        looked = plain[0][clip][1]
        apart = distances(known, every_frame(clip))
        rows.append(
            [
                clip.stem,
                *(sum(map(bool, plain[up][clip][1].values())) for up in (0, 1)),
                sum(index in mine for index in looked),
                len(looked),
                f"{np.mean(apart):.2%}",
                f"{max(apart):.2%}",
            ]
        )
    columns = ["frames with a face", "dlib", "dlib upsampled", "extract", "looked at"]
    return Table("extract-faces", [*columns, "landmarks off, mean", "largest"], rows)


def _steadiness(faces: Mapping[Path, list[Face]]) -> Table:
    """Jitter of the longest track of each clip, in shares of the eye distance."""
    rows: list[list[Cell]] = []
    for clip, known in faces.items():
        longest = max({f.track for f in known}, key=lambda t: sum(f.track == t for f in known))
        it = steadiness([face for face in known if face.track == longest])
        shares = (it.raw, it.steady, it.picture, it.deviation, it.fastest)
        rows.append([clip.stem, *(f"{share:.2%}" for share in shares), f"{it.raw / it.steady:.1f}"])
    columns = ["of the eye distance", "jitter raw", "steady", "of the picture", "steady from raw"]
    return Table("extract-steadiness", [*columns, "the same, fastest tenth", "times less"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract", description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="instead of the demonstration's")
    print_tables(measure(parser.parse_args().clips))


if __name__ == "__main__":
    main()
