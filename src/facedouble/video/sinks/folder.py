"""A folder of images."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from facedouble.errors import InputError, OutputError, setting
from facedouble.files import remove_drafts, write_whole
from facedouble.video.exr_header import Attribute
from facedouble.video.exr_plates import encode_plate, has_openexr
from facedouble.video.frame import Frame
from facedouble.video.image_aspect import with_pixel_aspect
from facedouble.video.image_formats import ImageFormat
from facedouble.video.info import SourceInfo
from facedouble.video.registry import IMAGE_FORMATS
from facedouble.video.sinks.base import Marking, Sink, write_error
from facedouble.video.sinks.image_losses import left_out_of_images
from facedouble.video.source_timecode import source_timecode
from facedouble.video.timecode import rate_attribute, timecode_attribute

SIDECAR = ".c2pa"  # of an image that cannot embed its credentials


class FolderSink(Sink):
    """A folder of image files, created if need be.

    A file takes its name from the source image, or from the frame's number (``000123.png``). Files are
    written atomically; an abort keeps those that are written. ``overwrite`` allows a folder that is not
    empty: images of the same name are replaced, and numbered ones of a longer earlier run are removed at
    the end. ``like`` is the source: ``remarks`` says what images do not have of it.
    """

    def __init__(
        self,
        path: Path,
        *,
        format: ImageFormat = IMAGE_FORMATS["png"],
        overwrite: bool = False,
        marking: Marking | None = None,
        alpha: bool = False,
        like: SourceInfo | None = None,
    ) -> None:
        self._path, self._format, self._marking = path, format, marking
        self._written: set[str] = set()
        self._of_clip = like is not None and like.kind == "clip" and format.light
        self._start = source_timecode(like) if like is not None and self._of_clip else None
        self._rate = like.rate if like is not None else Fraction(1)
        self.remarks: Sequence[str] = () if like is None else left_out_of_images(like, format, alpha=alpha)
        self._unfinished: list[str] = []  # what abort() removes again
        self._done = False
        if alpha and not format.alpha:
            png = setting("encoding.format", "png")
            raise OutputError(f"{path}: {format.suffix} cannot hold alpha; choose {png}")
        try:
            self._made = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            remove_drafts(path)
            if not overwrite and any(path.iterdir()):
                raise OutputError(f"{path} holds files; choose another output, or allow overwriting")
            if not os.access(path, os.W_OK):
                raise OutputError(f"{path}: cannot be written to; choose another output")
        except OSError as error:
            raise OutputError(f"{path}: cannot be used as a folder of images ({error.strerror})") from error

    def name_of(self, frame: Frame) -> str:
        """The file name of a frame's image."""
        stem = f"{frame.index:06d}" if frame.name is None else Path(frame.name).stem
        return stem + self._format.suffix

    def adopt(self, names: list[str]) -> bool:
        """Adopt the images that an earlier run wrote; false if one of them is missing."""
        if not all((self._path / name).is_file() for name in names):
            return False
        self._written.update(names)
        return True

    def write(self, frame: Frame) -> None:
        name = self.name_of(frame)
        try:
            data = with_pixel_aspect(self._encoded(frame), frame.pixel_aspect)
        except ValueError as error:
            raise OutputError(f"{self._path / name}: {error}") from error
        self._store(name, data)

    def take(self, file: Path) -> None:
        """Take over an image that was written elsewhere with the same comment, and mark it. Raises
        ``OutputError``, and ``InputError`` where it cannot be read."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from error
        self._store(file.name, data)

    def _store(self, name: str, data: bytes) -> None:
        path = self._path / name
        if name in self._written:
            raise OutputError(f"{path}: two images have this name; rename one of them")
        marking = self._marking
        try:
            if marking is not None and self._format.suffix in SIDECAR_SUFFIXES:
                if marking.sidecar is not None:
                    write_whole(path.with_suffix(SIDECAR), marking.sidecar(data, name))
            elif marking is not None and marking.image is not None:
                data = marking.image(data, name)
            write_whole(path, data)
        except ValueError as error:
            raise OutputError(f"{path}: {error}") from error
        except OSError as error:
            raise write_error(path, error) from error
        self._written.add(name)
        self._unfinished.append(name)

    def _times_of(self, frame: Frame) -> list[Attribute]:
        """Time code and rate of a clip's frame, as OpenEXR says them."""
        found = [rate_attribute(self._rate)]
        if self._start is not None:
            timecode = timecode_attribute(self._start.moved(frame.index))
            found += [] if timecode is None else [timecode]
        return found

    def _encoded(self, frame: Frame) -> bytes:
        if self._format.light and has_openexr():
            plate = frame.as_plate()
            return encode_plate(plate.with_attributes(self._times_of(frame)) if self._of_clip else plate)
        channels = frame.channels()
        pixels = channels if self._format.alpha else channels[..., :3]
        return self._format.encode(pixels, self._marking.comment if self._marking else None)

    def close(self) -> None:
        if self._done:
            return
        self._done = True
        numbered = re.compile(rf"\d{{6,}}\{self._format.suffix}")
        try:
            for file in list(self._path.iterdir()):
                if numbered.fullmatch(file.name) and file.name not in self._written:
                    file.unlink()
                    file.with_suffix(SIDECAR).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self._path}: images of an earlier run cannot be removed ({error.strerror})"
            ) from error

    def abort(self) -> None:
        if self._done:
            return
        self._done = True
        for name in self._unfinished:
            file = self._path / name
            file.unlink(missing_ok=True)
            file.with_suffix(SIDECAR).unlink(missing_ok=True)
        if self._made and not any(self._path.iterdir()):
            self._path.rmdir()


def remove_images(folder: Path, names: object) -> None:
    """Remove images that an earlier run wrote into ``folder``, by the names in its record. Raises
    ``OutputError``."""
    if not isinstance(names, list):
        return
    try:
        for name in names:
            if isinstance(name, str) and Path(name).name == name:  # nothing outside the folder
                (folder / name).unlink(missing_ok=True)
                (folder / name).with_suffix(SIDECAR).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: images of an earlier run cannot be removed ({error.strerror})"
        ) from error


SIDECAR_SUFFIXES = {".exr"}
"""Image formats whose credentials lie in a sidecar."""
