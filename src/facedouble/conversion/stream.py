"""Streams the frames of a source through the stages of a conversion into a sink, part by part."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from facedouble.conversion.concurrency import StageTimer, map_ordered, prefetch
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.plan import ConversionPlan
from facedouble.conversion.render import FrameRenderer, FrameTask
from facedouble.conversion.retiming import Retiming
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.video.frame import Frame
from facedouble.video.sinks import PartsSink
from facedouble.video.source import Source

_BATCH_BYTES = 128 << 20  # of frames held while a batch for the network fills up
_BYTES_PER_PIXEL = 6  # of a frame and what is made of it, at most


@dataclass(frozen=True, slots=True)
class FrameFailure:
    """A frame that was copied unchanged because it could not be converted."""

    frame: int
    reason: str


class FrameCounts:
    """The sums of the records of parts."""

    def __init__(self, parts: Iterable[dict[str, Any]]) -> None:
        self.frames = self.swapped = self.faceless = self.faces = 0
        self.failures: list[FrameFailure] = []
        for part in parts:
            self.frames += part["frames"]
            self.swapped += part["swapped"]
            self.faceless += part["faceless"]
            self.faces += part["faces"]
            self.failures += [FrameFailure(*failure) for failure in part["failures"]]


class FrameStream:
    """One pass over a source. ``matte`` is a second source, in step with it frame by frame."""

    def __init__(
        self,
        source: Source,
        matte: Source | None,
        plan: ConversionPlan,
        ranges: FrameRanges,
        settings: ConvertSettings,
        run: Run,
    ) -> None:
        self._source, self._matte = source, matte
        self._plan, self._ranges = plan, ranges
        self._settings, self._run = settings, run
        self._discard = settings.frames is not None and settings.frames.leaves_out
        self._retiming = Retiming(ranges, source) if self._discard else None
        self._threads = settings.compute.threads or os.cpu_count() or 1
        self.timer = StageTimer()
        self.resumed = 0
        self.seconds = 0.0

    def write(self, renderer: FrameRenderer, sink: PartsSink, *, taken: int = 0) -> FrameCounts:
        """Write every frame that is not written yet, part by part; return the counts of all parts. ``taken``
        frames are in parts that the sink took over from elsewhere, and are not resumed."""
        renderer.prepare(self._plan)
        start = time.perf_counter()
        written = FrameCounts(sink.parts).frames
        self.resumed = written - taken
        stage = self._run.stage("convert", self._expected_frames(), "frames")
        if self.resumed:
            self._run.notice(
                "convert.resumed",
                f"resumed: {self.resumed} frames were done by an earlier run",
                frames=self.resumed,
            )
        with closing(
            self._finished(renderer, len(sink.parts) * self._settings.checkpoint_frames)
        ) as finished:
            done: list[tuple[int, int, str | None]] = []

            def finish_part() -> None:
                with self.timer.measure("encode"):
                    sink.finish_part(_record(done))
                done.clear()

            for task in self._run.each(finished):
                while len(sink.parts) < self._part_of(task):  # parts whose frames are all discarded
                    finish_part()
                with self.timer.measure("encode"):
                    sink.write(task.output or task.frame)
                done.append((len(task.faces), task.frame.shown_number, task.failure))
                written += 1
                stage.progress(written)
                if (task.frame.index + 1) % self._settings.checkpoint_frames == 0:
                    finish_part()
            if done:
                finish_part()
        self.trim(sink)
        self.seconds = time.perf_counter() - start
        counts = FrameCounts(sink.parts)
        stage.finish(frames=counts.frames, faces=counts.faces)
        return counts

    def write_part(
        self, number: int, renderer: FrameRenderer, write: Callable[[Frame], None]
    ) -> dict[str, Any]:
        """Hand the frames of one part to ``write``; return the part's record. What came of it does not depend
        on other parts."""
        renderer.prepare(self._plan)
        length = self._settings.checkpoint_frames
        done: list[tuple[int, int, str | None]] = []
        with closing(self._finished(renderer, number * length, (number + 1) * length)) as finished:
            for task in self._run.each(finished):
                write(task.output or task.frame)
                done.append((len(task.faces), task.frame.shown_number, task.failure))
        return _record(done)

    def trim(self, sink: PartsSink) -> None:
        """Keep only the sound of the frames that are kept."""
        if self._retiming is not None:
            sink.trim(self._retiming.spans)

    def _finished(self, renderer: FrameRenderer, first: int, stop: int | None = None) -> Generator[FrameTask]:
        """Finished frames, from number ``first`` to ``stop`` (exclusive)."""
        timer, threads = self.timer, self._threads
        limit = 2 * threads

        def cut(task: FrameTask) -> FrameTask:
            with timer.measure("cut", threads):
                return renderer.cut(task)

        def draw(tasks: Sequence[FrameTask]) -> Sequence[FrameTask]:
            with timer.measure("network"):
                return renderer.draw(tasks)

        def compose(task: FrameTask) -> FrameTask:
            with timer.measure("compose", threads):
                return renderer.compose(task)

        with (
            closing(prefetch(timer.measure_each("decode", self._tasks(first, stop)), limit)) as decoded,
            closing(map_ordered(cut, decoded, threads, limit)) as cropped,
            closing(prefetch((draw(batch) for batch in self._batches(cropped)), 1)) as batches,
            closing(
                map_ordered(compose, (task for batch in batches for task in batch), threads, limit)
            ) as finished,
        ):
            yield from finished

    def _tasks(self, start: int, stop: int | None) -> Iterator[FrameTask]:
        """The frames to write, with their faces."""
        for first, last in self._spans(start, stop):
            for frame, matte in self._with_matte(first, last):
                if self._retiming is not None:
                    frame = self._retiming.retimed(frame)
                yield FrameTask(
                    frame.loaded(),
                    self._plan.faces.get(frame.index, ()),
                    matte,
                    selected=frame.index in self._ranges,
                )

    def _spans(self, first: int, stop: int | None) -> Iterator[tuple[int, int | None]]:
        """Spans of frames to decode, from frame ``first`` on; the last one of a span is exclusive."""
        if not self._discard:
            yield first, stop
            return
        for start, last in self._ranges.bounds:
            end = last + 1 if stop is None else min(last + 1, stop)
            if end > max(start, first):
                yield max(start, first), end

    def _with_matte(self, first: int, last: int | None) -> Iterator[tuple[Frame, Frame | None]]:
        if self._matte is None:
            for frame in self._source.frames(first, last):
                yield frame, None
            return
        pairs = zip(self._source.frames(first, last), self._matte.frames(first, last), strict=True)
        for frame, matte in pairs:
            yield frame, matte.loaded()

    def _batches(self, tasks: Iterable[FrameTask]) -> Iterator[list[FrameTask]]:
        """Group consecutive frames so that each group has about ``batch_size`` faces and lies within one
        part."""
        info = self._source.info
        max_frames = max(4, _BATCH_BYTES // (info.width * info.height * _BYTES_PER_PIXEL))
        batch: list[FrameTask] = []
        faces = 0
        failure: Exception | None = None
        source = iter(tasks)
        while True:
            try:
                task = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  (raised once the frames before it are delivered)
                failure = error
                break
            if batch and (
                self._part_of(task) != self._part_of(batch[0])
                or faces >= self._settings.compute.batch_size
                or len(batch) >= max_frames
            ):
                yield batch
                batch, faces = [], 0
            batch.append(task)
            faces += len(task.faces)
        if batch:
            yield batch
        if failure is not None:
            raise failure

    def _part_of(self, task: FrameTask) -> int:
        return task.frame.index // self._settings.checkpoint_frames

    def _expected_frames(self) -> int | None:
        """How many frames will be written, as far as the source's metadata tells."""
        frames = self._source.info.frames
        if not frames:
            return None
        if not self._discard:
            return frames
        return sum(min(last, frames - 1) - first + 1 for first, last in self._ranges.bounds)


def _record(done: Sequence[tuple[int, int, str | None]]) -> dict[str, Any]:
    """The record of a part, from the number of faces, frame number and failure of each of its frames."""
    swapped = [faces for faces, _, failure in done if faces and failure is None]
    return {
        "frames": len(done),
        "swapped": len(swapped),
        "faceless": sum(not faces for faces, _, _ in done),
        "faces": sum(swapped),
        "failures": [(frame, failure) for _, frame, failure in done if failure is not None],
    }
