import platform
from pathlib import Path

import pytest
import torch

from facedouble.device import choose_device, choose_precision
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
