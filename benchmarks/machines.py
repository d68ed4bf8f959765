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

CLIP = 123  # frames
LOOPS = 10  # of the clip: the long one; the longer one has twice as many
PART = 62  # frames of a part of the conversion measured
PARTS = 4  # of the extraction measured, and of the fitting
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
    """Processor seconds that the coordinator spends by itself, by what it does: ``once``, and for ``each``
    frame, measured with ``frames``. Its largest ``memory`` in MB; ``bytes`` of the plan folder a frame."""

    frames: int
    once: dict[str, float]
    each: dict[str, float]
    memory: float
    bytes: float

    def seconds(self, frames: int) -> float:
        """What a clip of so many frames takes."""
        return sum(self.once.values()) + frames * sum(self.each.values())


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
    each = {name: spent / frames for name, spent in seconds.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return Coordinator(frames, dict.fromkeys(seconds, 0.0), each, memory, size / frames)


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


@dataclass(frozen=True, slots=True)
class Parts:
    """Processor seconds for each frame that parts take: to ``fit`` a conversion, and to ``write`` it."""

    fit: float
    write: float


def coordinate_conversion(jobs: Sequence[Job], folder: Path) -> tuple[Coordinator, Parts]:
    """Plan, work on and join a conversion, and plan two longer ones. What the model takes of a clip's first
    thousand faces is in the plans of both, so it does not count for each frame. The first of them is joined
    with one face replaced and all other frames copied: what joining takes does not depend on that."""
    job, long, longer = jobs
    path = folder / "plan"
    plan("convert", job.command(folder / "out.mp4"), path, 1)
    fit = _spent(path, "fit", again=True)
    join_few = busy(lambda: join(path, "fit"))
    write = _spent(path, "convert")
    size = _size(path)
    join_few += busy(lambda: join(path, "convert"))
    plans = [
        busy(
            partial(
                plan, "convert", each.command(folder / f"{each.frames}.mp4"), folder / str(each.frames), 1
            )
        )
        for each in (long, longer)
    ]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    path = folder / "one face"
    one = long.command(folder / "one.mp4").replace(frames={"ranges": ["0"]})
    plan("convert", one, path, 1)
    join_more = 0.0
    for stage in ("fit", "convert"):
        _work(path, stage)
        join_more += busy(partial(join, path, stage))
    pairs = {
        "plan": ((long.frames, plans[0]), (longer.frames, plans[1])),
        "join and mark": ((job.frames, join_few), (long.frames, join_more)),
    }
    each, once = {}, {}
    for name, ((few, less), (many, more)) in pairs.items():
        each[name] = max(0.0, (more - less) / (many - few))
        once[name] = max(0.0, less - few * each[name])
    found = Coordinator(longer.frames, once, each, memory, size / job.frames)
    return found, Parts(fit / job.frames, write / job.frames)


def _spent(path: Path, stage: str, *, again: bool = False) -> float:
    """Processor seconds of all parts of a stage. ``again``: without what a worker does once."""
    if again:
        _work(path, stage)
        for file in (path / stage).glob("*.json"):
            file.unlink()
    return busy(partial(_work, path, stage))


def _work(path: Path, stage: str) -> None:
    for part in range(len(PlanFolder(path).read().parts[stage])):
        work(path, stage, part)


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result in a process of its own, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def thousand_hours(
    find: float, write: float, coordinators: Sequence[Coordinator], stored: Mapping[str, float]
) -> Table:
    """1,000 hours of footage, in clips of two, on 100 processors like those here. ``find``, ``write``:
    seconds a frame of extraction and of conversion; ``stored``: bytes a frame of what lies on the share."""
    frames = 1000 * 3600 * 25
    rows: list[list[Cell]] = [["frames", frames]]
    for name, spent, own in zip(("extraction", "conversion"), (find, write), coordinators, strict=True):
        rows.append([f"{name}: hours of a processor", frames * spent / 3600])
        rows.append([f"{name}: hours of 100 processors", frames * spent / 3600 / 100])
        alone = own.seconds(TWO_HOURS) / 3600
        rows.append([f"{name}: hours of coordinators, one for each clip", alone * frames / TWO_HOURS])
        rows.append([f"{name}: of them for a clip of two hours", alone])
    rows += [[f"TB of {name}", size * frames / 1e12] for name, size in stored.items()]
    read = stored["footage"] / (write / 100) / 1e6
    written = stored["results"] / (write / 100) / 1e6
    rows.append(["conversion: MB a second that 100 processors read from the share", read])
    rows.append(["conversion: MB a second that they write to it", written])
    return Table("machines-thousand-hours", ["1,000 hours at 25 frames a second", ""], rows)


# -- all of it -------------------------------------------------------------------------------------------


def measure() -> list[Table]:
    """Everything, on the last clip of the demonstration's A: a few minutes on two cores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facesets = facesets_of_demo(folder)
        model = hardly_trained(facesets, folder / "model", "quick")
        clip = demo_clips().a[-1]
        extracting, converting = _jobs("short", clip, CLIP, model, folder)
        conversions = [converting]
        for name, loops in (("long", LOOPS), ("longer", 2 * LOOPS)):
            again = looped(clip, folder / f"{name}.mkv", loops)
            conversions.append(_jobs(name, again, CLIP * loops, model, folder)[1])
        tables = [overhead([extracting, converting], folder)]
        tables.append(starts(folder / "convert two processes" / "plan"))
        detect, crop, shard = _parts_of_extraction(extracting, folder)
        extracted = _apart(coordinate_extraction, 20, shard, _made(folder / "extraction"))
        converted, parts = _apart(coordinate_conversion, conversions, _made(folder / "conversion"))
        tables.append(_coordinator(extracted, converted))
        text = PlanFolder(folder / "convert two processes" / "plan").read_result("convert", 0).decode()
        jobs = [
            FarmJob(
                "extraction",
                [(FARM_PARTS, each * TWO_HOURS / FARM_PARTS) for each in (detect, crop)],
                extracted.seconds(TWO_HOURS),
            ),
            FarmJob(
                "conversion",
                [
                    (FARM_PARTS, parts.fit * TWO_HOURS / FARM_PARTS),
                    (TWO_HOURS // FARM_PART, parts.write * FARM_PART),
                ],
                converted.seconds(TWO_HOURS),
            ),
        ]
        tables.append(farm(jobs, text))
        stored = {
            "footage": clip.stat().st_size / CLIP,
            "facesets": _size(folder / "short faces") / CLIP,
            "plan folders of extractions": extracted.bytes,
            "plan folders of conversions": converted.bytes,
            "results": (folder / "convert plain.mp4").stat().st_size / CLIP,
        }
        both = extracted, converted
        tables.append(thousand_hours(detect + crop, parts.fit + parts.write, both, stored))
        return tables


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _jobs(name: str, clip: Path, frames: int, model: Path, folder: Path) -> tuple[Job, Job]:
    faces = folder / f"{name} faces"
    _facedouble("extract", "-i", str(clip), "-o", str(faces))
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
    plan("extract", job.command(path.parent / "faces.mp4"), path, 1)
    spent = []
    for stage in ("detect", "crop"):
        spent.append(busy(partial(_work, path, stage)))
        if stage == "detect":
            shard = PlanFolder(path).read_result("detect", 0).decode().partition("\n")[2]
            join(path, stage)
    return spent[0] / job.frames, spent[1] / job.frames, shard


def _coordinator(extracted: Coordinator, converted: Coordinator) -> Table:
    rows: list[list[Cell]] = []
    for name, found in (("extraction", extracted), ("conversion", converted)):
        title = f"{name}, measured with {found.frames:,} frames"
        for what, each in found.each.items():
            rows.append([f"{title}: {what}, s of a processor", found.once[what], each * 1000])
        rows.append([f"{title}: plan folder, MB", None, found.bytes / 1000])
        rows.append([f"{title}: largest memory, MB in all", found.memory, None])
    return Table("machines-coordinator", ["the coordinator alone", "once", "for 1,000 frames more"], rows)


def main() -> None:
    """Measure and print."""
    print_tables(measure())


if __name__ == "__main__":
    main()
