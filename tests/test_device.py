import platform
from pathlib import Path

import pytest
import torch

from facedouble.device import (
    choose_device,
    choose_precision,
    free_memory,
    gpus,
    is_out_of_memory,
    peak_memory,
    processes_backend,
    random_state,
    release_memory,
    synchronise,
)
from facedouble.errors import SettingsError


def test_auto_takes_what_is_there() -> None:
    device = choose_device("auto")
    assert torch.ones(2, device=device).sum() == 2


def test_a_device_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(SettingsError, match="doctor"):
        choose_device("cuda:77")
    with pytest.raises(SettingsError, match="doctor"):
        choose_device("abacus")


def test_auto_precision_is_the_faster_one() -> None:
    """A processor without bfloat16 instructions must not be given bfloat16: it emulates them."""
    chosen = choose_precision("auto", torch.device("cpu"))
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and platform.machine() == "x86_64":
        flags = set(cpuinfo.read_text("ascii").split())
        has = "avx512_bf16" in flags or "amx_bf16" in flags
        assert chosen is (torch.bfloat16 if has else torch.float32)
    elif platform.machine() in ("arm64", "aarch64"):
        assert chosen is torch.float32


def test_named_precisions() -> None:
    cpu = torch.device("cpu")
    assert choose_precision("fp32", cpu) is torch.float32
    assert choose_precision("bf16", cpu) is torch.bfloat16
    with pytest.raises(SettingsError, match="fp32"):
        choose_precision("fp8", cpu)


def test_what_processes_talk_by() -> None:
    """The makers' libraries between devices, gloo where one device is shared, and on a processor."""
    cuda, xpu = torch.device("cuda"), torch.device("xpu")
    assert processes_backend(torch.device("cpu"), shared=False) == "gloo"
    assert processes_backend(cuda, shared=False) == "cpu:gloo,cuda:nccl"
    assert processes_backend(xpu, shared=False) == "cpu:gloo,xpu:xccl"
    assert processes_backend(torch.device("cuda", 0), shared=True) == "cpu:gloo,cuda:gloo"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        torch.AcceleratorError("CUDA error: out of memory", 2),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.06 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:126] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lack_of_memory_is_known_whoever_says_it(error: BaseException) -> None:
    assert is_out_of_memory(error)


def test_another_error_is_not_a_lack_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_processor_has_nothing_to_wait_for_or_to_give_back() -> None:
    cpu = torch.device("cpu")
    synchronise(cpu)
    release_memory(cpu)
    assert random_state(cpu) is None
    assert peak_memory(cpu) is None
    if Path("/proc/meminfo").exists():
        assert (free_memory(cpu) or 0) > 0
    assert all(":" in name or name == "mps" for name, _ in gpus())
