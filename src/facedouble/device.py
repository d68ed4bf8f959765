"""Which device and number format the networks run in."""

from __future__ import annotations

from pathlib import Path

import torch

from facedouble.errors import SettingsError

_DEVICES = ("cpu", "cuda", "mps", "xpu")
_BF16_PRODUCTS = ("avx512_bf16", "amx_bf16")  # sets of instructions, as PyTorch calls them


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` takes CUDA, then Apple's MPS, then the processor.

    Raises ``SettingsError`` for a device that is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in _DEVICES:
            raise SettingsError(f"device {name!r} cannot be used; there are: auto, {', '.join(_DEVICES)}")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"device {name!r} is not there (see: facedouble doctor)") from error
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The number format of the network's products: float32, or bfloat16 by mixed precision.

    ``auto`` takes bfloat16 where it is faster: on a GPU that has it and on a processor with instructions
    for its products. Without them PyTorch emulates it, a hundred times slower. ARM processors may have
    such instructions too, but what they gain was not measured; they get float32.
    """
    if name == "fp32":
        return torch.float32
    if name == "bf16":
        return torch.bfloat16
    if name != "auto":
        raise SettingsError(f"precision {name!r} is not known; there are: auto, fp32, bf16")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    # Looked up, not timed: the same words must give the same picture, whatever else the machine does.
    if device.type == "cpu" and any(torch.cpu.get_capabilities().get(name) for name in _BF16_PRODUCTS):
        return torch.bfloat16
    return torch.float32


def free_memory(device: torch.device) -> int | None:
    """Bytes that may still be taken on ``device``; ``None`` where the system does not say (it is asked
    on CUDA and on Linux, there within the limit of a container)."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except FileNotFoundError:
        return free
    return free if limit == "max" else max(0, min(free, int(limit) - used))
