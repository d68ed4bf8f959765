"""Cancelled at random moments and called again, every operation ends as if it had never been cancelled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest
from safetensors.torch import load_file

from facedouble.conversion.pipeline import convert
from facedouble.curation.selection import remove, restore
from facedouble.curation.sorting import sort_crops
from facedouble.evaluation.evaluate import evaluate
from facedouble.extraction.extract import extract
from facedouble.extraction.rebuild import rebuild
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.run.cancel import Cancelled
from facedouble.run.events import Event, Finished, Progress, Stopped
from facedouble.run.jsonl import read_events
from facedouble.run.run import Run
from facedouble.settings.compute import ConvertCompute
from facedouble.settings.convert import ConvertSettings, Unmarked
from facedouble.settings.evaluate import EvaluateSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.training.loop import train
from facedouble.video.clip_source import ClipSource
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from tests.halting import halting, resume, wait_until_halted
from tests.training.how import how

pytestmark = pytest.mark.training

QUICK = ("resolution=32", "filters=4", "bottleneck=8", "inner=8", "channels=[8,8,8]")
TINY = how(
    iterations=12,
    batch_size=2,
    arguments=QUICK,
    device="cpu",
    precision="fp32",
    seed=3,
    save_interval=4,
    write_image=False,
    measure=False,
)
ALONE = ExtractSettings(processes=1)


@dataclass(frozen=True)
class Material:
    """Twelve frames of two actors side by side, as images and as a clip, their faceset, and a tiny model."""

    frames: Path
    clip: Path
    faceset: Path
    clip_faceset: Path
    facesets: dict[str, list[Path]]
    model: Path
    swap: Path


@pytest.fixture(scope="module")
def material(
    pair_frames: Path,
    extracted_pair: Path,
    facesets: dict[str, list[Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Material:
    folder = tmp_path_factory.mktemp("material")
    images_to_clip(pair_frames, folder / "clip.mkv", fps=25, settings=LOSSLESS)
    extract(folder / "clip.mkv", folder / "faceset", ALONE)
    train(facesets["a"], facesets["b"], folder / "model", TINY)
    convert(pair_frames, folder / "model", folder / "swap", CONVERSION, faceset=extracted_pair)
    return Material(
        pair_frames,
        folder / "clip.mkv",
        extracted_pair,
        folder / "faceset",
        facesets,
        folder / "model",
        folder / "swap",
    )


CONVERSION = ConvertSettings(
    compute=ConvertCompute(device="cpu", precision="fp32", threads=2), checkpoint_frames=3, marking=Unmarked()
)
LOSSLESS = ClipEncoding(codec="ffv1")
CLIP_CONVERSION = CONVERSION.model_copy(update={"encoding": LOSSLESS})


@dataclass(frozen=True)
class Case:
    """An operation: ``prepare`` a folder for it, ``work`` in that folder, and what is to be ``found``."""

    work: Callable[[Material, Path, Run], object]
    found: Callable[[Path, object], object]
    prepare: Callable[[Material, Path], object] = lambda material, folder: None
    moments: int = 3  # at which it is cancelled, and cancelled again when it is resumed


def files(folder: Path, _result: object = None) -> dict[str, str]:
    """Files under a folder by name, each with its hash: of a database's rows, a clip's frames and times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name == DATABASE:
            content = rows(path)
        elif path.suffix == ".mkv":
            content = b"".join(
                frame.rgb().tobytes() + b"%d" % frame.pts for frame in ClipSource(path).frames()
            )
        elif path.is_file() and not path.name.startswith(DATABASE):
            content = path.read_bytes()
        else:
            continue
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def rows(database: Path) -> bytes:
    with sqlite3.connect(database) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        content = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in tables}
    content.pop("handover", None)
    return json.dumps(content, sort_keys=True).encode()


def weights(folder: Path, _result: object) -> dict[str, list[float]]:
    """The model's weights and its losses, as far as two runs of one seed agree."""
    card = json.loads((folder / "out" / "model.json").read_text())
    tensors = load_file(folder / "out" / card["saves"][0]["weights"])
    return {
        name: np.round(tensor.double().numpy().ravel(), 4).tolist() for name, tensor in tensors.items()
    } | {"losses": np.round(card["history"], 4).ravel().tolist()}


def copy_faceset(material: Material, folder: Path) -> None:
    shutil.copytree(material.faceset, folder / "out")


def lose_database(material: Material, folder: Path) -> None:
    copy_faceset(material, folder)
    (folder / "out" / DATABASE).unlink()


def drop_all(material: Material, folder: Path) -> None:
    copy_faceset(material, folder)
    with Faceset.open(folder / "out") as faceset:
        remove(faceset, ["track:0", "track:1"])


def curate(work: Callable[[Faceset, Run], object]) -> Callable[[Material, Path, Run], object]:
    def curated(material: Material, folder: Path, run: Run) -> object:
        with Faceset.open(folder / "out") as faceset:
            return work(faceset, run)

    return curated


CASES = {
    "extract images": Case(lambda m, f, run: extract(m.frames, f / "out", ALONE, run=run), files),
    "extract a clip": Case(lambda m, f, run: extract(m.clip, f / "out", ALONE, run=run), files),
    "train": Case(
        lambda m, f, run: train(m.facesets["a"], m.facesets["b"], f / "out", TINY, run=run), weights
    ),
    "convert": Case(
        lambda m, f, run: convert(
            m.clip, m.model, f / "out.mkv", CLIP_CONVERSION, faceset=m.clip_faceset, run=run
        ),
        files,
    ),
    "convert images": Case(
        lambda m, f, run: convert(m.frames, m.model, f / "out", CONVERSION, faceset=m.faceset, run=run), files
    ),
    "evaluate": Case(
        lambda m, f, run: evaluate(
            [m.swap],
            m.frames,
            m.facesets["b"],
            EvaluateSettings(detailed_frames=3),
            faceset=m.faceset,
            model=m.model,
            run=run,
        ),
        lambda folder, result: result.as_json(),  # type: ignore[attr-defined]
        moments=1,
    ),
    "frames": Case(lambda m, f, run: clip_to_images(m.clip, f / "out", run=run), files),
    "video": Case(
        lambda m, f, run: images_to_clip(m.frames, f / "out.mkv", fps=25, settings=LOSSLESS, run=run),
        files,
    ),
    "rebuild": Case(lambda m, f, run: rebuild(f / "out", m.frames, run=run), files, lose_database),
    "remove": Case(curate(lambda faceset, run: remove(faceset, ["track:1"], run=run)), files, copy_faceset),
    "restore": Case(
        curate(lambda faceset, run: restore(faceset, ["track:0", "track:1"], run=run)), files, drop_all
    ),
    "sort": Case(curate(lambda faceset, run: sort_crops(faceset, "yaw", run=run)), files, copy_faceset),
}


@pytest.mark.parametrize("name", CASES)
def test_cancelled_anywhere_and_called_again_it_ends_the_same(
    name: str, material: Material, tmp_path: Path
) -> None:
    case = CASES[name]
    (whole := tmp_path / "whole").mkdir()
    case.prepare(material, whole)
    heard: list[Event] = []
    expected = case.found(whole, case.work(material, whole, Run([heard.append])))
    assert isinstance(heard[-1], Finished)
    chance = Random(name)
    cancelled = 0
    for moment in sorted(chance.sample(range(1, len(heard) - 2), min(case.moments, len(heard) - 3))):
        folder = tmp_path / f"cancelled at {moment}"
        folder.mkdir()
        case.prepare(material, folder)
        cancels = 0
        while True:  # at this moment, and at the same one again of the run that resumes
            seen, result = interrupted(case, material, folder, moment if cancels < 2 else 0)
            if isinstance(seen[-1], Finished) and not stopped_early(result):
                break
            cancels += 1
        cancelled += cancels
        assert case.found(folder, result) == expected, f"cancelled at event {moment} of {len(heard)}"
        shutil.rmtree(folder)
    assert cancelled


def interrupted(case: Case, material: Material, folder: Path, moment: int) -> tuple[list[Event], object]:
    """Work, cancelled at event number ``moment`` (0 for never); what was heard, and the result."""
    run = Run()
    heard: list[Event] = []

    def listen(event: Event) -> None:
        heard.append(event)
        if len(heard) == moment:
            run.cancel("by the test")

    run.subscribe(listen)
    try:
        result = case.work(material, folder, run)
    except Cancelled:
        assert heard[-1] == Stopped(heard[0].operation, "by the test")  # type: ignore[union-attr]
        return heard, None
    return heard, result


def stopped_early(result: object) -> bool:
    """Whether this is the result of a training that was cancelled, which has one all the same."""
    return getattr(result, "stopped", "finished") != "finished"


# -- from the command line -------------------------------------------------------------------------

COMMANDS: dict[str, Callable[[Material, Path], list[str]]] = {
    "extract": lambda m, f: ["extract", "-i", f"{m.clip}", "-o", f"{f / 'out'}", "--processes", "2"],
    "train": lambda m, f: [
        *("train", "-A", f"{m.facesets['a'][0]}", "-B", f"{m.facesets['b'][0]}", "-m", f"{f / 'out'}"),
        *("--iterations", "60", "--batch-size", "2", "--device", "cpu", "--precision", "fp32", "--seed", "3"),
        *("--save-interval", "20", "--no-write-image", "--no-measure"),
        *(word for argument in QUICK for word in ("--set", f"architecture.{argument}")),
    ],
    "convert": lambda m, f: [
        *("convert", "-i", f"{m.clip}", "-m", f"{m.model}", "-o", f"{f / 'out.mkv'}"),
        *(
            "--device",
            "cpu",
            "--precision",
            "fp32",
            "--checkpoint-frames",
            "3",
            "--no-credentials",
            "--codec",
            "ffv1",
        ),
    ],
}


def command(
    arguments: list[str], events: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "facedouble", *arguments, "--events", str(events)]
    return subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
    )


@pytest.mark.subprocess
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_stopped_says_so_and_the_same_command_resumes(
    name: str, number: signal.Signals, material: Material, tmp_path: Path
) -> None:
    found = files if name != "train" else weights
    (whole := tmp_path / "whole").mkdir()
    events = tmp_path / "whole.jsonl"
    process = command(COMMANDS[name](material, whole), events)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    expected = found(whole, None)
    steps = [event for event in read_events(events) if isinstance(event, Progress)]
    moment = Random(f"{name} {number}").choice(steps[:-3])
    (folder := tmp_path / "stopped").mkdir()
    events = tmp_path / "stopped.jsonl"
    arguments = COMMANDS[name](material, folder)
    process = command(arguments, events, halting(tmp_path / "site", f"{moment.stage}:{moment.done}"))
    wait_until_halted(process.pid)
    os.killpg(process.pid, number)  # the whole group, as a terminal does
    resume(process.pid)
    output, errors = process.communicate()
    assert process.returncode == 128 + number, errors
    assert errors.splitlines()[-1] == "stopped; the same command resumes"
    assert "Traceback" not in errors
    assert output == ""
    if name != "train":
        assert isinstance(list(read_events(events))[-1], Stopped)
    process = command(arguments, events)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert found(folder, None) == expected
