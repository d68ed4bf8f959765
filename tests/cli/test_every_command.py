"""Every command in surroundings that people have: nothing ends in exit code 70 or a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.images import write_png
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.conversion.pipeline.conftest import save_model

LATIN = os.fsdecode(b"d\xe9")

COMMANDS: dict[str, list[str]] = {
    "extract": ["extract", "-i", "images", "-o", "new faces", "-j", "1"],
    "faces": ["faces", "faces"],
    "faces --coverage": ["faces", "faces", "--coverage", "coverage.png"],
    "frames": ["frames", "clip.mp4", "-o", "frames"],
    "video": ["video", "images", "-o", "new.mp4"],
    "verify": ["verify", "clip.mp4", "images"],
    "train": ["train", "-A", "faces", "-B", "faces", "-m", "new model", "--iterations", "1", "-b", "2"],
    "convert": ["convert", "-i", "images", "-m", "model", "-a", "faces", "-o", "out", "--device", "cpu"],
    "convert to a clip": ["convert", "-i", "images", "-m", "model", "-a", "faces", "-o", "out.mp4"],
    "evaluate": ["evaluate", "-i", "images", "-r", "images", "-a", "faces", "-B", "faces", "-o", "r.html"],
    "init": ["init", "project", "-A", "clip.mp4", "-B", "clip.mp4"],
    "status": ["status", "."],
    "run": ["run", "--dry-run"],
    "jobs": ["jobs"],
    "schema": ["schema", "train"],
    "doctor": ["doctor"],
}

DRIVER = """
import json, os, resource, signal, sys
sys.path[:0] = json.loads(os.environ["PATHS"])
from facedouble.cli.main import main
from facedouble.cli.streams import prepare_streams
# Once, and not in each command's process.
import facedouble.conversion.pipeline, facedouble.evaluation.evaluate, facedouble.extraction.extract
import facedouble.training.loop, rich.progress
surroundings, report = sys.argv[1], int(sys.argv[2])
codes = {}
for name, arguments in json.loads(os.environ["COMMANDS"]).items():
    child = os.fork()
    if child == 0:
        if surroundings == "full disk":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
        signal.alarm(900)
        prepare_streams()
        code = main(arguments)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                os._exit(71)
        os._exit(code)
    codes[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
os.write(report, json.dumps(codes).encode())
"""


@pytest.fixture(scope="module")
def material(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands work on: three images, their faceset, a clip of them, and a model."""
    from facedouble.extraction.extract import extract
    from facedouble.settings.extract import ExtractSettings

    folder = tmp_path_factory.mktemp("material")
    (folder / "images").mkdir()
    frames = open_source(clips["sample_02"]).frames(0, 12)
    for number, frame in enumerate(frames):
        small = np.ascontiguousarray(frame.rgb()[::2, ::2])
        write_png(folder / "images" / f"{number}.png", small)
    extract(folder / "images", folder / "faces", ExtractSettings(processes=1))
    source = open_source(folder / "images")
    with open_sink(
        folder / "clip.mp4", source.info, ClipEncoding(), audio_from=None, overwrite=False
    ) as sink:
        for frame in source.frames(0, 3):
            sink.write(frame)
    save_model(folder / "model")
    return folder


@pytest.mark.subprocess
@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize(
    "surroundings",
    ["ascii, in a folder in Latin-1", "full disk", "cp1252, no streams"],
)
def test_every_command(surroundings: str, material: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("every", numbered=True)
    folder = shutil.copytree(
        material, root / (LATIN if "Latin-1" in surroundings else "folder"), dirs_exist_ok=True
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment |= {"PATHS": json.dumps(sys.path), "COMMANDS": json.dumps(COMMANDS), "OMP_NUM_THREADS": "1"}
    encoding = surroundings.split(",")[0]
    if encoding in ("ascii", "cp1252"):
        environment |= {"PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"}
    reading, writing = os.pipe()
    command = [sys.executable, "-c", DRIVER, surroundings, str(writing)]
    if "no streams" in surroundings:
        command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        pass_fds=[writing],
        capture_output=True,
        check=False,
    )
    os.close(writing)
    with os.fdopen(reading) as report:
        codes = json.loads(report.read() or "{}")
    output = done.stdout + done.stderr
    assert set(codes) == set(COMMANDS), output[-2000:]
    assert b"Traceback" not in output, output[-3000:]
    bad = {name: code for name, code in codes.items() if code not in (0, 1, 2)}
    assert not bad, (bad, output[-3000:])
    if encoding in ("ascii", "cp1252"):
        failed = {name for name, code in codes.items() if code}
        # There is no project here, and nothing that is marked.
        # A name that is no text cannot stand in a project.yaml, which one line says.
        assert failed <= {"init", "status", "run", "jobs", "doctor", "verify"}, output[-3000:]
