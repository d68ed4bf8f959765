"""Bad models, facesets, settings and projects."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.bad_input import (
    CONVERT,
    FACES,
    TRAIN,
    BadInput,
    Make,
    table,
    writes,
)

DEEP = 100_000
TEXTS: dict[str, bytes] = {
    "empty": b"",
    "nothing but spaces": b" " * 1000,
    "null": b"null",
    "a list": b"[]",
    "a number": b"17",
    "a word": b'"word"',
    "cut off": b'{"format": 2, "archi',
    "nested lists": b"[" * DEEP,
    "nested objects": b'{"a":' * DEEP,
    "zeros": bytes(4096),
    "no text": bytes(range(256)) * 16,
    "UTF-16": '{"format": 2}'.encode("utf-16"),
    "a number of 5,000 digits": b'{"format": ' + b"9" * 5000 + b"}",
    "a key of a million signs": b'{"' + b"k" * 1_000_000 + b'": 1}',
    "half a surrogate": b'{"program": "\\ud800"}',
    "steers the terminal": b'{"\\u001b[2J\\u202e": "\\u001b[31m"}',
}


def device(name: str, kind: str) -> Make:
    """Puts something that is no regular file in the place of ``name``."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a folder":
            path.mkdir()
        elif kind == "a link to itself":
            path.symlink_to(path.name)
        elif kind == "6 GB of nothing":
            with path.open("wb") as file:
                file.truncate(6 << 30)
        else:
            path.symlink_to(kind)

    return make


DEVICES = ("a pipe", "a folder", "a link to itself", "/dev/zero", "/dev/full", "6 GB of nothing")


def devices(name: str) -> Iterator[tuple[str, Make]]:
    for kind in DEVICES:
        yield f"{Path(name).name} is {kind}", device(name, kind)


# -- models ------------------------------------------------------------------------------------------------


def model_file(pattern: str) -> Callable[[Path], Path]:
    return lambda folder: next((folder / "model").glob(pattern))


def in_card(
    change: Callable[[dict[str, Any]], None], *, also: Callable[[str], str] = lambda text: text
) -> Make:
    """Changes what ``model.json`` says."""

    def make(folder: Path) -> None:
        path = folder / "model" / "model.json"
        card = json.loads(path.read_text())
        change(card)
        path.write_text(also(json.dumps(card)))

    return make


def field(name: str, value: object) -> Make:
    return in_card(lambda card: card.__setitem__(name, value))


def number(name: str, text: str) -> Make:
    """Sets a field to a number that JSON texts can have and Python's values cannot."""
    return in_card(lambda card: card.__setitem__(name, "NUMBER"), also=lambda t: t.replace('"NUMBER"', text))


def in_architecture(name: str, value: object) -> Make:
    return in_card(lambda card: card["architecture"].__setitem__(name, value))


def in_save(name: str, value: object) -> Make:
    return in_card(lambda card: card["saves"][0].__setitem__(name, value))


def in_weights(change: Callable[[bytes], bytes]) -> Make:
    def make(folder: Path) -> None:
        path = model_file("weights-*")(folder)
        path.write_bytes(change(path.read_bytes()))

    return make


def header(change: Callable[[dict[str, Any]], None]) -> Make:
    """Changes the header of the weights."""

    def changed(data: bytes) -> bytes:
        (length,) = struct.unpack("<Q", data[:8])
        found = json.loads(data[8 : 8 + length])
        change(found)
        text = json.dumps(found).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + length :]

    return in_weights(changed)


def first_tensor(name: str, value: object) -> Make:
    def change(found: dict[str, Any]) -> None:
        found[next(key for key in found if key != "__metadata__")][name] = value

    return header(change)


def model_descriptions() -> Iterator[tuple[str, Make]]:
    for name, data in TEXTS.items():
        yield f"model.json is {name}", writes("model/model.json", data)
    yield from devices("model/model.json")
    wrong: dict[str, list[object]] = {
        "architecture": [None, [], "original", {}, {"kind": "none"}, {"kind": 7}, {"kind": ["original"]}],
        "resolution": [None, "64", 0, -1, 10**12],
        "coverage": [0, -1, 17, "all", None],
        "facesets": [None, [], {"a": 1}, {"c": []}, "x"],
        "colour": [None, {}, {"a": []}, {"a": [[1, 2]], "b": [[1, 2]]}, {"a": "x", "b": "y"}],
        "iteration": [-3, "3", 10**400, 1.5, None],
        "history": [None, [[1]], {"a": 1}, [["a", "b", "c"]]],
        "measures": [None, [1], [{"a": "b"}], {}],
        "saves": [None, [], [1], [[]], "x", [{}]],
        "settings": [None, [], "x"],
        "format": [None, "2", 99, -1],
        "nonsense": [1],
    }
    for name, values in wrong.items():
        for value in values:
            yield f"{name} is {str(value)[:30]}", field(name, value)
    for name in ("coverage", "iteration", "seconds", "learning_rate_scale", "best"):
        for text in ("NaN", "1e999", "-Infinity"):
            yield f"{name} is {text}", number(name, text)
    for name, value in (
        ("filters", 0),
        ("filters", -8),
        ("filters", 10**9),
        ("filters", "8"),
        ("filters", 9),
        ("bottleneck", 10**12),
        ("bottleneck", 0),
        ("resolution", 7),
        ("surprise", 1),
    ):
        yield f"architecture.{name} is {value}", in_architecture(name, value)
    for name, value in (
        ("weights", "/etc/passwd"),
        ("weights", "../model/weights-00000000.safetensors"),
        ("weights", "weights-99999999.safetensors"),
        ("weights", "a\0b"),
        ("weights", "\x1b[2J"),
        ("weights", None),
        ("weights_sha256", "0" * 64),
        ("weights_sha256", 7),
        ("iteration", -1),
        ("state", "../state-00000000.safetensors"),
    ):
        yield f"a save's {name} is {str(value)[:30]!r}", in_save(name, value)


def model_weights() -> Iterator[tuple[str, Make]]:
    yield "weights are empty", in_weights(lambda data: b"")
    yield "weights are text", in_weights(lambda data: b"not tensors at all" * 10)
    yield "weights are cut off", in_weights(lambda data: data[: len(data) // 2])
    yield (
        "weights have one bit changed",
        in_weights(lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]),
    )
    yield "a header of 2^63 bytes", in_weights(lambda data: b"\xff" * 7 + b"\x7f" + data[8:])
    yield "a header of nested lists", in_weights(lambda d: struct.pack("<Q", DEEP) + b"[" * DEEP)
    yield "a header that is no text", in_weights(lambda d: struct.pack("<Q", 64) + b"\xff" * 64)
    yield "an empty header", in_weights(lambda d: struct.pack("<Q", 2) + b"{}")
    yield "a shape of 10^12", first_tensor("shape", [10**12])
    yield "a shape below 0", first_tensor("shape", [-1, 2])
    yield "a shape of words", first_tensor("shape", ["a"])
    yield "a shape of a thousand dimensions", first_tensor("shape", [1] * 1000)
    yield "a kind of number nobody knows", first_tensor("dtype", "F12")
    yield "places that overlap", first_tensor("data_offsets", [0, 8])
    yield "places beyond the end", first_tensor("data_offsets", [0, 10**15])
    yield "places backwards", first_tensor("data_offsets", [100, 0])
    yield (
        "a million tensors",
        header(
            lambda found: found.update(
                {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(100_000)}
            )
        ),
    )
    for kind in DEVICES:
        yield f"weights are {kind}", partial(_weights_as, kind)


def _weights_as(kind: str, folder: Path) -> None:
    device(f"model/{model_file('weights-*')(folder).name}", kind)(folder)


def models() -> list[BadInput]:
    return [
        *table("model", CONVERT, model_descriptions()),
        *table("model", CONVERT, model_weights()),
        *table("model to train", TRAIN, list(model_descriptions())[::8], harmless=True),
        *table("model to measure", EVALUATE, list(model_weights())[::5], harmless=True),
    ]


EVALUATE = [
    "evaluate",
    "-r",
    "clip.mp4",
    "-i",
    "clip.mp4",
    "-B",
    "faces",
    "-a",
    "faces",
    "-m",
    "model",
    "-o",
    "r.html",
    "--detailed-frames",
    "1",
]


# -- facesets ----------------------------------------------------------------------------------------------


def sql(*statements: str, values: tuple[Any, ...] = ()) -> Make:
    """Runs statements in the faceset's database, the last one with ``values``."""

    def make(folder: Path) -> None:
        database = sqlite3.connect(folder / "faces" / "faceset.sqlite")
        database.execute("PRAGMA foreign_keys=OFF")
        for statement in statements[:-1]:
            database.execute(statement)
        database.execute(statements[-1], values)
        database.commit()
        database.close()

    return make


def column(name: str, value: object, of: str = "face") -> Make:
    return sql(f"UPDATE {of} SET {name} = ?", values=(value,))


def numbers(*values: float, kind: str = "<f8") -> bytes:
    return np.array(values, dtype=kind).tobytes()


NAN = float("nan")
CELLS: list[tuple[str, str, object]] = [
    ("face", "landmarks", b""),
    ("face", "landmarks", "text"),
    ("face", "landmarks", b"x" * 17),
    ("face", "landmarks", bytes(1 << 22)),
    ("face", "landmarks", numbers(*[NAN] * 136, kind="<f4")),
    ("face", "smoothed", numbers(*[np.inf] * 136, kind="<f4")),
    ("face", "smoothed", numbers(*[1e30] * 136, kind="<f4")),
    ("face", "alignment", numbers(*[NAN] * 6)),
    ("face", "alignment", numbers(*[0] * 6)),
    ("face", "alignment", numbers(*[1e300] * 6)),
    ("face", "alignment", numbers(1, 2, 3)),
    ("face", "crop_size", 0),
    ("face", "crop_size", -256),
    ("face", "crop_size", 10**9),
    ("face", "crop_size", "big"),
    ("face", "scheme", "nobody's"),
    ("face", "scheme", "\x1b[2J" + "s" * 100_000),
    ("face", "status", "other"),
    ("face", "origin", 7),
    ("face", "confidence", "sure"),
    ("face", "sharpness", -1),
    ("face", "sharpness", "\x1b[31m"),
    ("face", "left", 2**62),
    ("face", "left", 10**6),
    ("face", "track", -(2**40)),
    ("face", "rotation", 10**6),
    ("face", "descriptor", b"short"),
    ("face", "depth", b"short"),
    ("face", "cropped", 7),
    ("frame", "pts", "now"),
    ("frame", "name", "../../../etc/passwd"),
    ("frame", "name", "/etc/passwd"),
    ("frame", "name", "a\0b"),
    ("frame", "name", "n" * 5_000_000),
    ("frame", "ends_shot", 9),
    ("source", "time_base", "1/0"),
    ("source", "time_base", "1e999999999"),
    ("source", "time_base", "-1/25"),
    ("source", "time_base", "9" * 100_000),
    ("source", "width", 0),
    ("source", "width", 10**12),
    ("source", "height", "tall"),
    ("source", "sha256", "short"),
    ("source", "settings", "[" * DEEP),
    ("source", "settings", "[]"),
    ("source", "settings", '{"smoothing": 1e999}'),
    ("source", "settings", '{"smoothing": NaN}'),
    ("source", "source_index", "[" * DEEP),
    ("source", "path", "p" * 1_000_000),
    ("source", "program", "\x1b]0;title\x07" * 1000),
    ("meta", "value", "99"),
    ("meta", "value", "-1"),
    ("meta", "value", "x"),
]

ENDLESS = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
    "SELECT x AS frame_index, 1 AS pts, NULL AS name, 0 AS ends_shot, NULL AS problem FROM n"
)


def _database(change: Callable[[bytes], bytes]) -> Make:
    def make(folder: Path) -> None:
        path = folder / "faces" / "faceset.sqlite"
        path.write_bytes(change(path.read_bytes()))

    return make


def databases() -> Iterator[tuple[str, Make]]:
    for of, name, value in CELLS:
        yield f"{of}.{name} is {str(value)[:24]!r}", column(name, value, of)
    file = "faces/faceset.sqlite"
    for name in ("empty", "zeros", "no text", "nested lists"):
        yield f"the database is {name}", writes(file, TEXTS[name])
    yield from devices(file)
    yield "the database is cut off", _database(lambda data: data[:5000])
    noise = np.random.default_rng(1).bytes(40_000)
    yield "the database is noise behind its head", _database(lambda data: data[:100] + noise)
    yield "a view for a table", sql("DROP TABLE frame", f"CREATE VIEW frame AS {ENDLESS}")
    yield "a view that reads another", sql("DROP TABLE layer", "CREATE VIEW layer AS SELECT * FROM face")
    yield "a trigger", sql("CREATE TRIGGER t AFTER UPDATE ON meta BEGIN DELETE FROM face; END")
    yield "a table too many", sql("CREATE TABLE more (a)")
    yield "a table too few", sql("DROP TABLE handover")
    yield "no faces at all", sql("DROP TABLE face")
    yield "another table of that name", sql("DROP TABLE meta", "CREATE TABLE meta (a, b)")
    yield "no source", sql("DELETE FROM source")
    yield (
        "two sources",
        sql(
            "INSERT INTO source SELECT path, ?, width, height, time_base, settings, program, source_index "
            "FROM source",
            values=("0" * 64,),
        ),
    )
    yield "a frame number of 2^62", sql("UPDATE face SET frame_index = 4611686018427387904 + frame_index")


def points(change: Callable[[np.ndarray], np.ndarray]) -> Make:
    """Changes the landmarks of every face, which stay finite."""

    def make(folder: Path) -> None:
        database = sqlite3.connect(folder / "faces" / "faceset.sqlite")
        for frame, face, smoothed in database.execute(
            "SELECT frame_index, face_index, smoothed FROM face"
        ).fetchall():
            new = change(np.frombuffer(smoothed, "<f4").reshape(-1, 2)).astype("<f4").tobytes()
            database.execute(
                "UPDATE face SET landmarks = ?, smoothed = ? WHERE (frame_index, face_index) = (?, ?)",
                (new, new, frame, face),
            )
        database.commit()
        database.close()

    return make


def nobodies() -> Iterator[tuple[str, Make]]:
    yield "all landmarks in one point", points(lambda p: np.full_like(p, 300))
    yield "landmarks nearly in one point", points(lambda p: 300 + 1e-3 * p)
    yield "landmarks on one line", points(lambda p: p * np.array((1, 0)) + 200)
    yield "landmarks far outside the frame", points(lambda p: p + 900_000)
    yield "landmarks on the other side", points(lambda p: -p - 5000)
    yield "landmarks of an absurd size", points(lambda p: np.clip(p * 5000, -9e5, 9e5))
    yield "landmarks at random", points(lambda p: np.random.default_rng(1).uniform(-9e5, 9e5, p.shape))
    for name, row in (
        ("a path", (0, "../a.png", "0" * 64)),
        ("no digest", (0, "a.png", "short")),
        ("a number below 0", (-5, "a.png", "0" * 64)),
        ("bytes", (0, b"a.png", "0" * 64)),
        ("a name of megabytes", (0, "n" * 5_000_000, "0" * 64)),
    ):
        yield f"a file that is {name}", sql("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", values=row)


def crop_of(folder: Path) -> Path:
    return sorted((folder / "faces" / "faces").glob("*.png"))[0]


def crop(change: Callable[[bytes], bytes]) -> Make:
    """Changes the crops of the faceset, and loses its database."""

    def make(folder: Path) -> None:
        for path in (folder / "faces" / "faces").glob("*.png"):
            path.write_bytes(change(path.read_bytes()))

    return make


def lost(folder: Path) -> None:
    (folder / "faces" / "faceset.sqlite").unlink()


def facesets() -> list[BadInput]:
    return [
        *table("faceset", FACES, databases()),
        *table("faceset to train", TRAIN, list(databases())[::7]),
        *table("faceset to convert", CONVERT, list(databases())[::9]),
        *table("faceset of nobody to train", TRAIN, list(nobodies())[:7]),
        *table("faceset of nobody to convert", CONVERT, nobodies()),
        *table("faceset of nobody", FACES, nobodies(), harmless=True),
    ]


# -- settings and projects ---------------------------------------------------------------------------------

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
YAML: dict[str, bytes | str] = {
    **TEXTS,
    "a billion laughs": LAUGHS,
    "a loop": "a: &a [*a]\ncrops: *a\n",
    "a Python object": "size: !!python/object/apply:os.system ['touch owned']\n",
    "an unknown tag": "size: !other 7\n",
    "nested flow": "size: " + "[" * 5000,
    "nested blocks": "".join(f"{' ' * n}a:\n" for n in range(3000)),
    "two of a key": "size: 256\nsize: 128\n",
    "an unknown field": "surprise: 1\n",
    "a field below nothing": "size: {a: 1}\n",
    "not a number": "size: .nan\n",
    "infinity": "size: .inf\n",
    "a huge number": "size: " + "9" * 4000 + "\n",
    "a date": "size: 2026-01-01\n",
    "a number in base 60": "size: 4:16\n",
    "a tab": "\tsize: 256\n",
    "an alias of nothing": "size: *none\n",
    "two documents": "size: 256\n---\nsize: 128\n",
    "a key of a list": "? [a, b]\n: 1\n",
    "escape characters": 'detector: "\\e[2J\\e[31m"\n',
    "a word of 100,000 signs": "detector: " + "d" * 100_000 + "\n",
    "control characters": "detector: \x1b[2J\n",
}


_SETTINGS = ("empty", "nothing but spaces", "null", "a number in base 60")  # these are settings


def settings() -> list[BadInput]:
    command = ["extract", "-i", "clip.mp4", "-o", "new", "-j", "1", "--config", "bad.yaml"]
    project = ["status", "project"]
    found = [
        *(
            BadInput(f"settings: {name}", writes("bad.yaml", text), command)
            for name, text in YAML.items()
            if name not in _SETTINGS
        ),
        *table("settings", command, devices("bad.yaml")),
        *table(
            "project", project, ((name, writes("project/project.yaml", text)) for name, text in YAML.items())
        ),
        *table("project", project, devices("project/project.yaml")),
    ]
    for name, text in PROJECTS.items():
        found.append(BadInput(f"project: {name}", writes("project/project.yaml", text), project))
    for text in SETS:
        words = ["extract", "-i", "clip.mp4", "-o", "new", "--set", text]
        found.append(BadInput(f"--set {text[:30]!r}", lambda folder: None, words))
    for text in RANGES:
        found.append(
            BadInput(f"ranges {text[:30]!r}", lambda folder: None, [*CONVERT, "--frame-ranges", text])
        )
    return found


SETS = [
    "",
    "=",
    "size",
    "size=",
    "size=NaN",
    "size=1e999",
    "size=" + "9" * 5000,
    "size=\x1b[2J",
    "size.a.b=1",
    "__class__=1",
    ".=1",
    "detector=\udcff",
    "nonsense=" + "n" * 100_000,
    "\x1b[2J=1",
    "filter=[" + "[" * 5000,
]
RANGES = ["", "-", "5-1", "a", "1-2-3", "9" * 400, "0-" + "9" * 30, "-1", "1,,2", "\x1b[2J", "1e3", "٣"]
PEOPLE = "schema: 1\npeople:\n  a: {clips: [clip.mp4]}\n  b: {clips: [clip.mp4]}\n"
PROJECTS = {
    "a schema to come": PEOPLE.replace("1", "99", 1),
    "no people": "schema: 1\n",
    "people are a list": "schema: 1\npeople: [a, b]\n",
    "a name that leads elsewhere": PEOPLE.replace("  a:", "  ../../a:"),
    "a name with escapes": PEOPLE.replace("  a:", '  "\\e[2J":'),
    "a name of 100,000 signs": PEOPLE.replace("  a:", f"  ? {'a' * 100_000}\n  :"),
    "clips are a word": PEOPLE.replace("[clip.mp4]", "clip.mp4"),
    "clips are numbers": PEOPLE.replace("[clip.mp4]", "[1, 2]"),
    "models of nobody": PEOPLE + "models:\n  m: {a: x, b: y}\n",
    "results of no model": PEOPLE + "results:\n  r: {clip: clip.mp4, a: a, b: b, model: m}\n",
    "settings of no command": PEOPLE + "settings:\n  dance: {a: 1}\n",
}
