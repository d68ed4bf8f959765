"""Settings: one documented dataclass per command.

They are the only schema. The command line is built from them (``cli/options.py``), the Python API
takes them, and a saved model or faceset records them. Every field carries its help text, and where
it has one its short option. Settings are passed in, never read from globals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def option(help: str, default: Any = None, *, short: str = "", flag: str = "", **limits: float) -> Any:
    """A dataclass field with its help text, short option and limits (``min``, ``max``). ``flag`` is the
    option's name where it is not the field's (``from`` is a word of Python's own)."""
    metadata = {"help": help, "short": short, "flag": flag, **limits}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a model is trained. It stops at whichever limit comes first; without one, when told to."""

    trainer: str = option(
        "model: double, quick (a small double), original, lowmem, iae, gan, gan128, highres or highres256",
        "quick",
        short="-t",
    )
    arguments: tuple[str, ...] = option(
        "an argument of the model's own, as filters=64; repeat it", (), flag="set"
    )
    recipe: tuple[str, ...] = option(
        "how it is trained otherwise than the model's recipe says (docs/training.md), as dssim=0.5 or "
        "warp.occlusion=0.2; repeat it",
        (),
    )
    batch_size: int = option("faces of each side in a step, 0 for the model's own", 0, short="-b", min=0)
    minutes: float = option("stop after this many minutes, 0 for no limit", 0.0, min=0)
    iterations: int = option("stop at this iteration, 0 for no limit", 0, min=0)
    target_loss: float = option(
        "stop when the smoothed losses of both sides are under this, 0 for no limit", 0.0, min=0
    )
    patience: int = option(
        "stop when faces held out have got no better for so many iterations, 0 for no limit", 0, min=0
    )
    learning_rate: float = option("peak learning rate, 0 for the model's own", 0.0, min=0)
    warp: str = option(
        "how inputs are bent: grid, landmark, tps, elastic or none; the model's own if not given", ""
    )
    balance_poses: bool = option("draw faces so that each pose there is comes equally often", False)
    perceptual_loss: str = option(
        "compare through a network as well: none, dlib, vgg or a file of VGG-19's weights; the model's "
        "own if not given",
        "",
    )
    freeze_encoder: bool = option("let the encoder rest, and only the decoders learn", False)
    from_model: Path | None = option("start from the weights of another pair's model", None, flag="from")
    device: str = option("auto, cpu, cuda, cuda:N or mps", "auto")
    gpus: int = option("GPUs to train on together (processes, where there is no GPU)", 1, short="-g", min=1)
    precision: str = option("auto, fp32 or bf16", "auto")
    compile: bool = option("compile the network with torch.compile, on a GPU: slow to start", False)
    seed: int = option("seed of every random choice", 0)
    save_interval: int = option("iterations between saves, 0 for no such interval", 100, short="-s", min=0)
    save_minutes: float = option("minutes between saves at the most, 0 for no such limit", 3.0, min=0)
    write_image: bool = option(
        "draw preview.png, losses.png and the time-lapse at every save", True, short="-w"
    )
    preview: bool = option("show the preview in a window, drawn anew every half minute", False, short="-p")
    measure: bool = option("measure the model on faces held out now and then", True)
    dry_run: bool = option("only say what memory and time it would take; nothing is written", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesSettings:
    """What is done with the faces of a faceset. With none of these, they are only counted."""

    sort: str = option(
        "rename the crops in faces/ in order of: frame, identity, track, sharpness, yaw, pitch, mouth, "
        "colour, size or review",
        "",
    )
    remove: tuple[str, ...] = option(
        "move to dropped/: person:1, track:3, a crop (000123_0) or a run of a track (000123_0..000130_0); "
        "repeat it",
        (),
    )
    restore: tuple[str, ...] = option("move back to faces/, named as for --remove; repeat it", ())
    review: bool = option("list what looks wrong, worst first, and show it in review.jpg", False)
    contact_sheet: Path | None = option("draw faces into one .jpg or .png, in their order now", None)
    most: int | None = option("faces that --review (20) or --contact-sheet (100) shows at most", None, min=1)
    coverage: Path | None = option("draw which poses and expressions there are and which lack (.png)", None)
    against: Path | None = option("for --coverage: the faceset to be like, of the other person", None)
    rebuild: bool = option("make a lost or damaged faceset.sqlite again from the crops", False)
    source: Path | None = option("for --rebuild: where the clip or folder of images is now", None)
