"""A folder of images as a source of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from facedouble.errors import InputError
from facedouble.files import name_text
from facedouble.settings.reading import Reading
from facedouble.video.frame import Frame
from facedouble.video.hashing import source_hash
from facedouble.video.image_header import ImageHeader
from facedouble.video.images import ImageFile, image_files, image_header, profile_remark, read_pixels
from facedouble.video.index import SourceIndex, frozen
from facedouble.video.info import SourceInfo
from facedouble.video.pixels import Pixels

_RATE = Fraction(25)
_FORMATS = {(3, True): "rgb24", (3, False): "rgb48le", (4, True): "rgba", (4, False): "rgba64le"}


class FolderSource:
    """The images of a folder in natural order of their names, one frame each, 25 per second.
    ``path`` may also be one image file.

    They are a film if their names differ in one number that rises by one from each to the next
    (``shot_0001.png``, ``shot_0002.png``), otherwise single pictures. The size is that of the first readable
    image. Raises ``InputError`` for a folder without one.
    """

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        self.path, self._reading = path, reading
        self.files = image_files(path) if path.is_dir() else [path]
        self.gone: frozenset[int] = frozenset()  # numbers of images that are no longer there
        first, header, remark = self._first()
        self.remarks: Sequence[str] = () if remark is None else (remark,)
        height, width = first.shape[:2]
        self._info = SourceInfo(
            path=path,
            kind="folder",
            width=width,
            height=height,
            frames=len(self.files),
            rate=_RATE,
            time_base=1 / _RATE,
            pixel_format=_FORMATS[first.shape[2], first.dtype == np.uint8],
            sample_aspect=header.upright_aspect,
            is_film=_numbered(self.files),
        )

    def _first(self) -> tuple[Pixels, ImageHeader, str | None]:
        """The first readable image, its header, and what has to be said of it."""
        problem: InputError | None = None
        for file in self.files:
            try:
                pixels = read_pixels(file, self._reading, alpha=True)
                header = image_header(file, self._reading)
                remark = profile_remark(header)
                return pixels, header, None if remark is None else f"{file}: {remark}"
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
        whole.files = [now.get(name, self.path / name) for name in names]
        whole.gone = frozenset(number for number, name in enumerate(names) if name not in now)
        whole._info = replace(self._info, frames=len(whole.files), is_film=_numbered(whole.files))
        return whole

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def index(self) -> SourceIndex:
        """All frames by time; any of them can be read at once. Raises ``InputError``."""
        count = len(self.files)
        return SourceIndex(
            info=self._info,
            fingerprint=source_hash(self.path),
            times=frozen(range(count)),
            stamps=None,
            end=count,
            coded_size=(self._info.width, self._info.height),
        )

    def times(self) -> list[int]:
        """The ``pts`` of every frame."""
        return list(range(len(self.files)))

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        """The frames from number ``first`` to ``last`` (exclusive; ``None``: all). Their files are read when
        they are looked at."""
        for index, file in islice(enumerate(self.files), first, last):
            content = ImageFile(file, self._reading)
            aspect = self._info.sample_aspect
            yield Frame(index, index, self._info.time_base, content, name=file.name, pixel_aspect=aspect)


def _numbered(files: Sequence[Path]) -> bool:
    """Whether file names differ in one last number only, which rises by one from each to the next."""
    if len(files) < 2:
        return False
    matches = [re.fullmatch(r"(.*?)(\d+)(\D*)", file.name) for file in files]
    parts = [match.groups() for match in matches if match is not None]
    if len(parts) < len(files) or len({(before, after) for before, _, after in parts}) > 1:
        return False
    numbers = [int(number) for _, number, _ in parts]
    return all(later == earlier + 1 for earlier, later in pairwise(numbers))
