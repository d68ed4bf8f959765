"""Where and how the numbers are worked out."""

from __future__ import annotations

from typing import Annotated, Literal

from facedouble.conversion.registry import RUNTIMES
from facedouble.settings.base import Choice, Settings, field


class Compute(Settings):
    """Device and precision."""

    device: str = field("auto", "auto, cpu, cuda, cuda:N, mps or xpu")
    precision: Literal["auto", "fp32", "bf16"] = field("auto", "how numbers are held: auto, fp32 or bf16")


class ConvertCompute(Compute):
    """Runtime, device, precision, batch size and threads of a conversion."""

    runtime: Annotated[str, Choice(RUNTIMES)] = field("torch", "what runs the network")
    batch_size: int = field(16, "faces in one call of the network", short="-b", unit="faces", min=1)
    threads: int = field(
        0, "threads that crop and composite frames, 0 for one per core", short="-j", unit="threads", min=0
    )


class TrainCompute(Compute):
    """Device, precision and processes of a training."""

    gpus: int = field(
        1, "GPUs to train on together (processes, where there is no GPU)", short="-g", unit="GPUs", min=1
    )
    memory_limit: float = field(
        0.0, "GB of the device's memory to take at most, 0 for all that is free", unit="GB", min=0
    )
    compile: bool = field(False, "compile the network with torch.compile, on a GPU: slow to start")
