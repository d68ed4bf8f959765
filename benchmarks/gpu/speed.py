"""How fast a device is, and how much of it is used."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.context import Context
from benchmarks.gpu.runner import OutOfTimeError, say
from facedouble.device import (
    compiles,
    is_out_of_memory,
    limit_memory,
    peak_memory,
    records_graphs,
    release_memory,
    reset_peak_memory,
)
from facedouble.models.registry import MODELS
from facedouble.run.run import Run
from facedouble.training import schedule
from facedouble.training.parallel import World
from facedouble.training.prefetch import Prefetcher
from facedouble.training.setup import Setup, prepare

_MODES = ("eager", "recorded", "compiled")
_WARM_UP = 8  # iterations before the clock starts
_TOP = 15


def ceilings(context: Context) -> dict[str, Any]:
    """TFLOP/s of a large product, of random numbers, in each precision; GB/s of a copy, read and written."""
    size = 512 if context.tiny else 8192
    found: dict[str, Any] = {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        a, b = (torch.randn(size, size, device=context.device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        seconds = _median(context, lambda a=a, b=b, out=out: torch.mm(a, b, out=out))  # type: ignore[misc]
        found[f"{name} product, TFLOP/s"] = 2 * size**3 / seconds / 1e12
    source = torch.randn((1 if context.tiny else 1024) * 2**20, device=context.device)
    target = torch.empty_like(source)
    seconds = _median(context, lambda: target.copy_(source))
    found["copy, GB/s"] = 2 * source.numel() * source.element_size() / seconds / 1e9
    return found


def _median(context: Context, work: Callable[[], object], repeats: int = 12) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(repeats):
        context.synchronise()
        start = time.perf_counter()
        work()
        context.synchronise()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def quick(context: Context) -> dict[str, Any]:
    """``quick`` at several batch sizes, in each way of running a step."""
    return _sizes(context, "quick", (8, 64, 512), _MODES)


def double(context: Context) -> dict[str, Any]:
    """``double`` at 256 pixels, likewise."""
    return _sizes(context, "double", (8, 32, 96), _MODES)


def others(context: Context) -> dict[str, Any]:
    """Every other model at its own batch size and at four times that, recorded."""
    rows: dict[str, Any] = {}
    for kind in MODELS:
        if kind not in ("quick", "double"):
            own = context.settings(kind).recipe.batch_size
            rows |= _sizes(context, kind, (own, 4 * own), ("recorded",))
    return rows


def filled(context: Context) -> dict[str, Any]:
    """``double`` with a batch that fills 8 GB: the batch chosen, forecast and peak; and with half of the peak
    from the middle of the run on, how small parts get, and the losses."""
    values = {
        "recipe": {"batch_growth": {"kind": "fill", "most": 16 if context.tiny else 256}},
        "compute": {"memory_limit": 0.6 if context.tiny else 8.0},
    }
    settings = context.settings("double", values)
    reset_peak_memory(context.device)
    try:
        made = prepare(context.facesets, Path("nowhere"), settings, World(), Run())
        config = schedule.step_config(made.recipe, settings, made.state.card, 0.5)
        found = {
            "faces of a side": made.recipe.batch_size,
            "forecast, GB": made.estimate.total(made.step.micro_batch) / 1e9,
            "losses": _losses(made, config),
        }
        peak = peak_memory(context.device)
        if peak is not None:
            found["peak, GB"] = peak / 1e9
            release_memory(context.device)
            limit_memory(context.device, peak // 2)
            found |= {
                "losses with half": _losses(made, config),
                "faces at a time then": made.step.micro_batch,
            }
        return found
    finally:
        limit_memory(context.device, 1 << 60)


def _losses(made: Setup, config: schedule.StepConfig) -> list[float]:
    """Of the last of some iterations."""
    losses: list[float] = [made.step(made.pairs(config), config) for _ in range(_WARM_UP)][-1].tolist()
    return losses


def _sizes(context: Context, kind: str, sizes: Sequence[int], modes: Sequence[str]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    seconds = 0.3 if context.tiny else 2.0
    possible = {"recorded": records_graphs(context.device), "compiled": compiles(context.device)}
    modes = [mode for mode in modes if possible.get(mode, True)]
    sizes = sizes[:2] if context.tiny else sizes
    for mode in modes:
        # Compiling takes a minute, whatever the size.
        for size in sizes if mode != "compiled" else sizes[1:2]:
            name = f"{kind}, 2x{size}, {mode}"
            try:
                rows[name] = _speed(context, kind, size, mode, seconds)
            except OutOfTimeError as error:
                return {**rows, name: f"{error}; the rest was left out"}
            except Exception as error:  # noqa: BLE001  (recorded; the other rows follow)
                rows[name] = f"{type(error).__name__}: {error}"[:500]
                if not is_out_of_memory(error):
                    say(f"{name}: {rows[name]}")
            else:
                say(f"{name}: {rows[name]}")
            gc.collect()
            release_memory(context.device)
            reset_peak_memory(context.device)
    return rows


def _setup(context: Context, kind: str, size: int, mode: str) -> tuple[Setup, schedule.StepConfig]:
    values = {"recipe": {"batch_size": size}, "compute": {"compile": mode == "compiled"}}
    settings = context.settings(kind, values)
    made = prepare(context.facesets, Path("nowhere"), settings, World(), Run())
    if mode == "eager":
        made.step.recorded = None
    middle = max(0.5, made.recipe.shared_decoder_until)
    if not made.state.card.decoders_split:
        made.state.split_decoders()
    return made, schedule.step_config(made.recipe, settings, made.state.card, middle)


def _iterate(made: Setup, config: schedule.StepConfig, batches: Prefetcher, until: Callable[[], bool]) -> int:
    """Iterations as the loop does them, without saves."""
    count = 0
    while not until():
        losses = made.step(batches.take(config), config, partial(batches.begin, config))
        made.state.card.iteration += 1
        made.state.update_ema()
        made.state.record_losses(losses)
        if made.state.losses_due:
            made.state.flush_losses()
        count += 1
    return count


def _speed(context: Context, kind: str, size: int, mode: str, seconds: float) -> dict[str, Any]:
    made, config = _setup(context, kind, size, mode)
    with Prefetcher(made.pairs, made.state.random) as batches:
        first = time.perf_counter()
        left = iter(range(_WARM_UP))
        _iterate(made, config, batches, lambda: next(left, None) is None)
        context.synchronise()
        start = time.perf_counter()
        count = _iterate(made, config, batches, lambda: time.perf_counter() - start > seconds)
        context.synchronise()
        taken = time.perf_counter() - start
    pairs = made.pairs(config)
    data = _median(context, lambda: made.pairs(config), 4)
    row = {
        "faces/s": count * made.faces / taken,
        "first iterations, s": start - first,
        "data alone, share": data * count / taken,
        "forecast, GB": made.estimate.total(made.step.micro_batch) / 1e9,
        "micro-batch": made.step.micro_batch,
    }
    peak = peak_memory(context.device)
    if peak is not None:
        row["peak, GB"] = peak / 1e9
        row["recorded"] = made.step.recorded is not None
    if mode == "eager":
        # Counted in a step that nothing was recorded or compiled of; the other ways do as much.
        made.step.update.threads = None
        with FlopCounterMode(display=False) as counter:
            made.step(pairs, config)
        row["TFLOP an iteration"] = counter.get_total_flops() / 1e12
        row["TFLOP/s"] = counter.get_total_flops() * count / taken / 1e12
    return row


def profiles(context: Context) -> dict[str, Any]:
    """Where the time of an iteration goes: the operations that take most of the device's, and of the
    processor's, with how often they are called. Not recorded, so that each is seen by itself."""
    found: dict[str, Any] = {}
    activities = [ProfilerActivity.CPU]
    if context.device.type.upper() in ("CUDA", "XPU"):
        activities.append(getattr(ProfilerActivity, context.device.type.upper()))
    for kind, size in (("quick", 128), ("double", 32)):
        made, config = _setup(context, kind, 4 if context.tiny else size, "eager")
        for _ in range(3):
            made.step(made.pairs(config), config)
        context.synchronise()
        with profile(activities=activities) as seen:
            for _ in range(3):
                made.step(made.pairs(config), config)
                made.state.update_ema()
            context.synchronise()
        for attribute in ("self_device_time_total", "self_cpu_time_total"):
            rows = sorted(seen.key_averages(), key=lambda row: -getattr(row, attribute, 0))
            found[f"{kind}, {attribute}, ms in three iterations"] = {
                row.key[:80]: [round(getattr(row, attribute, 0) / 1e3, 3), row.count] for row in rows[:_TOP]
            }
    return found
