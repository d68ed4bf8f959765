"""One operation on several machines: ``python -m benchmarks.machines``.

What dividing the work costs on this machine; how fast the coordinator is, who merges and joins by itself; and
how the time of a two-hour clip falls with the number of workers. For the last of these a worker is a wait as
long as a real part took here, while planning and handing out are the program's own. Waits are skipped on a
clock that runs on by what the coordinator computes, so that an hour passes in seconds; one of the rows is
really waited for, and should say the same.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.extract import looped, timed
from benchmarks.farm import FarmJob, farm
from benchmarks.material import facesets_of_demo, hardly_trained
from benchmarks.seek import hour
from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import cache_folder, demo_clips
from facedouble.distributed.dispatch import distribute, open_executor
from facedouble.distributed.executor import PartExecutor
from facedouble.distributed.operations import join, plan, work
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.faceset.codec import FACE
from facedouble.faceset.layout import CROPS, crop_name
from facedouble.faceset.shard import Shard
from facedouble.settings.base import Settings
from facedouble.settings.convert import ConvertCommand
from facedouble.settings.extract import ExtractCommand

LOOPS = 4  # of a clip of 123 frames
PART = 123  # frames of a part of the conversion measured
PARTS = 8  # of the extraction measured
TWO_HOURS = 2 * 3600 * 25  # frames
FARM_PART = 250  # frames of a part of a conversion, by default
FARM_PARTS = 512  # of an extraction
_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
_STORE = 80 << 20  # bytes of Ray's object store, of which nothing is used


# -- what dividing the work costs ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """An operation on the clip of ``frames`` frames: its ``settings``, and the same as ``options`` of the
    command line. What it makes has the ``suffix``."""

    name: str
    frames: int
    kind: type[Settings]
    settings: Mapping[str, Any]
    options: Sequence[str]
    suffix: str

    def command(self, output: Path) -> Settings:
        return self.kind.read({**self.settings, "output": str(output.with_suffix(self.suffix))})

    def plain(self, output: Path) -> float:
        """Seconds of the ordinary command, start included."""
        return timed(partial(_facedouble, self.name, *self.options, "-o", str(output)))

    def divided(self, folder: Path, executor: PartExecutor) -> tuple[float, int]:
        """Seconds of planning, working and joining, and bytes of the plan folder before its end."""
        start = time.perf_counter()
        plan(self.name, self.command(folder / "output.mp4"), folder / "plan", PARTS)
        distribute(folder / "plan", executor)
        return time.perf_counter() - start, _size(folder / "plan")


def _facedouble(*arguments: str) -> None:
    command = [sys.executable, "-m", "facedouble", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def busy(work: Callable[[], object]) -> float:
    """Processor seconds that ``work`` takes in this process, whoever else is on the machine."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def overhead(jobs: Sequence[Job], folder: Path) -> Table:
    """Frames a second of each job plainly and in parts."""
    rows: list[list[Cell]] = []
    with ray_node() as ray:
        for job in jobs:
            plain = job.plain(folder / f"{job.name} plain{job.suffix}")
            rows.append([f"{job.name}, one command", job.frames / plain, "100%", None])
            for title, name in (
                ("one process after the other", "local:1"),
                ("two processes", "local:2"),
                ("Ray, two processors of one node", ray),
            ):
                own = folder / f"{job.name} {title}"
                own.mkdir()
                with open_executor(name) as executor:
                    seconds, size = job.divided(own, executor)
                share = f"{plain / seconds:.0%}"
                rows.append([f"{job.name}, {title}", job.frames / seconds, share, size / job.frames / 1000])
    columns = [f"{jobs[0].frames:,} frames of 1280 × 720", "frames a second", "of one command", "kB a frame"]
    return Table("machines-overhead", columns, rows)


@contextmanager
def ray_node() -> Iterator[str]:
    """A Ray node of two processors; the executor's name for it."""
    os.environ.update(_TOKEN)
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "object_store_memory": _STORE, "include_dashboard": False},
    )
    try:
        yield f"ray:{cluster.address}"
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def starts(done: Path) -> Table:
    """Seconds before anything is done: parts of a plan that is done already."""
    rows: list[list[Cell]] = []
    one = [str(done), "--stage", "convert", "--part", "0"]
    rows.append(["a process for one part", min(timed(partial(_facedouble, "work", *one)) for _ in range(3))])
    start = time.perf_counter()
    with ray_node() as name:
        rows.append(["Ray: head of a cluster", time.perf_counter() - start])
        start = time.perf_counter()
        with open_executor(name) as executor:
            rows.append(["Ray: joining it", time.perf_counter() - start])
            for title in ("Ray: the first part of a node", "Ray: each one after it"):
                start = time.perf_counter()
                executor.start(done, "convert", 0, ())
                while not executor.finished(1.0):
                    pass
                rows.append([title, time.perf_counter() - start])
    return Table("machines-start", ["", "seconds"], rows)


# -- the coordinator -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coordinator:
    """Processor seconds that the coordinator spends by itself on ``frames`` frames, by what it does; its
    largest ``memory`` in MB, and the ``bytes`` of the plan folder."""

    frames: int
    seconds: dict[str, float]
    memory: float
    bytes: int


def coordinate_extraction(every: int, shard: str, folder: Path) -> Coordinator:
    """Plan and join an extraction of every ``every``-th frame of an hour, whose parts were made beforehand of
    the real ``shard``, again and again."""
    clip = hour(cache_folder() / "benchmarks", ".mp4")
    settings: dict[str, Any] = {"sampling": {"kind": "every", "every": every}}
    command = ExtractCommand.read({**settings, "source": str(clip), "output": str(folder / "faces")})
    path = folder / "plan"
    seconds = {"plan": busy(lambda: plan("extract", command, path, 64))}
    target, real = PlanFolder(path), Shard.from_json(shard)
    frames = 0
    for part, (first, last) in enumerate(target.read().parts["detect"]):
        own = [every * number for number in range(first * 45, min(last * 45, 90_000 // every))]
        frames += len(own)
        said = '{"failure": null, "seconds": {"decode": 0.0}}'
        target.write_result("detect", part, f"{said}\n{_repeated(real, own, every).to_json()}")
    seconds["merge and track"] = busy(lambda: join(path, "detect"))
    for part in range(len(target.read().parts["crop"])):
        given = Shard.from_json(target.read_result("to_crop", part).decode().partition("\n")[2])
        faces = [replace(face, cropped=True) for face in given.faces]
        with target.new_files("crop", part) as own_files:
            (own_files / CROPS).mkdir()
            for face in faces:
                (own_files / CROPS / crop_name(*face.key)).write_bytes(b"a crop")
        text = f'{{"seconds": {{}}, "faces": [{",".join(_json(face) for face in faces)}]}}'
        target.write_result("crop", part, text)
    size = _size(path)
    seconds["take crops"] = busy(lambda: join(path, "crop"))
    return Coordinator(frames, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, size)


def _json(face: Any) -> str:
    return json.dumps(FACE.to_json(face))


def _repeated(real: Shard, indices: Sequence[int], every: int) -> Shard:
    """Frames ``indices`` with the faces of ``real`` in turn; each turn is a shot."""
    turn = len(real.frames)
    faces_of: dict[int, list[Any]] = {}
    for face in real.faces:
        faces_of.setdefault(face.frame_index, []).append(face)
    frames, faces = [], []
    for index in indices:
        number, place = divmod(index // every, turn)
        frame = real.frames[place]
        frames.append(replace(frame, index=index, pts=index, ends_shot=place == turn - 1))
        faces += [
            replace(face, frame_index=index, tracklet=face.tracklet + number * 100_000)
            for face in faces_of.get(frame.index, ())
        ]
    return Shard(tuple(frames), tuple(faces), ())


def coordinate_conversion(job: Job, folder: Path) -> tuple[Coordinator, float]:
    """Plan and join a conversion; and the processor seconds that its parts took."""
    path = folder / "plan"
    seconds = {"plan": busy(lambda: plan("convert", job.command(folder / "out.mp4"), path, 1))}
    parts = len(PlanFolder(path).read().parts["convert"])
    spent = busy(partial(_work, path, "convert", parts))
    size = _size(path)
    seconds["join and mark"] = busy(lambda: join(path, "convert"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return Coordinator(job.frames, seconds, memory, size), spent


def _work(path: Path, stage: str, parts: int) -> None:
    for part in range(parts):
        work(path, stage, part)


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result in a process of its own, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def thousand_hours(
    detect: float, crop: float, write: float, coordinators: Sequence[Coordinator], stored: Mapping[str, float]
) -> Table:
    """1,000 hours of footage on 100 processors like those here. ``detect``, ``crop``, ``write``: seconds a
    frame; ``stored``: bytes a frame of what lies on the share."""
    frames = 1000 * 3600 * 25
    work_hours = [frames * each / 3600 for each in (detect + crop, write)]
    alone = [frames * sum(one.seconds.values()) / one.frames / 3600 for one in coordinators]
    rows: list[list[Cell]] = [["frames", frames]]
    for name, spent, own in zip(("extraction", "conversion"), work_hours, alone, strict=True):
        rows.append([f"{name}: hours of a processor", spent])
        rows.append([f"{name}: hours of 100 processors", spent / 100])
        rows.append([f"{name}: hours of coordinators, one for each clip", own])
        rows.append([f"{name}: of them for a clip of two hours", own / 500])
    rows += [[f"TB of {name}", size * frames / 1e12] for name, size in stored.items()]
    read = stored["footage"] / (write / 100) / 1e6
    written = stored["results"] / (write / 100) / 1e6
    rows.append(["conversion: MB a second that 100 processors read from the share", read])
    rows.append(["conversion: MB a second that they write to it", written])
    return Table("machines-thousand-hours", ["1,000 hours at 25 frames a second", ""], rows)


# -- all of it -------------------------------------------------------------------------------------------


def measure() -> list[Table]:
    """Everything, on the last clip of the demonstration's A, four times in a row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facesets = facesets_of_demo(folder)
        model = hardly_trained(facesets, folder / "model", "quick")
        clip = looped(demo_clips().a[-1], folder / "clip.mkv", LOOPS)
        _facedouble("extract", "-i", str(clip), "-o", str(folder / "faces"))
        jobs = _jobs(clip, model, folder / "faces")
        tables = [overhead(jobs, folder)]
        tables.append(starts(folder / "convert two processes" / "plan"))
        detect, crop, shard = _parts_of_extraction(jobs[0], folder)
        extracted = _apart(coordinate_extraction, 20, shard, _made(folder / "extraction"))
        converted, writing = _apart(coordinate_conversion, jobs[1], _made(folder / "conversion"))
        tables.append(_coordinator(extracted, converted))
        text = PlanFolder(folder / "convert two processes" / "plan").read_result("convert", 0).decode()
        tables.append(
            farm(
                [
                    FarmJob(
                        "extraction",
                        [(FARM_PARTS, each * TWO_HOURS / FARM_PARTS) for each in (detect, crop)],
                        sum(extracted.seconds.values()) / extracted.frames * TWO_HOURS,
                    ),
                    FarmJob(
                        "conversion",
                        [(TWO_HOURS // FARM_PART, writing / converted.frames * FARM_PART)],
                        sum(converted.seconds.values()) / converted.frames * TWO_HOURS,
                    ),
                ],
                text,
            )
        )
        frames = jobs[0].frames
        stored = {
            "footage": clip.stat().st_size / frames,
            "facesets": _size(folder / "faces") / frames,
            "plan folders of extractions": extracted.bytes / extracted.frames,
            "plan folders of conversions": converted.bytes / converted.frames,
            "results": (folder / "convert plain.mp4").stat().st_size / frames,
        }
        tables.append(thousand_hours(detect, crop, writing / frames, (extracted, converted), stored))
        return tables


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _jobs(clip: Path, model: Path, faces: Path) -> tuple[Job, Job]:
    frames = 123 * LOOPS
    source = {"source": str(clip)}
    places = {**source, "model": str(model), "faceset": str(faces), "checkpoint_frames": PART}
    options = ["-i", str(clip), "-m", str(model), "-a", str(faces), "--checkpoint-frames", str(PART)]
    return (
        Job("extract", frames, ExtractCommand, source, ["-i", str(clip)], ""),
        Job("convert", frames, ConvertCommand, places, options, ".mp4"),
    )


def _parts_of_extraction(job: Job, folder: Path) -> tuple[float, float, str]:
    """Processor seconds a frame of finding and of cutting, and the shard of one clip's length."""
    path = folder / "in turn" / "plan"
    path.parent.mkdir()
    plan("extract", job.command(path.parent / "faces.mp4"), path, LOOPS)
    spent = []
    for stage in ("detect", "crop"):
        parts = len(PlanFolder(path).read().parts[stage])
        spent.append(busy(partial(_work, path, stage, parts)))
        if stage == "detect":
            shard = PlanFolder(path).read_result("detect", 0).decode().partition("\n")[2]
            join(path, stage)
    return spent[0] / job.frames, spent[1] / job.frames, shard


def _coordinator(extracted: Coordinator, converted: Coordinator) -> Table:
    rows: list[list[Cell]] = []
    for title, found in (("extraction", extracted), ("conversion", converted)):
        for what, seconds in found.seconds.items():
            rows.append(
                [
                    f"{title} of {found.frames:,} frames: {what}, s of a processor",
                    seconds * 1000 / found.frames,
                ]
            )
        rows.append(
            [f"{title} of {found.frames:,} frames: plan folder, MB", found.bytes / found.frames / 1000]
        )
        rows.append([f"{title} of {found.frames:,} frames: largest memory, MB in all", found.memory])
    return Table("machines-coordinator", ["the coordinator alone", "for 1,000 frames"], rows)


def main() -> None:
    """Measure and print."""
    print_tables(measure())


if __name__ == "__main__":
    main()
