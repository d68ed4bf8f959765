"""An object store in a folder of this machine, that counts what is read of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem


class CountingStore(AbstractFileSystem):  # type: ignore[misc]
    """``s3://BUCKET/NAME`` is the file NAME in the folder BUCKET in ``root``."""

    protocol = "s3"
    cachable = False
    root: ClassVar[Path]
    read: ClassVar[list[tuple[int, int]]]
    refuses: ClassVar[Exception | None] = None

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        if self.refuses is not None:
            raise self.refuses
        file = self.root / self._strip_protocol(path)
        found = file.stat()
        return {"name": path, "size": found.st_size, "type": "file", "ETag": str(found.st_mtime_ns)}

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return _File(self, path, mode, size=self.info(path)["size"], **options)


class _File(AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        CountingStore.read.append((start, end))
        with (CountingStore.root / CountingStore._strip_protocol(self.path)).open("rb") as file:
            file.seek(start)
            return file.read(end - start)
