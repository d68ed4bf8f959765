"""No command opens a connection, whatever address a file names: the kernel watches, and somebody listens."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from facedouble.cli.main import COMMANDS
from facedouble.provenance.image_xmp import with_xmp
from facedouble.settings.video import ClipEncoding
from facedouble.video.images import write_png
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.hostile.guarded import Guarded
from tests.provenance.conftest import provenance_packet, with_packet

pytestmark = [pytest.mark.slow, pytest.mark.training, pytest.mark.subprocess]

FRAMES = 12
ELSEWHERE = {"demo", "studio"}  # test_end_to_end.py runs one under the same watch; the other is a server
PLAN = "plan convert -i a.mp4 -a faces/a -m model -o parts.mp4 --checkpoint-frames 6 --plan parts"

SMALL = "--set architecture.kind=original --set architecture.filters=8 --set architecture.bottleneck=32"
TRAIN = f"train -A faces/a -B faces/b -m model --iterations 2 --batch-size 2 {SMALL}"
ROAD = {
    "extract": [
        "extract -i a.mp4 -o faces/a -j 1",
        "extract -i b.mp4 -o faces/b -j 2",
        "extract -i pictures -o faces/c -f picture.png",
    ],
    "faces": [
        "faces faces/a",
        "faces faces/b --sort yaw --contact-sheet sheet.jpg",
        "faces faces/a --review",
        "faces faces/a --coverage coverage.png --against faces/b",
        "faces faces/c --rebuild",
    ],
    "train": [TRAIN, TRAIN.replace("--iterations 2", "--iterations 3")],
    "convert": [
        "convert -i a.mp4 -a faces/a -m model -o swap.mp4",
        "convert -i pictures -m model -o swapped",
        "convert -i b.mp4 -a faces/b -m model -o swap.mkv --swap-model",
    ],
    "plan": [PLAN, PLAN.replace("parts", "further")],
    "work": [
        "work parts --stage fit --part 0",
        "join parts --stage fit",
        "work parts --stage convert --part 0-1",
    ],
    "join": ["join parts --stage convert"],
    "distribute": ["distribute further --executor local:1"],
    "occlusion": [
        "occlusion apply faces/b",
        "occlusion review faces/b -o masks.png",
        "occlusion train faces/b -o people.safetensors --iterations 1 -b 2",
    ],
    "evaluate": [
        "evaluate -r swap.mp4 -i a.mp4 -B faces/b -a faces/a -m model -o report.html --detailed-frames 2"
    ],
    "export": [
        "export faces/a -o a.fsa",
        "export faces/a -o aligned --format dfl",
        "export model -o model.onnx",
        "convert -i a.mp4 -a faces/a -m model.onnx --runtime onnx -o onnx.mp4",
    ],
    "import": ["import a.fsa -o faces/back --source a.mp4", "import aligned -o faces/other"],
    "frames": ["frames a.mp4 -o frames", "frames b.mov -o more --image-format tiff"],
    "video": ["video frames -o frames.mp4 --audio-from a.mp4"],
    "verify": ["verify a.mp4 b.mov picture.png swap.mp4 swap.mkv swapped frames pictures"],
    "init": ["init project -A a.mp4 -B b.mp4"],
    "status": ["status project"],
    "run": ["run project --dry-run"],
    "jobs": ["jobs -p project"],
    "schema": ["schema convert"],
    "doctor": ["doctor"],
}
ENDS = {"verify": 1}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.c2pa"
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture(scope="module")
def material(clips: dict[str, Path], address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short clips of two people, and pictures, all of which name the address."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "pictures").mkdir()
    packet = provenance_packet(address)
    for name, clip in (("a.mp4", "sample_02"), ("b.mp4", "sample_04"), ("b.mov", "sample_04")):
        source = open_source(clips[clip])
        info = replace(source.info, width=640, height=360)
        settings = ClipEncoding(preset="ultrafast", crf=12)
        with open_sink(folder / name, info, settings, audio_from=clips[clip], overwrite=True) as sink:
            for frame in islice(source.frames(), FRAMES):
                image = frame.rgb(size=(640, 360))
                sink.write(frame.with_pixels(image))
                if name == "a.mp4" and frame.index < 3:
                    write_png(folder / "pictures" / f"{frame.index}.png", image)
        (folder / name).write_bytes(with_packet((folder / name).read_bytes(), packet))
    for picture in (folder / "pictures").iterdir():
        picture.write_bytes(with_xmp(picture.read_bytes(), packet))
    (folder / "picture.png").write_bytes((folder / "pictures" / "0.png").read_bytes())
    return folder


def test_every_command(material: Path, address: str) -> None:
    assert ROAD.keys() | ELSEWHERE == COMMANDS.keys()
    guarded = Guarded()
    try:
        for name, lines in ROAD.items():
            for line in lines:
                if "--rebuild" in line:
                    (material / "faces" / "c" / "faceset.sqlite").unlink()
                done = guarded.run(line.split(), material, limited=False)
                assert done.code == ENDS.get(name, 0), f"{line}: {done.out}{done.err}"
                if name == "verify":
                    assert done.out.count(f"from which nothing is fetched: {address}.") == 3
    finally:
        guarded.close()


def test_the_watch_works(tmp_path: Path) -> None:
    """Whoever makes a socket of the internet is killed, and a child process too."""
    text = "import socket, tests.hostile.guarded as g; g.forbid_connections(); socket.socket(socket.AF_UNIX);"
    ends = [
        subprocess.run([sys.executable, "-c", text + rest], check=False).returncode
        for rest in (
            "",
            "socket.socket()",
            "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
            "import subprocess, sys; child = [sys.executable, '-c', 'import socket; socket.socket()'];"
            "sys.exit(subprocess.run(child).returncode == -31)",
        )
    ]
    if sys.platform == "linux":
        assert ends == [0, -31, -31, 1]
