"""Whether a device gives what a processor gives."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.context import Context
from facedouble.conversion.pipeline import convert
from facedouble.errors import ModelError
from facedouble.models import checkpoint
from facedouble.models.base import SwapModel, build
from facedouble.models.registry import MODELS
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.training import schedule
from facedouble.training.loop import train
from facedouble.training.parallel import World
from facedouble.training.setup import prepare
from facedouble.types import SIDES, Side
from facedouble.video.source import open_source


def models(context: Context, kinds: Iterable[str] = MODELS) -> dict[str, Any]:
    """Every model forward and backward in float32, against the processor: relative errors of what is drawn
    and of all gradients together. Float32 on both sides lands far under 1e-3."""
    errors: dict[str, Any] = {}
    for kind in kinds:
        torch.manual_seed(0)
        arguments = context.arguments(kind)
        del arguments["kind"]
        mine = build(kind, arguments).train()
        theirs = build(kind, arguments).train()
        theirs.load_state_dict(mine.state_dict())
        theirs.to(context.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        faces = {side: torch.rand(4, 3, mine.resolution, mine.resolution) for side in SIDES}
        wanted, slopes = _drawn(mine, faces)
        found, theirs_slopes = _drawn(theirs, {side: part.to(context.device) for side, part in faces.items()})
        errors[kind] = {"drawn": _relative(found, wanted), "gradient": _relative(theirs_slopes, slopes)}
    return errors


def _drawn(network: SwapModel, faces: Mapping[Side, Tensor]) -> tuple[Tensor, Tensor]:
    """All that both decoders draw of their own side, and all gradients, each in one row."""
    codes = network.encode_sides(faces)
    outputs = [network.decode(code, side) for side, code in codes.items()]
    rows = [part.flatten() for output in outputs for part in output if part is not None]
    drawn = torch.cat(rows)
    drawn.square().mean().backward()
    slopes = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    return drawn.detach().cpu(), torch.cat(slopes).cpu()


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


def recorded(context: Context) -> dict[str, Any]:
    """Losses of some iterations with the step recorded and without: of ``quick``, through the parting of its
    decoders, in float32. Whether it was recorded is said as well."""
    count = 10 if context.tiny else 40
    values = {"compute": {"precision": "fp32"}, "recipe": {"shared_decoder_until": 0.5}}

    def losses(*, as_it_is: bool) -> tuple[np.ndarray, bool]:
        settings = context.settings("quick", values)
        made = prepare(context.facesets, Path("nowhere"), settings, World(), Run())
        if as_it_is:
            made.step.recorded = None
        rows = []
        for i in range(count):
            progress = i / count
            if progress >= 0.5 and not made.state.card.decoders_split:
                made.state.split_decoders()
            config = schedule.step_config(made.recipe, settings, made.state.card, progress)
            rows.append(made.step(made.pairs(config), config))
            made.state.card.iteration += 1
        return torch.stack(rows).cpu().numpy(), made.step.recorded is not None

    plain, _ = losses(as_it_is=True)
    found, was_recorded = losses(as_it_is=False)
    differences = np.abs(found / plain - 1).max(axis=1)
    return {"recorded": was_recorded, "largest": float(differences.max()), "first": float(differences[0])}


def saves(context: Context) -> dict[str, Any]:
    """A training that changes its device at saves, and one that is killed, against one in one go: largest
    relative difference of the losses. (With an order of sums that differs, courses part slowly.)"""
    third = 3 if context.tiny else 10
    values = {"compute": {"precision": "fp32"}, "limits": {"iterations": 3 * third}}

    def history(name: str, steps: list[tuple[int, str]]) -> np.ndarray:
        for until, device in steps:
            part = {**values, "compute": {"precision": "fp32", "device": device}}
            part["limits"] = {"iterations": until}
            # The course of a recipe depends on its end; a constant rate does not.
            part["recipe"] = {"anneal": False, "shared_decoder_until": 0.0, "final_augmentation": 1.0}
            context.trained(name, "quick", part)
        return np.array(checkpoint.read_card(context.work / name).history)

    here = str(context.device)
    whole = history("whole", [(3 * third, here)])
    moved = history("moved", [(third, here), (2 * third, "cpu"), (3 * third, here)])
    killed = _killed(context, third)
    apart = np.abs(moved[:, 1:] / whole[:, 1:] - 1).max(axis=1)
    return {
        "moved, until its first save": float(apart[:third].max()),
        "moved, on the processor": float(apart[third : 2 * third].max()),
        "moved, back again": float(apart[2 * third :].max()),
        "killed": killed,
    }


def _killed(context: Context, third: int) -> dict[str, Any]:
    """A training killed after a save and resumed, against one that was not."""
    values = {
        "compute": {"precision": "fp32"},
        "limits": {"iterations": 6 * third},
        "saving": {"interval": third},
    }
    settings = context.settings("quick", values)
    facesets = context.facesets
    file = context.work / "killed.yaml"
    folder = context.work / "killed"
    command = [sys.executable, "-m", "facedouble", "train", "-m", str(folder), "--config", str(file)]
    for side in SIDES:
        command += [part for path in facesets[side] for part in (f"-{side.upper()}", str(path))]
    file.write_text(settings.model_dump_json(exclude_none=True), encoding="utf-8")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with suppress(ModelError):  # not there yet, or being written
            if checkpoint.read_card(folder).iteration >= third:
                break
        time.sleep(0.05)
    process.kill()
    process.wait()
    at = checkpoint.read_card(folder).iteration
    train(facesets["a"], facesets["b"], folder, settings)
    whole = context.work / "unbroken"
    train(facesets["a"], facesets["b"], whole, settings)
    one, other = (np.array(checkpoint.read_card(path).history) for path in (folder, whole))
    same = one.shape == other.shape
    largest = float(np.abs(one[:, 1:] / other[:, 1:] - 1).max()) if same else None
    return {"at": at, "of": 6 * third, "largest": largest}


def together(context: Context) -> dict[str, Any]:
    """Two processes that have the device together and talk by gloo, against one: largest relative difference
    of the losses. (On a card of its own each would talk by the maker's library, which needs two.)"""
    values = {
        "compute": {"precision": "fp32"},
        "limits": {"iterations": 4 if context.tiny else 12},
        "recipe": {"batch_size": 8},
    }
    numbered = str(context.device) if ":" in str(context.device) else f"{context.device}:0"
    device = "cpu" if context.device.type == "cpu" else numbered
    rows = {}
    for count in (1, 2):
        own = {**values, "compute": {"precision": "fp32", "device": device, "gpus": count}}
        rows[count] = np.array(checkpoint.read_card(context.trained(f"of-{count}", "quick", own)).history)
    apart = np.abs(rows[2][:, 1:] / rows[1][:, 1:] - 1).max(axis=1)
    return {"first": float(apart[0]), "largest": float(apart.max()), "iterations": len(apart)}


def conversion(context: Context) -> dict[str, Any]:
    """A clip converted on the device and on the processor: PSNR, and the share of pixels within 2 levels."""
    frames: dict[str, list[np.ndarray]] = {}
    last = 8 if context.tiny else 60
    for device in {str(context.device): None, "cpu": None}:
        settings = ConvertSettings.read(
            {
                "compute": {"device": device, "precision": "fp32"},
                "overwrite": True,
                "encoding": {"kind": "clip", "codec": "ffv1"},
                "frames": {"ranges": [f"1-{last}"]},
                "marking": {"kind": "none"},
            }
        )
        path = context.work / f"on-{device}.mkv"
        faceset = context.facesets["a"][-1]
        convert(context.clips["a"][-1], context.hardly_trained, path, settings, faceset=faceset)
        frames[device] = [frame.rgb() for frame in open_source(path).frames()]
    one, other = frames.values() if len(frames) == 2 else (frames["cpu"], frames["cpu"])
    differences = [np.abs(a.astype(np.int16) - b) for a, b in zip(one, other, strict=True)]
    squares = float(np.mean([np.square(part.astype(np.float32)).mean() for part in differences]))
    return {
        "frames": len(differences),
        "largest": int(max(part.max() for part in differences)),
        "within 2": float(np.mean([(part <= 2).mean() for part in differences])),
        "PSNR": 10 * float(np.log10(255**2 / squares)) if squares else None,
    }
