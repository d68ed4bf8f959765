"""The frames of a source on their way through the stages into a sink."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from facedouble.config import ConvertSettings
from facedouble.conversion.flow import Clock, ahead, mapped
from facedouble.conversion.frames import FrameWork, Job
from facedouble.conversion.plan import FacePlan
from facedouble.conversion.ranges import Ranges
from facedouble.conversion.schedule import Schedule
from facedouble.errors import InputError
from facedouble.events import Listener, Noted, Progressed, StageStarted
from facedouble.video import Source
from facedouble.video.picture import Picture
from facedouble.video.sinks import PartsSink

_WAITING = 128 << 20  # bytes of frames that a call of the network may wait for
_BYTES = 6  # a pixel of a frame takes at most, with what is made of it on the way


@dataclass(frozen=True, slots=True)
class Failure:
    """A frame that was copied as it is because something went wrong."""

    frame: int
    reason: str


class Totals:
    """What the records of parts add up to."""

    def __init__(self, parts: Iterable[dict[str, Any]]) -> None:
        self.frames = self.swapped = self.faceless = self.faces = 0
        self.failures: list[Failure] = []
        for part in parts:
            self.frames += part["frames"]
            self.swapped += part["swapped"]
            self.faceless += part["faceless"]
            self.faces += part["faces"]
            self.failures += [Failure(*failure) for failure in part["failures"]]


class Run:
    """One run over a source. ``matte`` is another source, frame by frame beside it."""

    def __init__(
        self,
        source: Source,
        matte: Source | None,
        plan: FacePlan,
        ranges: Ranges,
        settings: ConvertSettings,
        listener: Listener,
    ) -> None:
        self._source, self._matte = source, matte
        self._plan, self._ranges = plan, ranges
        self._settings, self._listener = settings, listener
        self._schedule = Schedule(ranges, source.info.rate, discard=settings.discard_frames)
        self._threads = settings.threads or os.cpu_count() or 1
        self.clock = Clock()
        self.kept = 0
        self.seconds = 0.0

    def through(self, work: FrameWork, sink: PartsSink) -> Totals:
        """Write every frame that is not yet written, part by part; what all parts come to."""
        start = time.perf_counter()
        written = self.kept = Totals(sink.parts).frames
        self._listener(StageStarted("convert", self._expected(), "frames"))
        if self.kept:
            self._listener(Noted(f"{self.kept} frames were done by an earlier run"))
        with closing(self._finished(work, len(sink.parts))) as finished:
            done: list[tuple[int, int, str | None]] = []

            def finish_part() -> None:
                with self.clock.measure("encode"):
                    sink.finish_part(_record(done))
                done.clear()

            for job in finished:
                while len(sink.parts) < self._part_of(job):  # of some parts every frame is left out
                    finish_part()
                with self.clock.measure("encode"):
                    sink.write(job.shown, job.picture)
                done.append((len(job.items), job.shown.index, job.failure))
                written += 1
                self._listener(Progressed("convert", written))
                if (job.shown.index + 1) % self._settings.part == 0:
                    finish_part()
            if done:
                finish_part()
        spans = self._schedule.spans()
        if spans is not None:
            sink.trim(spans)
        self.seconds = time.perf_counter() - start
        return Totals(sink.parts)

    def _finished(self, work: FrameWork, parts: int) -> Generator[Job]:
        """Frames with their finished pictures, those of the first ``parts`` parts left out."""
        clock, threads = self.clock, self._threads
        most = 2 * threads

        def cut(job: Job) -> Job:
            with clock.measure("cut", threads):
                return work.cut(job)

        def draw(jobs: Sequence[Job]) -> Sequence[Job]:
            with clock.measure("network"):
                return work.draw(jobs)

        def compose(job: Job) -> Job:
            with clock.measure("compose", threads):
                return work.compose(job)

        with (
            closing(ahead(clock.each("decode", self._jobs(parts)), most)) as decoded,
            closing(mapped(cut, decoded, threads, most)) as seen,
            closing(ahead((draw(batch) for batch in self._batches(seen)), 1)) as batches,
            closing(mapped(compose, (job for jobs in batches for job in jobs), threads, most)) as finished,
        ):
            yield from finished

    def _jobs(self, parts: int) -> Iterator[Job]:
        """The frames to write, with the faces in them."""
        first = parts * self._settings.part
        for shown, matte in self._with_matte():
            placed = self._schedule.place(shown)
            if placed is not None and shown.index >= first:
                yield Job(placed, self._plan.faces.get(shown.index, ()), matte)

    def _with_matte(self) -> Iterator[tuple[Any, Picture | None]]:
        if self._matte is None:
            for shown in self._source.pictures():
                yield shown, None
            return
        count = 0
        mattes = self._matte.pictures()
        for shown in self._source.pictures():
            matte = next(mattes, None)
            if matte is None:
                raise InputError(f"{self._matte.info.path}: the matte ends after {count} frames")
            count += 1
            yield shown, matte.picture
        if next(mattes, None) is not None:
            raise InputError(f"{self._matte.info.path}: the matte has more than the source's {count} frames")

    def _batches(self, jobs: Iterable[Job]) -> Iterator[list[Job]]:
        """Frames in stretches with about as many faces as a call of the network takes, none across the
        end of a part."""
        info = self._source.info
        most = max(4, _WAITING // (info.width * info.height * _BYTES))
        batch: list[Job] = []
        faces = 0
        failure: Exception | None = None
        source = iter(jobs)
        while True:
            try:
                job = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  (raised when what came before it is out)
                failure = error
                break
            if batch and (
                self._part_of(job) != self._part_of(batch[0])
                or faces >= self._settings.batch_size
                or len(batch) >= most
            ):
                yield batch
                batch, faces = [], 0
            batch.append(job)
            faces += len(job.items)
        if batch:
            yield batch
        if failure is not None:
            raise failure

    def _part_of(self, job: Job) -> int:
        return job.shown.index // self._settings.part

    def _expected(self) -> int | None:
        """How many frames will be written, as far as the source says."""
        frames = self._source.info.frames
        if not frames:
            return None
        if not self._settings.discard_frames:
            return frames
        return sum(min(last, frames - 1) - first + 1 for first, last in self._ranges.stretches)


def _record(done: Sequence[tuple[int, int, str | None]]) -> dict[str, Any]:
    """What is kept of a part: of each of its frames how many faces, its number, and what went wrong."""
    swapped = [faces for faces, _, failure in done if faces and failure is None]
    return {
        "frames": len(done),
        "swapped": len(swapped),
        "faceless": sum(not faces for faces, _, _ in done),
        "faces": sum(swapped),
        "failures": [(frame, failure) for _, frame, failure in done if failure is not None],
    }
