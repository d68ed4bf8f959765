"""The state of an unfinished result, from which an interrupted run resumes: a hidden folder beside it.

    .out.mp4.work/
      work.json         the fingerprint of the result: its source and all settings that matter
      plan.safetensors  what was worked out before the first part
      000000.json       the record of a finished part
      000000.packets    its encoded video (clips only)

A part counts once its ``.json`` exists, which is written last. The folder goes when the result is complete.
``.out.mp4.lock`` exists while a run is writing and keeps a second run out.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from facedouble.errors import OutputError
from facedouble.files import hidden_beside, write_whole
from facedouble.json_data import parse_json
from facedouble.run.locks import hold
from facedouble.video.sinks.base import write_error

IsUsable = Callable[[dict[str, Any]], bool]

_FINGERPRINT = "work.json"
_PLAN = "plan.safetensors"


@contextlib.contextmanager
def open_work_folder(
    path: Path, fingerprint: dict[str, Any], is_usable: IsUsable = lambda _record: True
) -> Iterator[WorkFolder]:
    """The work folder of the result ``path``, locked against other runs; see :class:`WorkFolder`.

    Raises ``OutputError`` when another run is writing the result, or its folder is not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    with hold(path):
        yield WorkFolder(path, fingerprint, is_usable)


def work_path(path: Path) -> Path:
    """Where the work folder of the result ``path`` is, or would be."""
    return hidden_beside(path, ".work")


class WorkFolder:
    """The work folder of the result ``path``, created on first use.

    ``fingerprint`` holds everything that determines the result. A folder of the same fingerprint is
    resumed, up to the first part whose record ``is_usable`` refuses; any other is deleted, ``discarded`` is
    true, and ``discarded_parts`` are the records of its parts. Use it inside :func:`open_work_folder`, or
    from a single process.
    """

    def __init__(
        self, path: Path, fingerprint: dict[str, Any], is_usable: IsUsable = lambda _record: True
    ) -> None:
        self.path = path
        self.folder = work_path(path)
        self._fingerprint = json.dumps(fingerprint, sort_keys=True, indent=1)
        self.discarded = False
        self.discarded_parts: list[dict[str, Any]] = []
        if self.folder.is_symlink():
            raise OutputError(f"{self.folder}: a link, which would lead elsewhere; remove it")
        found = self.folder / _FINGERPRINT
        if self.folder.exists() and not (found.is_file() and found.read_text("utf-8") == self._fingerprint):
            self.discarded_parts = self._parts()
            self.remove()
            self.discarded = True
        self.parts = self._parts()
        refused = [number for number, record in enumerate(self.parts) if not is_usable(record)]
        if refused:
            self.discard_from(refused[0])

    @property
    def exists(self) -> bool:
        """Whether the folder is on disk."""
        return self.folder.exists()

    def make(self) -> Path:
        """Create the folder if need be; returns it. Raises ``OutputError``."""
        if not self.folder.exists():
            try:
                self.folder.mkdir()
                write_whole(self.folder / _FINGERPRINT, self._fingerprint.encode(), durable=True)
            except OSError as error:
                with contextlib.suppress(OSError):
                    self.remove()
                raise write_error(self.path, error) from error
        return self.folder

    @property
    def plan(self) -> Path:
        """Where what was worked out before the first part may be kept; not worth keeping on its own."""
        return self.folder / _PLAN

    def file(self, number: int, suffix: str) -> Path:
        """The file of part ``number``."""
        return self.folder / f"{number:06d}{suffix}"

    def record(self, record: dict[str, Any]) -> None:
        """Record the next part as finished. Raises ``OSError``."""
        self.make()
        data = json.dumps(record).encode()
        write_whole(self.file(len(self.parts), ".json"), data, durable=True)
        self.parts.append(record)

    def discard_from(self, number: int) -> None:
        """Discard part ``number`` and all after it, so that they are made again."""
        for discarded in range(number, len(self.parts)):
            self.file(discarded, ".json").unlink(missing_ok=True)
        del self.parts[number:]

    def remove(self) -> None:
        """Delete the folder. Raises ``OSError``."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def remove_if_empty(self) -> None:
        """After a failed run: delete the folder unless it holds finished parts or other work."""
        if not self.folder.exists() or self.parts:
            return
        cheap = {_FINGERPRINT, _PLAN}
        if all(file.name in cheap or file.suffix == ".txt" for file in self.folder.iterdir()):
            self.remove()

    def _parts(self) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        while (file := self.file(len(parts), ".json")).is_file():
            try:
                parts.append(parse_json(file.read_bytes()))
            except ValueError:
                file.unlink()  # damaged on disk; the part is made again
                break
        return parts
