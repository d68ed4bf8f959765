"""Clips to image sequences and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from facedouble.errors import InputError, OutputError
from facedouble.run.run import Run, operation
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.demux import video_candidates
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame_rate import exact_rate
from facedouble.video.info import SourceInfo
from facedouble.video.libav import open_clip
from facedouble.video.sampling import sampled
from facedouble.video.sequences import holds_images
from facedouble.video.sinks import CLIP_SUFFIXES, Sink, open_sink
from facedouble.video.source import open_source, reported


def clip_to_images(
    source: Path,
    output: Path,
    *,
    fps: float | None = None,
    image_format: str = "png",
    overwrite: bool = False,
    reading: Reading | None = None,
    run: Run | None = None,
) -> int:
    """Write the frames of a clip into a folder as images; returns how many.

    ``image_format`` is one of ``IMAGE_FORMATS``; images have as many bits as the clip if the format can hold
    them. Files are named by the frame's number in the clip (``000123.png``). With ``fps``, only the first
    frame of every ``1/fps`` seconds is written, and no frame twice. Raises ``InputError``,
    ``OutputError`` or ``SettingsError``.
    """
    rate = None if fps is None else exact_rate(fps)
    if output.suffix.lower() in CLIP_SUFFIXES:
        raise OutputError(f"{output} is the name of a clip; give the name of a folder")
    with operation("frames", run) as run, run.lock(output):
        opened = open_source(source, reading)
        count = 0
        stage = run.stage("frames", opened.info.frames, "frames")
        with (
            reported(opened, run),
            open_sink(
                output, opened.info, ClipEncoding(), audio_from=None, overwrite=overwrite, images=image_format
            ) as sink,
        ):
            _report_losses(sink, output, run)
            for frame, taken in run.each(sampled(opened.frames(), rate)):
                if taken:
                    if frame.problem is not None:
                        run.warn(
                            "source.damaged_frame",
                            f"written as it is: frame {frame.shown_number}, {frame.problem}",
                        )
                    sink.write(frame)
                    count += 1
                stage.progress(frame.index + 1, images=count)
        stage.finish(images=count)
        run.finish({"output": output, "images": count})
        return count


def images_to_clip(
    folder: Path,
    output: Path,
    *,
    fps: float | None = None,
    audio_from: Path | None = None,
    settings: ClipEncoding | None = None,
    overwrite: bool = False,
    reading: Reading | None = None,
    run: Run | None = None,
) -> int:
    """Write the images of a folder, in natural order of their names, or of a sequence in it, as a clip;
    returns how many frames. Frames that a sequence lacks leave a gap: the one before is shown for longer.

    The sound of ``audio_from`` is copied. Without ``fps``, an ``audio_from`` that is a clip of as many frames
    also gives the times and colour tags, so that :func:`clip_to_images` is undone exactly; a clip of another
    length gives its average rate; otherwise the rate is 25. Raises ``InputError``, ``OutputError`` or
    ``SettingsError``.
    """
    rate = None if fps is None else exact_rate(fps)
    if output.suffix.lower() not in CLIP_SUFFIXES:
        known = ", ".join(sorted(CLIP_SUFFIXES))
        raise OutputError(f"{output}: the name of a clip ends in one of {known}")
    if not holds_images(folder):
        raise InputError(f"{folder}: no such folder")
    with operation("video", run) as run:
        source = FolderSource(folder, reading)
        timing = _timing(source, rate, audio_from, reading, run)
        stage = run.stage("video", source.info.frames, "frames")
        with (
            reported(source, run),
            open_sink(
                output, timing.info, settings or ClipEncoding(), audio_from=audio_from, overwrite=overwrite
            ) as sink,
        ):
            _report_losses(sink, output, run)
            for frame, pts in run.each(zip(source.frames(), timing.times, strict=True)):
                is_last = frame.index == source.info.frames - 1
                duration = timing.last_duration if is_last else None
                sink.write(replace(frame, pts=pts, time_base=timing.info.time_base, duration=duration))
                stage.progress(frame.index + 1)
        count = source.info.frames
        stage.finish(frames=count)
        run.finish({"output": output, "frames": count})
        return count


def _report_losses(sink: Sink, output: Path, run: Run) -> None:
    for remark in sink.remarks:
        run.warn("output.remark", f"{output.name}: {remark}")


@dataclass(frozen=True, slots=True)
class _Timing:
    """Properties of the clip to write, and the ``pts`` of its frames in that time base. ``last_duration`` is
    how long the last of them is shown, where that is known."""

    info: SourceInfo
    times: Sequence[int]
    last_duration: int | None = None


def _timing(
    source: FolderSource, rate: Fraction | None, audio_from: Path | None, reading: Reading | None, run: Run
) -> _Timing:
    images, count = source.info, source.info.frames
    clip = None if audio_from is None else _as_clip(audio_from, reading, run)
    if rate is not None:
        return _Timing(replace(images, rate=rate, time_base=1 / rate), source.times())
    if clip is None and reading is not None and reading.image_fps is not None:
        return _Timing(images, source.times())
    if clip is None:
        run.notice(
            "video.default_rate",
            f"{images.rate} frames a second, as no other rate is known",
            rate=images.rate,
        )
        return _Timing(images, source.times())
    times = clip.times()
    if len(times) == count:
        run.notice("video.times_of_clip", f"each image takes the time of its frame in {clip.path.name}")
        info = replace(clip.info, width=images.width, height=images.height)
        if (images.width, images.height) != (clip.info.width, clip.info.height):
            info = replace(info, sample_aspect=images.sample_aspect)
        return _Timing(info, times, clip.index.duration(count - 1))
    rate = clip.info.rate
    run.warn(
        "video.other_length",
        f"{count} images, but {clip.path.name} has {len(times)} frames: "
        f"they are shown at its {float(rate):.3f} frames a second and may not be in step with its sound",
        images=count,
        frames=len(times),
    )
    first = round(times[0] * clip.info.time_base * rate)
    return _Timing(replace(images, rate=rate, time_base=1 / rate), range(first, first + count))


def _as_clip(path: Path, reading: Reading | None, run: Run) -> ClipSource | None:
    """``path`` as a clip; ``None`` if it holds only sound."""
    if not path.is_file():
        raise InputError(f"{path}: no such file to take the sound from")
    with open_clip(path, reading) as container:
        has_audio = bool(container.streams.audio)
        has_video = any(one.is_film for one in video_candidates(container))
    if not has_audio:
        run.warn("video.no_sound", f"{path.name} has no sound", path=path)
    return ClipSource(path, reading) if has_video else None
