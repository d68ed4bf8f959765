"""Hundreds of bad inputs: each ends in one clear line, soon, within 2 GB, and nothing is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import pytest
import torch

from facedouble.cli.main import FAILED, UNEXPECTED
from facedouble.cli.verify import CLAIMED
from facedouble.models import checkpoint
from facedouble.models.base import build
from facedouble.models.card import ModelCard
from facedouble.printable import MAX_LINE
from facedouble.settings.video import ClipEncoding
from facedouble.types import Side
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.hostile.bad_imports import imports
from tests.hostile.bad_input import BadInput
from tests.hostile.bad_media import media
from tests.hostile.bad_records import facesets, models, settings
from tests.hostile.guarded import MEMORY, Guarded, Outcome

pytestmark = pytest.mark.slow

WORKERS = 2
INPUTS = {one.name: one for one in (*models(), *facesets(), *settings(), *imports(), *media())}
GOOD = ("clip.mp4", "picture.png", "faces", "model", "keep")


@pytest.fixture(scope="module")
def good(
    clips: dict[str, Path], facesets: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A clip, a picture, a faceset and a model, small and whole."""
    folder = tmp_path_factory.mktemp("good")
    source = open_source(clips["sample_02"])
    info = replace(source.info, width=320, height=180)
    encoding = ClipEncoding(preset="ultrafast")
    with open_sink(
        folder / "clip.mp4", info, encoding, audio_from=clips["sample_02"], overwrite=True
    ) as sink:
        for frame in islice(source.frames(), 5):
            sink.write(frame.with_pixels(frame.rgb(size=(320, 180))))
    cv2.imwrite(str(folder / "picture.png"), next(iter(open_source(folder / "clip.mp4").frames())).rgb())
    shutil.copytree(facesets["a"][0], folder / "faces")
    torch.manual_seed(3)
    arguments = {"filters": 4, "bottleneck": 8}
    network = build("original", arguments)
    statistics: dict[Side, list[list[float]]] = {"a": [[0.5] * 3, [0.2] * 3], "b": [[0.5] * 3, [0.2] * 3]}
    card = ModelCard({"kind": "original", **arguments}, 64, 0.8, {"a": ["a"], "b": ["b"]}, statistics)
    checkpoint.save(folder / "model", card, network.state_dict(), {})
    (folder / "keep").mkdir()
    (folder / "keep" / "mine.txt").write_text("not to be lost")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file below ``folder``, without following links or waiting for pipes."""
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 1 << 28:
                found[str(path.relative_to(folder))] = "special"
            else:
                data = path.read_bytes()
                found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


@pytest.fixture(scope="module")
def outcomes(good: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outcome, list[str]]]:
    """How each command ended, and what of the files before is no more as it was."""
    config = {"FACEDOUBLE_CONFIG": str(tmp_path_factory.mktemp("own"))}
    workers = [Guarded(environment=config) for _ in range(WORKERS)]
    folders = [tmp_path_factory.mktemp("input") for _ in workers]
    found: dict[str, tuple[Outcome, list[str]]] = {}
    waiting: list[tuple[BadInput, dict[str, str]] | None] = [None] * WORKERS

    def finish(number: int) -> None:
        one = waiting[number]
        if one is None:
            return
        outcome, after = workers[number].receive(), contents(folders[number] / "work")
        lost = [name for name, was in one[1].items() if after.get(name) != was]
        found[one[0].name] = outcome, lost
        waiting[number] = None

    here = Path.cwd()
    for index, one in enumerate(INPUTS.values()):
        number = index % WORKERS
        finish(number)
        work = folders[number] / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(good, work)
        os.chdir(folders[number])
        one.make(work)
        waiting[number] = one, contents(work)
        workers[number].send(one.command, work)
    os.chdir(here)
    for number in range(WORKERS):
        finish(number)
        workers[number].close()
    return found


def test_there_are_enough() -> None:
    assert len(INPUTS) >= 300


@pytest.mark.parametrize("name", INPUTS)
def test_it_ends_in_one_line(name: str, outcomes: dict[str, tuple[Outcome, list[str]]]) -> None:
    one, (done, lost) = INPUTS[name], outcomes[name]
    told = f"{' '.join(one.command)[:200]}: {done.code} {done.out[-500:]} {done.err[-1500:]}"
    assert done.code >= 0, f"ended by signal {-done.code} after {done.cpu:.0f} s: {told}"
    assert "Traceback" not in done.err, told
    assert done.code != UNEXPECTED, told
    assert done.memory < MEMORY, f"{done.memory >> 20} MB: {told}"
    assert not lost, told
    shown = done.out + done.err
    assert all(sign.isprintable() or sign in "\n\r\t" for sign in shown), told
    lines = done.err.splitlines()
    assert max(map(len, shown.splitlines()), default=0) <= MAX_LINE + 20, told
    if one.verdict and done.code in (FAILED, CLAIMED) and done.out:
        return
    if one.harmless and done.code == 0:
        return
    assert done.code in (1, 2), told
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:], told
