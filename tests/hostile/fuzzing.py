"""Readers of files that people exchange, and what they are fed: valid files, changed at random.

A reader may refuse a file with an error of the program's own, and nothing else. ``test_fuzzing.py`` gives
each some hundred files, ``scripts/fuzz.py`` as many as there is time for. What made one fail is kept in
``corpus/READER/`` and tried again ever after.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

from facedouble.conversion import onnx_network
from facedouble.conversion.plan import ConversionPlan, PlannedFace
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.errors import FacedoubleError
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.layout import PEOPLE
from facedouble.faceset.people import read_people, write_people
from facedouble.faceset.record import decode_record, encode_record
from facedouble.faceset.store import Faceset
from facedouble.models import checkpoint, onnx_file
from facedouble.models.base import build
from facedouble.models.card import ModelCard
from facedouble.models.tensor_files import DamageError, read_header
from facedouble.networks.tflite import read_tflite
from facedouble.project.database import DATABASE, open_database
from facedouble.project.file import read_project, state_folder
from facedouble.project.jobs import NewJob, Queue
from facedouble.project.model import STATE
from facedouble.provenance.carried import Carried
from facedouble.provenance.contents import contents_of
from facedouble.provenance.image_xmp import with_xmp
from facedouble.provenance.mp4 import labelled
from facedouble.provenance.xmp import aigc_label, read_aigc, read_packet, xmp_packet
from facedouble.run.run import Run
from facedouble.settings import files
from facedouble.settings.compute import ConvertCompute
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Side
from facedouble.video.image_header import read_header as read_image_header
from facedouble.video.images import read_image, read_png_comment, write_png
from facedouble.video.mp4_tables import check_tables
from tests.factories import full_face
from tests.hostile import fuzzing_plates as plates

CORPUS = Path(__file__).parent / "corpus"
LABEL = aigc_label("facedouble", "1")
INTERESTING = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
)
WORDS = (
    *(b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"NaN", b"1/0", b"0", b"true", b"9" * 400, b"[" * 3000),
    *(
        b"../",
        b"/etc/passwd",
        b"\0",
        b"\x1b[2J",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"'",
        b'"',
        b"\\",
        b"&a [*a]",
        b"!!",
    ),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """``seed`` makes a valid file, in a folder that it may use; ``read`` reads one, where it lies.

    ``texts``: changes of words are more telling than those of bits.
    """

    name: str
    seed: Callable[[Path], bytes]
    read: Callable[[Path], object]
    texts: bool = False


def mutate(data: bytes, chance: random.Random, *, texts: bool) -> bytes:
    """A few changes somewhere: bits, numbers, pieces cut out, doubled, moved, replaced by words."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if not changed:
            break
        # Heads matter more than what follows.
        size = len(changed) if chance.random() < 0.5 else min(len(changed), 400)
        at = chance.randrange(size)
        kind = chance.randrange(4, 8) if texts and chance.random() < 0.7 else chance.randrange(8)
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at] = chance.randrange(256)
        elif kind == 2:
            width = chance.choice((1, 2, 4, 8))
            number = (chance.choice(INTERESTING) & ((1 << 8 * width) - 1)).to_bytes(
                width, chance.choice(("big", "little"))
            )
            changed[at : at + width] = number
        elif kind == 3:
            del changed[at:]
        elif kind == 4:
            del changed[at : at + chance.choice((1, 2, 4, 16, 200))]
        elif kind == 5:
            piece = changed[at : at + chance.choice((1, 4, 16, 200))]
            to = chance.randrange(len(changed))
            changed[to:to] = piece * chance.choice((1, 1, 2, 50))
        elif kind == 6:
            word = chance.choice(WORDS)
            changed[at : at + (chance.choice((0, 1, len(word))))] = word
        else:
            to = chance.randrange(len(changed))
            length = chance.choice((1, 4, 16))
            changed[at : at + length] = changed[to : to + length]
    return bytes(changed)


def try_one(reader: Reader, path: Path, data: bytes) -> None:
    """Read ``data`` as a file at ``path``. Whatever else than the program's errors is raised gets out."""
    path.write_bytes(data)
    with contextlib.suppress(FacedoubleError):
        reader.read(path)


# -- models ------------------------------------------------------------------------------------------------


def _model(folder: Path) -> bytes:
    torch.manual_seed(1)
    arguments = {"filters": 4, "bottleneck": 8}
    statistics: dict[Side, list[list[float]]] = {"a": [[0.5] * 3, [0.2] * 3], "b": [[0.5] * 3, [0.2] * 3]}
    card = ModelCard({"kind": "original", **arguments}, 64, 0.8, {"a": ["a"], "b": ["b"]}, statistics)
    card.history = [[1, 0.5, 0.5]]
    card.note({"score": 0.5})
    checkpoint.save(folder, card, build("original", arguments).state_dict(), {})
    return (folder / "model.json").read_bytes()


def _weights(folder: Path) -> bytes:
    _model(folder)
    return next(folder.glob("weights-*")).read_bytes()[:20_000]


def _read_card(path: Path) -> object:
    card = checkpoint.read_card(path.parent)
    return card.read_architecture(), card.read_settings(), card.statistics("a")


def _read_tensors(path: Path) -> object:
    try:
        return read_header(path)
    except DamageError:
        return None


def _plan(folder: Path) -> bytes:
    statistics = np.full((2, 3), 0.5, np.float32)
    faces = {
        number: [PlannedFace(face, statistics, face.smoothed)]
        for number in range(2)
        for face in [full_face(number)]
    }
    save_plan(ConversionPlan("0" * 64, faces, 0, 0), folder / "seed.plan")
    return (folder / "seed.plan").read_bytes()


def _tflite(_: Path) -> bytes:
    import facedouble.networks as networks

    return (Path(networks.__file__).parent / "weights" / "face_blendshapes.tflite").read_bytes()


# -- facesets ----------------------------------------------------------------------------------------------


def _source() -> SourceRecord:
    return SourceRecord("a.mp4", "0" * 64, 640, 360, Fraction(1, 25), {"size": 256}, "facedouble")


def _faceset(folder: Path) -> bytes:
    with Faceset.create(folder / "made", _source()) as faceset:
        for number in range(3):
            faceset.add_frame(FrameRecord(number, number), [full_face(number)])
    return (folder / "made" / "faceset.sqlite").read_bytes()


def _read_faceset(path: Path) -> object:
    with Faceset.open(path.parent) as faceset:
        return faceset.source, list(faceset.frames()), list(faceset.faces())


def _record(_: Path) -> bytes:
    return encode_record(full_face(3), FrameRecord(3, 3), _source()).encode()


def _crop(folder: Path) -> bytes:
    write_png(folder / "seed.png", np.zeros((16, 16, 3), np.uint8), comment=_record(folder).decode())
    return (folder / "seed.png").read_bytes()


def _read_crop(path: Path) -> object:
    text = read_png_comment(path)
    return read_image(path), None if text is None else decode_record(text)


# -- marks -------------------------------------------------------------------------------------------------


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _clip(_: Path) -> bytes:
    table = _box(b"stbl", _box(b"stco", struct.pack(">II", 0, 2) + bytes(8)), _box(b"stsz", bytes(12)))
    track = _box(b"trak", _box(b"tkhd", bytes(84)), _box(b"mdia", _box(b"minf", table)))
    bare = (
        _box(b"ftyp", b"isom\0\0\2\0")
        + _box(b"moov", _box(b"mvhd", bytes(100)), track)
        + _box(b"mdat", b"x" * 40)
    )
    return labelled(io.BytesIO(bare), Path("a.mp4"), LABEL, xmp_packet).read()


def _read_clip(path: Path) -> object:
    with contextlib.suppress(ValueError):
        check_tables(path)
    with path.open("rb") as file:
        found = contents_of(file, "video/mp4", path)
        return _read_marks(found), labelled(file, path, LABEL, xmp_packet).read()


def _image(suffix: str) -> Callable[[Path], bytes]:
    def seed(_: Path) -> bytes:
        import cv2

        done, data = cv2.imencode(suffix, np.full((8, 8, 3), 7, np.uint8))
        assert done
        return with_xmp(data.tobytes(), xmp_packet(LABEL))

    return seed


def _read_image_marks(kind: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        data = path.read_bytes()
        found = _read_marks(contents_of(io.BytesIO(data), kind, path))
        with contextlib.suppress(ValueError):
            read_image_header(data)
        return found, with_xmp(data, xmp_packet(LABEL))

    return read


def _read_marks(found: Carried) -> object:
    return (read_packet(found.xmp) if found.xmp else None, read_aigc(found.aigc) if found.aigc else None)


def _read_packet(path: Path) -> object:
    data = path.read_bytes()
    return read_packet(data), xmp_packet(LABEL, data), read_aigc(data.decode("utf-8", "replace"))


# -- what people write -------------------------------------------------------------------------------------


def _settings(folder: Path) -> bytes:
    files.save(folder / "seed.yaml", "extract", ExtractSettings())
    return (folder / "seed.yaml").read_bytes()


def _read_settings(path: Path) -> object:
    return ExtractSettings.read(files.load(path))


def _project(_: Path) -> bytes:
    return (
        b"schema: 1\npeople:\n  a: {clips: [a.mp4]}\n  b:\n    clips:\n      - b.mp4  # of May\n"
        b"models:\n  m: {a: a, b: b}\nresults:\n  r: {clip: a.mp4, a: a, b: b, model: m}\n"
        b"settings:\n  train: {limits: {iterations: 100}}\n"
    )


def _read_project(path: Path) -> object:
    return read_project(path.parent)


def _people(folder: Path) -> bytes:
    write_people(folder, {(n, n % 2): name for name in ("Ben", "陈") for n in range(len(name), 30)})
    return (folder / PEOPLE).read_bytes()


def _read_people(path: Path) -> object:
    return read_people(path.parent)


def _jobs(folder: Path) -> bytes:
    database = open_database(folder)
    try:
        Queue(database).add([NewJob("a job", ("doctor",), str(folder))])
    finally:
        database.close()
    return (state_folder(folder) / DATABASE).read_bytes()


def _read_jobs(path: Path) -> object:
    """The place where it lies is the state folder of a project."""
    database = open_database(path.parent.parent)
    try:
        return Queue(database).all()
    finally:
        database.close()


def _onnx(folder: Path) -> bytes:
    """A graph that draws what it is given, with all that a file says of itself."""
    side, colour = 16, [[0.5] * 3, [0.2] * 3]
    record = {
        "format": onnx_file.FORMAT,
        "about": "likeness",
        "program": "facedouble 1",
        "side": "b",
        "kind": "original",
        "iteration": 1,
        "resolution": side,
        "coverage": 0.8,
        "numbers": "float32",
        "learned_mask": False,
        "colour": {"a": colour, "b": colour},
        "extraction": {},
        "inputs": [],
        "outputs": [],
        "preprocessing": {},
    }
    shape: list[str | int | None] = ["faces", 3, side, side]
    given, drawn = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("face", "picture")
    )
    one = numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["face", "weight"], ["picture"])],
        "model",
        [given],
        [drawn],
        [one],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", onnx_file.OPSET)], ir_version=10)
    helper.set_model_props(model, {onnx_file.KEY: json.dumps(record)})
    return model.SerializeToString()


def _read_onnx(path: Path) -> object:
    return onnx_network.load(path, "b", ConvertCompute(runtime="onnx", device="cpu"), Run())


READERS = {
    reader.name: reader
    for reader in (
        Reader("model.json", _model, _read_card, texts=True),
        Reader("weights.safetensors", _weights, _read_tensors),
        Reader("model.onnx", _onnx, _read_onnx, texts=True),
        Reader("plan.safetensors", _plan, load_plan, texts=True),
        Reader("network.tflite", _tflite, read_tflite),
        Reader("faceset.sqlite", _faceset, _read_faceset),
        Reader(
            "record.json", _record, lambda path: decode_record(path.read_text(errors="replace")), texts=True
        ),
        Reader("crop.png", _crop, _read_crop),
        Reader("clip.mp4", _clip, _read_clip),
        Reader("marks.png", _image(".png"), _read_image_marks("image/png")),
        Reader("marks.jpg", _image(".jpg"), _read_image_marks("image/jpeg")),
        Reader("marks.tif", _image(".tif"), _read_image_marks("image/tiff")),
        Reader("marks.webp", _image(".webp"), _read_image_marks("image/webp")),
        Reader("packet.xmp", lambda _: xmp_packet(LABEL), _read_packet, texts=True),
        Reader("settings.yaml", _settings, _read_settings, texts=True),
        Reader("project.yaml", _project, _read_project, texts=True),
        Reader(PEOPLE, _people, _read_people, texts=True),
        Reader(f"{STATE}/{DATABASE}", _jobs, _read_jobs),
        Reader("plate.exr", plates.plate, plates.read_plate_header),
        Reader("cut.edl", plates.edl, plates.read_events, texts=True),
        Reader("cut.otio", plates.timeline, plates.read_events, texts=True),
    )
}
