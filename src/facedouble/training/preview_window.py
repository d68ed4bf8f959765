"""A window that shows a picture file and reloads it when it changes: ``python -m
facedouble.training.preview_window FILE``.

It runs in its own process, so that window and training do not delay each other. Closing it changes nothing
else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_LOOK_EVERY = 500  # milliseconds


def show(path: Path) -> str:
    """Open the window on ``path``. Returns why that is impossible, or an empty text."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display here"
    try:
        import tkinter  # noqa: F401  (not every Python is built with it)
    except ImportError:
        return "this Python has no tkinter (on Debian and Ubuntu: apt install python3-tk)"
    subprocess.Popen(
        [sys.executable, "-m", "facedouble.training.preview_window", str(path), str(os.getpid())]
    )
    return ""


def _follow(path: Path, owner: int) -> None:
    import tkinter

    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:
        sys.exit(f"no window: {error}")
    root.title(str(path))
    label = tkinter.Label(root, text="waiting for the first preview", padx=40, pady=40)
    label.pack()
    seen = 0

    def look() -> None:
        nonlocal seen
        if os.getppid() != owner:  # training has ended
            root.destroy()
            return
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        if stamp != seen:
            seen = stamp
            picture = tkinter.PhotoImage(file=str(path))
            label.configure(image=picture, text="")
            label.image = picture  # type: ignore[attr-defined]  # Tk itself does not hold it
        root.after(_LOOK_EVERY, look)

    look()
    root.mainloop()


if __name__ == "__main__":
    _follow(Path(sys.argv[1]), int(sys.argv[2]))
