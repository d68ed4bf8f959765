"""Devices: which one and which number format the networks run in, and all that differs from one kind to
another. Nothing else in the program asks whether a device is CUDA's.

A processor (``cpu``) works at once; the others (``cuda``, Apple's ``mps``, Intel's ``xpu``) work beside it,
and have memory of their own.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from facedouble.errors import SettingsError

_DEVICES = ("cpu", "cuda", "mps", "xpu")
_NUMBERED = ("cuda", "xpu")
"""Kinds of which a machine may have several devices, and which count their memory."""
_BF16_PRODUCTS = ("avx512_bf16", "amx_bf16")  # sets of instructions, as PyTorch calls them
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")
"""What libraries say that raise a plain ``RuntimeError`` where memory runs out."""


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` takes CUDA, then XPU, then MPS, then the processor.

    Raises ``SettingsError`` for a device that is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.xpu.is_available():
            return torch.device("xpu")
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
    for its products. Without them PyTorch emulates it, a hundred times slower. ARM processors and Apple's
    GPUs may have such instructions too, but what they gain was not measured; they get float32.
    """
    if name == "fp32":
        return torch.float32
    if name == "bf16":
        return torch.bfloat16
    if name != "auto":
        raise SettingsError(f"precision {name!r} is not known; there are: auto, fp32, bf16")
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "xpu":
        fast = torch.xpu.is_bf16_supported(including_emulation=False)
    else:
        # Looked up, not timed: the same words must give the same picture, whatever else the machine does.
        known = torch.cpu.get_capabilities() if device.type == "cpu" else {}
        fast = any(known.get(name) for name in _BF16_PRODUCTS)
    return torch.bfloat16 if fast else torch.float32


def gpus() -> list[tuple[str, str]]:
    """The GPUs that PyTorch can use: what each is called here, and a line about it."""
    found = []
    for kind, module in (("cuda", torch.cuda), ("xpu", torch.xpu)):
        for number in range(module.device_count() if module.is_available() else 0):
            properties = module.get_device_properties(number)
            found.append(
                (f"{kind}:{number}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
            )
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple's GPU"))
    return found


# -- what a device can do --------------------------------------------------------------------------


def works_beside(device: torch.device) -> bool:
    """Whether the device works while this program goes on, which has to wait for what it reads."""
    return device.type != "cpu"


def records_graphs(device: torch.device) -> bool:
    """Whether a sequence of operations can be recorded and replayed."""
    return device.type == "cuda"


def compiles(device: torch.device) -> bool:
    """Whether ``torch.compile`` gains anything on the device."""
    return device.type in ("cuda", "xpu")


def has_fused_adam(device: torch.device) -> bool:
    """Whether Adam may be one operation on the device."""
    return device.type != "mps"


def samples_border(device: torch.device) -> bool:
    """Whether ``grid_sample`` knows of borders on the device (Apple's do not before PyTorch 2.13)."""
    return device.type != "mps"


def device_count(device: torch.device) -> int:
    """How many devices of this kind there are."""
    return int(torch.get_device_module(device).device_count())


def is_numbered(device: torch.device) -> bool:
    """Whether it is one certain device of its kind."""
    return ":" in str(device)


def numbered_device(device: torch.device, number: int) -> torch.device:
    """The device of this kind with this ``number``, used from now on where none is named."""
    if device.type in _NUMBERED:
        torch.get_device_module(device).set_device(number)
    return torch.device(device.type, number)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done everything that it was given."""
    if device.type in _NUMBERED:
        torch.get_device_module(device).synchronize(device)
    elif works_beside(device):
        torch.get_device_module(device).synchronize()


def processes_backend(device: torch.device, *, shared: bool) -> str:
    """What processes that train on devices like this talk by, as ``torch.distributed`` calls it. Where they
    have one device together (``shared``) it is gloo, as the makers' own libraries refuse that."""
    own = "gloo" if shared else torch.distributed.get_default_backend_for_device(device.type)
    return "gloo" if device.type == "cpu" else f"cpu:gloo,{device.type}:{own}"


# -- random numbers --------------------------------------------------------------------------------


def random_state(device: torch.device) -> Tensor | None:
    """The state of the device's own generator; ``None`` for the processor, whose is PyTorch's usual one."""
    if not works_beside(device):
        return None
    module = torch.get_device_module(device)
    state: Tensor = module.get_rng_state(device) if device.type in _NUMBERED else module.get_rng_state()
    return state


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Restore what :func:`random_state` returned for a device of this kind."""
    module = torch.get_device_module(device)
    if device.type in _NUMBERED:
        module.set_rng_state(state, device)
    else:
        module.set_rng_state(state)


# -- memory ----------------------------------------------------------------------------------------


def free_memory(device: torch.device) -> int | None:
    """Bytes that may still be taken on ``device``; ``None`` where the system does not say (it is asked
    on GPUs and on Linux, there within the limit of a container)."""
    if device.type in _NUMBERED:
        return int(torch.get_device_module(device).mem_get_info(device)[0])
    if device.type == "mps":  # memory is shared with the processor
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return _free_in_system()


def _free_in_system() -> int | None:
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


def limit_memory(device: torch.device, limit: int) -> None:
    """Have the device refuse what this process takes beyond ``limit`` bytes, where it can."""
    if device.type in _NUMBERED:
        module = torch.get_device_module(device)
        share = min(1.0, limit / module.get_device_properties(device).total_memory)
        # It does not take a device without a number.
        module.set_per_process_memory_fraction(share, device if is_numbered(device) else None)
    elif device.type == "mps":
        torch.mps.set_per_process_memory_fraction(min(1.0, limit / torch.mps.recommended_max_memory()))


def peak_memory(device: torch.device) -> int | None:
    """Peak bytes that this process has allocated on a GPU; ``None`` where that is not counted."""
    if device.type in _NUMBERED:
        return int(torch.get_device_module(device).max_memory_allocated(device))
    return None


def reset_peak_memory(device: torch.device) -> None:
    """Count :func:`peak_memory` from now on."""
    if device.type in _NUMBERED:
        torch.get_device_module(device).reset_peak_memory_stats(device)


def release_memory(device: torch.device) -> None:
    """Give back what PyTorch holds on a GPU for later use."""
    if works_beside(device):
        torch.get_device_module(device).empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` means that a device or the system is out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
