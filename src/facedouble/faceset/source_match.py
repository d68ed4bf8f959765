"""Whether a source is what a faceset was made from, and which of its frames are which.

A clip is recognised as a whole. Of a folder of images each file is remembered by its name and digest, so a
broken or unwanted image may be taken out of it: the others are what they were, although their numbers in the
folder are other ones. A folder that holds fewer than half of them counts as another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import InputError
from facedouble.faceset.codec import SourceFile
from facedouble.files import name_text
from facedouble.printable import printable
from facedouble.run.run import Run
from facedouble.video.hashing import image_hashes, source_hash
from facedouble.video.sequences import holds_images

_NAMED = 3  # files in a message


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """What became of the frames of a faceset in its source.

    ``missing`` are the names of images that were taken out of the folder since. ``numbers`` gives a frame's
    number in the source now by its number in the faceset; ``None``: they are the same.
    """

    missing: Sequence[str] = ()
    numbers: Mapping[int, int] | None = None

    def number(self, index: int) -> int | None:
        """The present number of frame ``index`` of the faceset; ``None`` if it was taken out."""
        return index if self.numbers is None else self.numbers.get(index)

    def report(self, run: Run) -> None:
        """Say in one line which images are missing, if any are."""
        if self.missing:
            run.warn(
                "source.missing_image",
                f"no longer in the folder: {listed(self.missing)}; the other images are what they were",
                images=len(self.missing),
            )


def source_files(source: Path) -> tuple[SourceFile, ...]:
    """The images of a folder with their digests; nothing for a clip or a single image.

    Raises ``InputError`` when one of them cannot be read.
    """
    if not holds_images(source):
        return ()
    return tuple(
        SourceFile(index, name_text(name), digest)
        for index, (name, digest) in enumerate(image_hashes(source).items())
    )


def match_source(source: Path, sha256: str, files: Sequence[SourceFile]) -> SourceMatch | None:
    """How ``source`` matches what is remembered of it: the digest of the whole, and its ``files`` where it is
    a folder. ``None`` if it is another one.

    Raises ``InputError`` when it cannot be read, when images of the folder were changed or added, or when
    more than half of them are missing.
    """
    if source_hash(source) == sha256:
        return SourceMatch()
    now = {file.name: file for file in source_files(source)}
    known = {file.name: file for file in files}
    if not any(file.sha256 == now[file.name].sha256 for file in files if file.name in now):
        return None
    changed = [file.name for file in files if file.name in now and file.sha256 != now[file.name].sha256]
    added = [name for name in now if name not in known]
    for names, what in ((changed, "changed"), (added, "new")):
        if names:
            raise InputError(
                f"{source} is not as it was when its faces were extracted; {what} in it: {listed(names)}; "
                "extract it again into another folder"
            )
    numbers = {file.index: now[file.name].index for file in files if file.name in now}
    if 2 * len(numbers) < len(files):
        raise InputError(
            f"{source} counts as another source: of the {len(files)} images that faces were extracted from, "
            f"only {len(numbers)} are in it; extract it into another folder"
        )
    return SourceMatch([file.name for file in files if file.name not in now], numbers)


def listed(names: Sequence[str]) -> str:
    """The first of some file names, and how many more there are."""
    shown = ", ".join(printable(name) for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
