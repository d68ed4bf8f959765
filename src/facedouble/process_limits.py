"""Limits of the processes that read files of strangers."""

from __future__ import annotations

import subprocess
import threading
import time

MAX_MEMORY = 2 << 30  # bytes
MAX_SECONDS = 60.0
"""Without anything being said."""


class Watch:
    """Kills a process that says nothing for :data:`MAX_SECONDS`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self.seconds = process, MAX_SECONDS
        self._heard = time.monotonic()
        self._stopped = threading.Event()
        self.expired = False
        threading.Thread(target=self._run, daemon=True).start()

    def heard(self) -> None:
        """Note that the process has said something."""
        self._heard = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(max(0.0, self._heard + self.seconds - time.monotonic())):
            if time.monotonic() >= self._heard + self.seconds:
                self.expired = True
                self._process.kill()
                return


def limit_memory(most: int = MAX_MEMORY) -> None:
    """Give this process ``most`` bytes at most, where the system can, and no file of its memory."""
    try:
        import resource  # not on Windows, where only the time is limited
    except ImportError:
        return
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    limit = most if highest == resource.RLIM_INFINITY else min(most, highest)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
