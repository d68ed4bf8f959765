"""The studio's server: ``python -m benchmarks.studio``.

How long it takes from a setting that was moved to the picture of the new frame (as PNG, to the pixel), at 720
and 1080 lines; how long a faceset of 25,000 faces takes to open, the first time and later; and how much
memory the server takes. What a browser does with it is not in the times. The faceset is the demonstration's,
over and over; the model is hardly trained, which makes no difference to speed.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from benchmarks.material import facesets_of_demo, hardly_trained
from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.extraction.extract import extract
from facedouble.faceset.layout import crop_name
from facedouble.faceset.store import Faceset
from facedouble.project.make import NewPerson, make_project
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

FACES = 25_000
_FRAMES = 40
_MOVES = 20


@dataclass
class Server:
    """A studio in a process of its own, and whoever came in."""

    process: subprocess.Popen[str]
    host: str
    headers: dict[str, str]

    @classmethod
    def start(cls, folder: Path) -> Server:
        command = [sys.executable, "-m", "facedouble", "studio", str(folder), "--no-browser", "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        address, _, key = process.stdout.readline().split()[1].partition("/#key=")
        host = address.removeprefix("http://")
        server = cls(process, host, {"Origin": address, "Content-Type": "application/json"})
        connection = http.client.HTTPConnection(host)
        connection.request("POST", "/api/enter", json.dumps({"key": key}), server.headers)
        answer = connection.getresponse()
        token = json.loads(answer.read())["token"]
        cookie = answer.headers["set-cookie"].partition(";")[0]
        server.headers |= {"Cookie": cookie, "X-Studio-Token": token}
        return server

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        connection = http.client.HTTPConnection(self.host, timeout=600)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self.headers)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {data[:200]!r}")
            return data
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.call(method, path, body))

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident MB, at most so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def step_of(server: Server, kind: str) -> str:
    """The id of the project's first step of a kind."""
    steps = server.json("GET", "/api/project")["steps"]
    return str(next(step["id"] for step in steps if step["kind"] == kind))


def moves() -> Mapping[str, Callable[[dict[str, Any], int], None]]:
    """A setting that is moved, step by step."""

    def erosion(values: dict[str, Any], step: int) -> None:
        values["converter"]["mask"]["erosion"] = 0.5 + step / 4

    def sharpening(values: dict[str, Any], step: int) -> None:
        values["detail"] = {"kind": "sharpen", "amount": 0.1 + step / 20}

    def lids(values: dict[str, Any], step: int) -> None:
        values["retargeting"] = 0.99 - step / 50

    def override(values: dict[str, Any], step: int) -> None:
        values["overrides"] = [{"ranges": ["10-30"], "retargeting": 0.99 - step / 50}]

    return {"mask": erosion, "sharpening": sharpening, "lids and brows": lids, "lids, in a range": override}


def frames_table(height: int, folder: Path, model: Path) -> tuple[list[list[Cell]], float]:
    """Rows for a clip of so many lines, and the server's memory."""
    clips = demo_clips()
    project = folder / f"{height}"
    clip = project / "a.mp4"
    _scaled(clips.a[-1], clip, height)
    extract(clip, project / "faces" / "A" / "a", ExtractSettings())
    shutil.copytree(model, project / "models" / "A-B")
    make_project(project, NewPerson("A", [clip]), NewPerson("B", [clips.b[-1]]))
    server = Server.start(project)
    try:
        base = f"/api/results/{step_of(server, 'convert')}"
        usual = server.json("GET", base)["values"]

        def frame(values: Mapping[str, Any]) -> None:
            found = server.json("POST", f"{base}/look", {"values": values})
            while not found["ready"]:
                time.sleep(0.005)
                found = {"stamp": found["stamp"], **server.json("GET", f"{base}/look/{found['stamp']}")}
            server.call("GET", f"{base}/frames/20/{found['stamp']}/result")

        frame(usual)
        rows: list[list[Cell]] = []
        for name, move in moves().items():
            walls, cpus = [], []
            for step in range(_MOVES):
                values = json.loads(json.dumps(usual))
                move(values, step)
                start, used = time.perf_counter(), server.cpu
                frame(values)
                walls.append(1000 * (time.perf_counter() - start))
                cpus.append(1000 * (server.cpu - used))
            rows.append([f"{height}p, {name}", *_spread(walls), *_spread(cpus)])
        return rows, server.memory
    finally:
        server.end()


def _spread(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    return statistics.median(values), sorted(values)[round(0.95 * (len(values) - 1))]


def _scaled(source: Path, target: Path, height: int) -> None:
    opened = open_source(source)
    width = round(opened.info.width * height / opened.info.height / 2) * 2
    target.parent.mkdir(parents=True, exist_ok=True)
    like = replace(opened.info, width=width, height=height)
    with open_sink(target, like, ClipEncoding(), audio_from=None, overwrite=True) as sink:
        for frame in opened.frames(0, _FRAMES):
            pixels = cv2.resize(frame.rgb(), (width, height), interpolation=cv2.INTER_CUBIC)
            sink.write(frame.with_pixels(pixels))


def faces_rows(folder: Path, small: Path) -> tuple[list[list[Cell]], float]:
    """Rows of opening a project with many faces, made of the faceset ``small``, and the server's memory."""
    clips = demo_clips()
    project = folder / "many"
    many_faces(small, project / "faces" / "A" / clips.a[-1].stem)
    make_project(project, NewPerson("A", [clips.a[-1]]), NewPerson("B", [clips.b[-1]]))
    server = Server.start(project)
    try:
        rows: list[list[Cell]] = []

        def timed(name: str, work: Callable[[], Any]) -> Any:
            start, used = time.perf_counter(), server.cpu
            found = work()
            rows.append([name, 1000 * (time.perf_counter() - start), 1000 * (server.cpu - used)])
            return found

        timed("the project", lambda: server.json("GET", "/api/project"))
        base = f"/api/facesets/{step_of(server, 'extract')}"
        timed(f"{FACES:,} faces, the first time", lambda: server.json("GET", base))

        def measured() -> None:
            while not server.json("GET", base)["measured"]:
                time.sleep(0.2)

        timed("until they are measured, in the background", measured)
        timed("again", lambda: server.json("GET", base))
        return rows, server.memory
    finally:
        server.end()


def many_faces(source: Path, target: Path) -> None:
    """A faceset of :data:`FACES` faces, made of those of ``source`` over and over; crops are links to one
    file."""
    with Faceset.open(source) as store:
        faces = [face for face in store.all_faces() if face.crop is not None]
        frames, record = store.frames(), store.source
    with Faceset.create(target, record) as new:
        (target / "faces").mkdir(exist_ok=True)
        for index in range(FACES):
            face, frame = faces[index % len(faces)], frames[index % len(frames)]
            copied = face.with_(frame_index=index, face_index=0, track=index // 500, crop=None)
            new.add_frame(replace(frame, index=index, pts=index * 1001), [copied])
            (target / "faces" / crop_name(index, 0)).hardlink_to(source / str(face.crop))
        new.mark_complete()
        new.commit()


def measure() -> list[Table]:
    """Frames, opening, memory."""
    columns = ("from a setting to the frame", "median, ms", "95%, ms", "median, ms of CPU", "95%, ms of CPU")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        facesets = facesets_of_demo(folder / "faces")
        model = hardly_trained(facesets, folder / "model", "quick")
        rows: list[list[Cell]] = []
        memory: list[list[Cell]] = []
        for height in (720, 1080):
            found, used = frames_table(height, folder, model)
            rows += found
            memory.append([f"frames of {height}p", used])
        opening, used = faces_rows(folder, facesets["a"][0])
        memory.append([f"{FACES:,} faces", used])
    return [
        Table("studio-frames", columns, rows),
        Table("studio-opening", ("opening", "ms", "ms of CPU"), opening),
        Table("studio-memory", ("the server has shown", "MB at most"), memory),
    ]


def main() -> None:
    """Print the tables."""
    print_tables(measure())


if __name__ == "__main__":
    main()
