"""Image sequences as people name them.

``plate.%04d.exr`` (printf), ``plate.####.exr`` (one # for each digit; a single one for any number of digits)
and ``plate.1001-1100.exr`` (first and last frame) name the images of a folder whose names differ in one
number. A file that really has such a name is that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from facedouble.errors import InputError
from facedouble.printable import printable
from facedouble.video.images import IMAGE_SUFFIXES, image_files

_PRINTF = re.compile(r"%(?:0(\d{1,2}))?d")
_HASHES = re.compile(r"#+")
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})(?=\.[^.]*$)")
_NUMBER = re.compile(r"(.*?)(\d{1,18})(\D*)", re.DOTALL)
_ANY = 0  # digits: as many as there are
_DENSE = 0.9  # share of the frames that a sequence has at least
_LISTED = 3  # sequences in a message


@dataclass(frozen=True, slots=True)
class SequencePattern:
    """Names of images: ``before``, a number of at least ``digits`` digits filled up by zeros, ``after``. Only
    numbers from ``first`` to ``last`` count where these are given."""

    folder: Path
    before: str
    digits: int
    after: str
    first: int | None = None
    last: int | None = None

    def number(self, name: str) -> int | None:
        """The frame number in a file's name; ``None`` for a file that is not of this sequence."""
        if not (name.startswith(self.before) and name.endswith(self.after)):
            return None
        digits = name[len(self.before) : len(name) - len(self.after)]
        if not re.fullmatch(r"[0-9]{1,18}", digits) or len(name) < len(self.before) + len(self.after):
            return None
        number = int(digits)
        if self.digits and digits != f"{number:0{self.digits}d}":
            return None
        inside = (self.first is None or number >= self.first) and (self.last is None or number <= self.last)
        return number if inside else None

    def files(self) -> list[Path]:
        """Its files by number.

        Raises ``InputError`` where there is none, where two have one number, or for a folder that cannot be
        read.
        """
        found: dict[int, Path] = {}
        for file in image_files(self.folder):
            number = self.number(file.name)
            if number is None:
                continue
            if number in found:
                raise InputError(
                    f"{self.folder}: {printable(found[number].name)} and {printable(file.name)} are both "
                    f"frame {number}; say how many digits its numbers have (####)"
                )
            found[number] = file
        if not found:
            there = ", ".join(str(one) for one in found_sequences(image_files(self.folder))[:_LISTED])
            raise InputError(
                f"{self}: there is no such image in {self.folder}" + (f"; it holds {there}" if there else "")
            )
        return [found[number] for number in sorted(found)]

    def __str__(self) -> str:
        span = "#" * (self.digits or 1) if self.first is None else f"{self.first}-{self.last}"
        return printable(f"{self.before}{span}{self.after}")


@dataclass(frozen=True, slots=True)
class FoundSequence:
    """Images of a folder whose names differ in one number."""

    pattern: SequencePattern
    numbers: Sequence[int]

    @property
    def is_dense(self) -> bool:
        """Whether its numbers follow each other but for a few."""
        return len(self.numbers) > 1 and len(self.numbers) >= _DENSE * span_of(self.numbers)

    def __str__(self) -> str:
        return f"{self.pattern} ({self.numbers[0]}-{self.numbers[-1]})"


def sequence_pattern(path: Path) -> SequencePattern | None:
    """What the last part of a path says of a sequence; ``None`` where it is the name of something that is
    there, or no pattern."""
    name = path.name
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.exists():
        return None
    if match := _only(_PRINTF, name):
        digits = int(match[1] or 1)
        return SequencePattern(path.parent, name[: match.start()], digits, name[match.end() :])
    if match := _only(_HASHES, name):
        digits = len(match[0]) if len(match[0]) > 1 else _ANY
        return SequencePattern(path.parent, name[: match.start()], digits, name[match.end() :])
    if match := _RANGE.search(name):
        first, last = int(match[1]), int(match[2])
        if last < first:
            return None
        return SequencePattern(
            path.parent, name[: match.start()], len(match[1]), name[match.end() :], first, last
        )
    return None


def holds_images(path: Path) -> bool:
    """Whether a path names a folder of images, or a sequence in one."""
    return path.is_dir() or sequence_pattern(path) is not None


def is_there(path: Path) -> bool:
    """Whether a path names a file or folder that is there, or a sequence in a folder that is."""
    if path.exists():
        return True
    pattern = sequence_pattern(path)
    return pattern is not None and pattern.folder.is_dir()


def source_files(path: Path) -> list[Path]:
    """The files of a source: a clip or one image, the images of a folder in natural order, or those of a
    sequence. Raises ``InputError`` where there are none."""
    pattern = sequence_pattern(path)
    if pattern is not None:
        return pattern.files()
    return image_files(path) if path.is_dir() else [path]


def found_sequences(files: Iterable[Path]) -> list[FoundSequence]:
    """The sequences among files: those whose names differ in their last number only, two or more each."""
    groups: dict[tuple[Path, str, str, int], list[int]] = {}
    for file in files:
        match = _NUMBER.fullmatch(file.name.removesuffix(file.suffix))
        if match is None or not match[2].isascii():
            continue
        digits = len(match[2])
        # Numbers that start with no zero may have more digits than those before them.
        key = (file.parent, match[1], match[3] + file.suffix, digits if match[2][0] == "0" else _ANY)
        groups.setdefault(key, []).append(int(match[2]))
    merged: dict[tuple[Path, str, str], tuple[int, list[int]]] = {}
    for (folder, before, after, digits), numbers in groups.items():
        known, others = merged.get((folder, before, after), (_ANY, []))
        merged[folder, before, after] = max(known, digits), others + numbers
    return [
        FoundSequence(SequencePattern(folder, before, digits or _width(numbers), after), sorted(numbers))
        for (folder, before, after), (digits, numbers) in merged.items()
        if len(numbers) > 1
    ]


def check_one_sequence(folder: Path, files: Sequence[Path]) -> None:
    """Raise ``InputError`` for a folder that holds nothing but two or more sequences: which is meant has to
    be said."""
    found = found_sequences(files)
    if len(found) < 2 or not all(one.is_dense for one in found):
        return
    if sum(len(one.numbers) for one in found) < len(files):
        return
    shown = " and ".join(str(one) for one in found[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    raise InputError(
        f"{folder}: holds {len(found)} sequences, {shown}{more}; name one, such as "
        f"{folder / str(found[0].pattern)}"
    )


def frame_numbers(files: Sequence[Path], pattern: SequencePattern | None) -> list[int] | None:
    """The frame numbers of a film's images in order; ``None`` for images that are no film: their names differ
    in more than one number, or too many numbers between the first and the last are missing."""
    if pattern is not None:
        return [number for file in files if (number := pattern.number(file.name)) is not None]
    found = found_sequences(files)
    if len(found) != 1 or len(found[0].numbers) != len(files) or not found[0].is_dense:
        return None
    numbers = [found[0].pattern.number(file.name) for file in files]
    known = [number for number in numbers if number is not None]
    return known if known == list(found[0].numbers) and len(set(known)) == len(files) else None


def missing_text(numbers: Sequence[int], first: int, last: int) -> str:
    """The numbers from ``first`` to ``last`` that are not among ``numbers``: ``1003, 1010-1012``, empty for
    none."""
    there = sorted({first - 1, *numbers, last + 1})
    gaps = [(before + 1, after - 1) for before, after in pairwise(there)]
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in gaps if start <= end)


def span_of(numbers: Sequence[int]) -> int:
    """How many frames there are from the first to the last number."""
    return numbers[-1] - numbers[0] + 1


def _width(numbers: Sequence[int]) -> int:
    return min(len(str(number)) for number in numbers)


def _only(pattern: re.Pattern[str], name: str) -> re.Match[str] | None:
    """The one match in a name; ``None`` for none or several."""
    found = list(pattern.finditer(name))
    return found[0] if len(found) == 1 else None
