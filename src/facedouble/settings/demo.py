"""How the demonstration runs."""

from __future__ import annotations

from pathlib import Path

from facedouble.settings.base import File, Files, Settings, field


class Clips(Settings):
    """Clips of both people."""

    a: Files = field(help="clip of A, whose face is replaced; repeatable; the last is converted")
    b: Files = field(help="clip of B, whose face is put there; repeatable")


class DemoSettings(Settings):
    """From two people's clips to a swapped clip. Without ``clips`` it takes those of two actors that it
    fetches."""

    output: File = field(Path("demo"), "folder for everything it makes", short="-o")
    minutes: float = field(10.0, "how long to train", unit="minutes", min=0.1)
    clips: Clips | None = field(None, "clips of your own")
    device: str = field("auto", "auto, cpu, cuda, cuda:N, mps or xpu")
    unseen: bool = field(
        False, "keep the clip that is converted out of training, to see how well the model generalises"
    )
    quick: bool = field(False, "one clip of each and seconds of training, to see that everything works")
