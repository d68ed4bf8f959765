"""What a run that was broken off leaves for the next: a hidden folder beside the result.

    .out.mp4.work/
      work.json       what is being made: of which source, with which settings
      000000.json     a part that is done: its frames, and what is to be said of them
      000000.packets  its pictures, encoded (clips)

A part counts when its ``.json`` is there, which is written last. The folder is removed when the result
has its name. ``.out.mp4.lock`` is there while a run is at work, so that a second keeps out of its way.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from facedouble.files import write_whole
from facedouble.video.sinks.base import alone, unwritable

Keep = Callable[[dict[str, Any]], bool]

_ABOUT = "work.json"


@contextlib.contextmanager
def open_work(path: Path, about: dict[str, Any], keep: Keep = lambda _record: True) -> Iterator[Work]:
    """The work folder of the result ``path``, kept from every other run meanwhile; see :class:`Work`.

    Raises ``OutputError`` when another run is at work on it, or the place cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    with alone(path):
        yield Work(path, about, keep)


class Work:
    """The work folder of the result ``path``, made when there is something to put into it.

    ``about`` is everything that decides what the result is. What an earlier run left is taken up when it
    was about the same, else it is dropped (``dropped`` says so); of its parts, all before the first whose
    record ``keep`` does not want. To be used inside :func:`open_work`, or by one process alone.
    """

    def __init__(self, path: Path, about: dict[str, Any], keep: Keep = lambda _record: True) -> None:
        self.path = path
        self.folder = path.with_name(f".{path.name}.work")
        self._about = json.dumps(about, sort_keys=True, ensure_ascii=False, indent=1)
        self.dropped = False
        found = self.folder / _ABOUT
        if self.folder.exists() and not (found.is_file() and found.read_text("utf-8") == self._about):
            self.remove()
            self.dropped = True
        self.parts = self._parts()
        unwanted = [number for number, record in enumerate(self.parts) if not keep(record)]
        if unwanted:
            self.forget(unwanted[0])

    @property
    def found(self) -> bool:
        """Whether there is anything of an earlier run."""
        return self.folder.exists()

    def make(self) -> Path:
        """The folder, which is there from now on. Raises ``OutputError``."""
        if not self.folder.exists():
            try:
                self.folder.mkdir()
                write_whole(self.folder / _ABOUT, self._about.encode(), durable=True)
            except OSError as error:
                with contextlib.suppress(OSError):
                    self.remove()
                raise unwritable(self.path, error) from error
        return self.folder

    def file(self, number: int, suffix: str) -> Path:
        """The file of part ``number``."""
        return self.folder / f"{number:06d}{suffix}"

    def record(self, record: dict[str, Any]) -> None:
        """Note that the next part is done. Raises ``OSError``."""
        self.make()
        data = json.dumps(record, ensure_ascii=False).encode()
        write_whole(self.file(len(self.parts), ".json"), data, durable=True)
        self.parts.append(record)

    def forget(self, number: int) -> None:
        """Let part ``number`` and those after it be made again."""
        for later in range(number, len(self.parts)):
            self.file(later, ".json").unlink(missing_ok=True)
        del self.parts[number:]

    def remove(self) -> None:
        """Remove all of it. Raises ``OSError``."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def tidy(self) -> None:
        """After a run that failed: remove the folder if nothing in it is worth keeping."""
        if (
            self.folder.exists()
            and not self.parts
            and not any(file.name != _ABOUT and file.suffix != ".txt" for file in self.folder.iterdir())
        ):
            self.remove()

    def _parts(self) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        while (file := self.file(len(parts), ".json")).is_file():
            try:
                parts.append(json.loads(file.read_bytes()))
            except ValueError:
                file.unlink()  # the disk lost it; the part is made again
                break
        return parts
