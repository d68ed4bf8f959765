"""A folder of images as a source of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

from facedouble.errors import InputError
from facedouble.files import name_text
from facedouble.settings.reading import Reading
from facedouble.video.first_image import FirstImage, first_image, image_content
from facedouble.video.frame import Frame
from facedouble.video.frame_rate import exact_rate
from facedouble.video.hashing import source_hash
from facedouble.video.index import SourceIndex, frozen
from facedouble.video.info import SourceInfo
from facedouble.video.sequences import (
    SequencePattern,
    check_one_sequence,
    frame_numbers,
    missing_text,
    sequence_pattern,
    source_files,
)

_RATE = Fraction(25)


class FolderSource:
    """The images of a folder in natural order of their names, one frame each, 25 per second if ``reading``
    does not say otherwise. ``path`` may also name a sequence (:mod:`.sequences`), or one image file.

    They are a film if their names differ in one number (``shot_0001.png``, ``shot_0002.png``), otherwise
    single pictures. Of a film a few frames may be missing: they leave a gap in time. The size is that of the
    first readable image. Raises ``InputError`` for a folder without one, and for one that holds several
    sequences.
    """

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        self.path, self._reading = path, reading
        self._pattern: SequencePattern | None = sequence_pattern(path)
        self.files = source_files(path)
        if path.is_dir():
            check_one_sequence(path, self.files)
        self._folder = path if path.is_dir() else path.parent
        self.gone: frozenset[int] = frozenset()  # numbers of images that are no longer there
        first = self._first()
        rate = first.rate or _RATE
        if reading is not None and reading.image_fps is not None:
            rate = exact_rate(reading.image_fps)
        self._coding = first.coding
        self._numbers = frame_numbers(self.files, self._pattern)
        self.remarks: Sequence[str] = tuple(line for line in (*first.remarks, self._gaps()) if line)
        self._info = SourceInfo(
            path=path,
            kind="folder",
            width=first.size[0],
            height=first.size[1],
            frames=len(self.files),
            rate=rate,
            time_base=1 / rate,
            pixel_format=first.pixel_format,
            sample_aspect=first.aspect,
            is_film=self._numbers is not None,
            first_number=None if self._numbers is None else self._numbers[0],
        )

    def _gaps(self) -> str | None:
        """A line on the frames that a sequence lacks."""
        if self._numbers is None:
            return None
        first, last = self._numbers[0], self._numbers[-1]
        if self._pattern is not None:
            first = first if self._pattern.first is None else self._pattern.first
            last = last if self._pattern.last is None else self._pattern.last
        missing = missing_text(self._numbers, first, last)
        if not missing:
            return None
        return f"{self.path}: frames are missing and stay so: {missing}"

    def _first(self) -> FirstImage:
        """What the first readable image says."""
        problem: InputError | None = None
        for file in self.files:
            try:
                return first_image(file, self._reading)
            except InputError as error:
                problem = problem or error
        raise problem or InputError(f"{self.path}: the folder holds no image")

    def as_it_was(self, names: Sequence[str]) -> FolderSource:
        """The same with an image for each of ``names``, those that faces were once extracted from, so that
        frames keep their numbers. One that is no longer there cannot be read."""
        now = {name_text(file.name): file for file in self.files}
        if not names or list(names) == list(now):
            return self
        whole = copy(self)
        whole.files = [now.get(name, self._folder / name) for name in names]
        whole.gone = frozenset(number for number, name in enumerate(names) if name not in now)
        whole._numbers = frame_numbers(whole.files, self._pattern)
        numbers = whole._numbers
        whole._info = replace(
            self._info,
            frames=len(whole.files),
            is_film=numbers is not None,
            first_number=None if numbers is None else numbers[0],
        )
        return whole

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def index(self) -> SourceIndex:
        """All frames by time; any of them can be read at once. Raises ``InputError``."""
        times = self.times()
        return SourceIndex(
            info=self._info,
            fingerprint=source_hash(self.path),
            times=frozen(times),
            stamps=None,
            end=times[-1] + 1,
            coded_size=(self._info.width, self._info.height),
        )

    def times(self) -> list[int]:
        """The ``pts`` of every frame: frames that a sequence lacks leave a gap."""
        if self._numbers is None:
            return list(range(len(self.files)))
        return [number - self._numbers[0] for number in self._numbers]

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        """The frames from number ``first`` to ``last`` (exclusive; ``None``: all). Their files are read when
        they are looked at."""
        aspect, numbers = self._info.sample_aspect, self._numbers
        for (index, file), pts in islice(zip(enumerate(self.files), self.times(), strict=True), first, last):
            yield Frame(
                index,
                pts,
                self._info.time_base,
                image_content(file, self._reading),
                name=file.name,
                pixel_aspect=aspect,
                number=None if numbers is None else numbers[index],
                coding=self._coding,
            )
