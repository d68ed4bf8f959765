"""One faceset that is being edited: its clip's frames, its history, and steps that are saved at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from facedouble.errors import InputError
from facedouble.extraction.recut import recut
from facedouble.faceset.codec import SourceRecord
from facedouble.faceset.reader import FaceOutline
from facedouble.faceset.store import Faceset
from facedouble.run.run import operation
from facedouble.settings.reading import Reading
from facedouble.studio.editor.labels import DoubtfulMasks
from facedouble.studio.editor.steps import EditStep, apply
from facedouble.studio.history import History
from facedouble.studio.preview.decoded import DecodedFrames
from facedouble.types import Face
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame import Frame
from facedouble.video.source import open_source


class EditorSession:
    """The faceset in ``path``, made from ``clip``; its history is the file ``history``. Any thread may ask.

    Raises ``InputError`` for a faceset that is not finished or was made from another source.
    """

    def __init__(self, path: Path, clip: Path, history: Path, reading: Reading) -> None:
        self.path = path
        self.history = History(history, EditStep)
        with Faceset.open(path) as store:
            store.check_source(clip, reading.video_stream)
            self.record: SourceRecord = store.source
            files = store.files()
        source = open_source(clip, reading)
        if isinstance(source, FolderSource):
            source = source.as_it_was([file.name for file in files])
        self.source = source
        self.worst: list[tuple[int, int, str]] | None = None
        """The faces that looked wrong when they were measured: frame, number and reason, worst first."""
        self.doubtful = DoubtfulMasks(path)
        self._passed_over: str | None = None
        self._frames = DecodedFrames(source)
        self._decoding = threading.Lock()
        self._editing = threading.RLock()

    def frame(self, number: int) -> Frame:
        """Frame ``number`` of the faceset. Raises ``InputError``."""
        with self._decoding:
            return self._frames[number]

    def frames(self, numbers: Sequence[int]) -> Iterator[Frame]:
        """Several frames, each when it is needed."""
        return (self.frame(number) for number in numbers)

    @contextmanager
    def reading(self) -> Iterator[Faceset]:
        """The faceset, with whatever a kill had cut short finished."""
        with self._editing:
            self._finish()
            with Faceset.open(self.path) as store:
                yield store

    @contextmanager
    def editing(self) -> Iterator[Faceset]:
        """The faceset, while nobody else writes to it. Raises ``BusyError`` while another run does."""
        with self.reading() as store, operation("edit", None) as run, run.lock(self.path, inside=True):
            yield store

    def do(self, store: Faceset, step: EditStep) -> None:
        """Do a step; it is on disk when this returns."""
        self.history.add(step)
        self._apply(store, step, forth=True)

    def undo(self, store: Faceset) -> EditStep | None:
        """Undo the last step, and return it. One that cannot be undone is passed over, with an
        ``InputError``."""
        step = self.history.last()
        if step is not None:
            self.history.undo()
            self._apply(store, step, forth=False)
        return step

    def redo(self, store: Faceset) -> EditStep | None:
        """Do the step again that was undone last, and return it. One that cannot be done is passed over, with
        an ``InputError``."""
        step = self.history.next()
        if step is not None:
            self.history.redo()
            self._apply(store, step, forth=True)
        return step

    @property
    def problem(self) -> str | None:
        """What is wrong with the history, in a line; ``None`` where nothing is."""
        return self.history.problem or self._passed_over

    def outline(self) -> list[FaceOutline]:
        """All faces without their shapes."""
        with self.reading() as store:
            return store.outline()

    def _finish(self) -> None:
        """Finish what was written down and is not marked as done."""
        unfinished = self.history.unfinished()
        if unfinished is None:
            return
        step, forth = unfinished
        with (
            operation("edit", None) as run,
            run.lock(self.path, inside=True),
            Faceset.open(self.path) as store,
        ):
            try:
                self._apply(store, step, forth=forth)
            except InputError as error:
                self._passed_over = str(error)

    def _apply(self, store: Faceset, step: EditStep, *, forth: bool) -> None:
        try:
            apply(store, step, self._recut, forth=forth)
        except InputError as error:
            self.history.mark_done()  # it will never be possible, and must not be in the way of others
            raise InputError(f"{error}; this step is passed over") from error
        self.history.mark_done()

    def _recut(self, store: Faceset, face: Face, place: str | None) -> None:
        recut(store, face, self.frame(face.frame_index), place)


def face_of(store: Faceset, frame: int, number: int) -> Face:
    """A face by its numbers. Raises ``InputError`` where there is none."""
    found = next((face for face in store.faces_of(frame) if face.face_index == number), None)
    if found is None:
        raise InputError(f"there is no face {number} in frame {frame}")
    return found
