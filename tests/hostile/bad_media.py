"""Bad pictures, clips, marks, certificates and names."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from facedouble.provenance.image_xmp import with_xmp
from facedouble.provenance.xmp import xmp_packet
from facedouble.video.images import encode_png, read_image, read_png_comment
from tests.hostile.bad_input import CONVERT, EXTRACT, REBUILD, BadInput, Make, both, table, writes
from tests.hostile.bad_records import DEVICES, TEXTS, crop, device, lost

# -- pictures ----------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_head(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    )


def png_bomb(side: int) -> bytes:
    """A PNG of ``side`` x ``side`` pixels of one bit, all black, in a few kB."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png_head(side, side, 1, 0) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff_bomb(width: int, height: int) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 108) + bytes(100) + struct.pack("<H", len(tags)) + entries + bytes(4)


def bmp_bomb(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIIIII", 100, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def exr_bomb(side: int) -> bytes:
    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value

    channel = b"R\0" + struct.pack("<IIII", 1, 0, 1, 1) + b"\0"
    window = struct.pack("<iiii", 0, 0, side - 1, side - 1)
    return (
        struct.pack("<II", 20000630, 2)
        + attribute(b"channels", b"chlist", channel)
        + attribute(b"compression", b"compression", b"\0")
        + attribute(b"dataWindow", b"box2i", window)
        + attribute(b"displayWindow", b"box2i", window)
        + attribute(b"lineOrder", b"lineOrder", b"\0")
        + attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1))
        + attribute(b"screenWindowCenter", b"v2f", bytes(8))
        + attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1))
        + b"\0"
    )


def encoded(suffix: str, width: int = 64, height: int = 48) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8)
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


def resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose head claims another size."""
    data = bytearray(encoded(".jpg"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def pictures() -> Iterator[tuple[str, Make]]:
    bombs = {
        "png": png_bomb(32_000),
        "tif": tiff_bomb(32_000, 32_000),
        "bmp": bmp_bomb(32_000, 32_000),
        "exr": exr_bomb(16_000),
        "jpg": resized_jpeg(65_500, 65_500),
    }
    for suffix, data in bombs.items():
        yield f"a bomb as {suffix}", writes(f"bad/0.{suffix}", data)
    for suffix in ("png", "jpg", "tif", "bmp", "webp"):
        whole = encoded(f".{suffix}")
        yield f"a {suffix} cut off in its head", writes(f"bad/0.{suffix}", whole[:20])
        yield (
            f"a {suffix} of noise",
            writes(f"bad/0.{suffix}", whole[:12] + np.random.default_rng(2).bytes(4000)),
        )
        yield f"a {suffix} of text", writes(f"bad/0.{suffix}", b"no picture")
        yield f"an empty {suffix}", writes(f"bad/0.{suffix}", b"")
    yield "a png of no width", writes("bad/0.png", png_head(0, 5) + chunk(b"IEND", b""))
    yield "a png of 2^31 pixels in a row", writes("bad/0.png", png_head(2**31 - 1, 1) + chunk(b"IEND", b""))
    yield "a png of a depth nobody knows", writes("bad/0.png", png_head(8, 8, 7) + chunk(b"IEND", b""))
    yield "a png without pixels", writes("bad/0.png", png_head(8, 8) + chunk(b"IEND", b""))
    yield "a jpeg of no height", writes("bad/0.jpg", resized_jpeg(64, 0))
    yield "a bmp of a height below 0", writes("bad/0.bmp", bmp_bomb(64, -(2**31)))
    yield "a folder of no pictures", writes("bad/notes.txt", "text")
    yield "a png that is a jpeg cut off", writes("bad/0.png", encoded(".jpg")[:300])
    for kind in DEVICES:
        yield f"a picture is {kind}", device("bad/0.png", kind)


def references() -> Iterator[tuple[str, Make]]:
    for name, make in list(pictures())[::4]:
        yield name, both(make, _as_reference)


def _as_reference(folder: Path) -> None:
    next((folder / "bad").iterdir()).rename(folder / "reference.png")


# -- crops -------------------------------------------------------------------------------------------------


def in_record(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """Changes the record of a crop."""

    def changed(data: bytes) -> bytes:
        path = Path("crop.png")
        path.write_bytes(data)
        text = read_png_comment(path)
        assert text is not None
        return encode_png(read_image(path), comment=change(text))

    return changed


def _instead(new: str, _: str) -> str:
    return new


def crops() -> Iterator[tuple[str, Make]]:
    def of(path: str, value: object) -> Callable[[str], str]:
        def change(text: str) -> str:
            found = json.loads(text)
            at = found
            *above, last = path.split(".")
            for name in above:
                at = at[name]
            at[last] = value
            return json.dumps(found)

        return change

    for name in (
        "empty",
        "a list",
        "nested lists",
        "cut off",
        "half a surrogate",
        "a number of 5,000 digits",
    ):
        yield f"a record is {name}", crop(in_record(partial(_instead, TEXTS[name].decode())))
    for path, value in (
        ("facedouble", 99),
        ("facedouble", "1"),
        ("face", None),
        ("face.landmarks", "!!!"),
        ("face.landmarks", "AAAA" * 50_000),
        ("face.alignment", "AAAAAAAAAAA="),
        ("face.frame_index", -1),
        ("face.frame_index", 10**30),
        ("face.crop_size", 10**9),
        ("face.scheme", "\x1b[2J"),
        ("frame.name", "../../x"),
        ("frame.pts", 1e300),
        ("source.time_base", "1/0"),
        ("source.sha256", "x"),
        ("source.path", "/etc/passwd"),
        ("source.settings", {"size": 10**12}),
    ):
        yield f"a record's {path} is {str(value)[:20]!r}", crop(in_record(of(path, value)))
    yield "crops are noise", crop(lambda data: data[:40] + np.random.default_rng(4).bytes(500))
    yield "crops are empty", crop(lambda data: b"")
    yield "crops are text", crop(lambda data: b"no picture")


def whole_crops() -> Iterator[tuple[str, Make]]:
    """What becomes of crops while the database is whole."""
    yield "crops of 32,000 pixels", crop(lambda data: png_bomb(32_000))
    yield "crops of another size", crop(lambda data: encoded(".png", 32, 32))
    yield "crops are noise", crop(lambda data: data[:60] + np.random.default_rng(5).bytes(900))
    yield "crops are empty", crop(lambda data: b"")
    for kind in DEVICES:
        yield f"crops are {kind}", partial(_crops_as, kind)


def _crops_as(kind: str, folder: Path) -> None:
    for path in list((folder / "faces" / "faces").glob("*.png")):
        device(str(path.relative_to(folder)), kind)(folder)


# -- clips -------------------------------------------------------------------------------------------------


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def y4m(head: str) -> bytes:
    return f"YUV4MPEG2 {head}\nFRAME\n".encode() + bytes(5000)


def changed(change: Callable[[bytearray], object], name: str = "bad.mp4") -> Make:
    """A copy of the good clip with some bytes changed."""

    def make(folder: Path) -> None:
        data = bytearray((folder / "clip.mp4").read_bytes())
        change(data)
        (folder / name).write_bytes(data)

    return make


def put(data: bytearray, mark: bytes, offset: int, new: bytes) -> None:
    start = data.index(mark) + offset
    data[start : start + len(new)] = new


def _cut(share: int, data: bytearray) -> None:
    del data[len(data) * share // 100 :]


def clips() -> Iterator[tuple[str, Make]]:
    for name in ("empty", "zeros", "no text", "nested lists"):
        for suffix in ("mp4", "mkv", "avi", "ts"):
            yield f"a {suffix} of {name}", writes(f"bad.{suffix}", TEXTS[name])
    for kind in DEVICES:
        yield f"a clip is {kind}", device("bad.mp4", kind)
    head = box(b"ftyp", b"isom\0\0\0\0")
    yield "a head and nothing else", writes("bad.mp4", head)
    yield "a film without streams", writes("bad.mp4", head + box(b"moov", box(b"mvhd", bytes(100))))
    yield (
        "boxes in boxes",
        writes(
            "bad.mp4", head + b"".join(struct.pack(">I4s", 8 * (20_000 - n), b"moov") for n in range(20_000))
        ),
    )
    yield (
        "20,000 tracks",
        writes("bad.mp4", head + box(b"moov", box(b"trak", box(b"tkhd", bytes(84))) * 20_000)),
    )
    yield "a million boxes", writes("bad.mp4", head + box(b"free") * 1_200_000)
    for share in (5, 20, 60, 95):
        yield f"{share} % of a clip", changed(partial(_cut, share))
    yield "60 million samples", changed(lambda data: put(data, b"stsz", 8, struct.pack(">II", 0, 60_000_000)))
    yield (
        "4 billion samples of one size",
        changed(lambda data: put(data, b"stsz", 8, struct.pack(">II", 7, 0xFFFFFFFF))),
    )
    yield "4 billion times", changed(lambda data: put(data, b"stts", 8, struct.pack(">I", 0xFFFFFFFF)))
    yield "4 billion chunks", changed(lambda data: put(data, b"stco", 8, struct.pack(">I", 0xFFFFFFFF)))
    yield "no time scale", changed(lambda data: put(data, b"mdhd", 16, bytes(4)))
    yield "65,535 pixels square", changed(lambda data: put(data, b"avc1", 28, b"\xff" * 4))
    yield "chunks beyond the end", changed(lambda data: put(data, b"stco", 12, b"\x7f\xff\xff\xff"))
    yield (
        "no pictures but noise",
        changed(
            lambda data: data.__setitem__(
                slice(data.index(b"mdat") + 40, data.index(b"mdat") + 9000),
                np.random.default_rng(6).bytes(8960),
            )
        ),
    )
    for name, text in {
        "a list of streams": "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "an endless list": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nbad.m3u8\n",
        "a script of clips": "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "a description of a call": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n",
    }.items():
        for suffix in ("m3u8", "mp4"):
            yield f"{name} as {suffix}", writes(f"bad.{suffix}", text)
    for name, text in {
        "of 16,000 pixels square": "W16000 H16000 F25:1 Ip A1:1 C420",
        "of no size": "W0 H0 F25:1",
        "of sizes below 0": "W-64 H-64 F25:1",
        "of a rate of 1/0": "W64 H48 F1:0",
        "of a rate of 2^31": "W64 H48 F2147483647:1",
        "of words": "Wide High Fast",
        "of a head without end": "W64 " + "X" * 10_000,
    }.items():
        yield f"raw pictures {name}", writes("bad.y4m", y4m(text))


# -- marks -------------------------------------------------------------------------------------------------


def marks() -> Iterator[tuple[str, str, Make]]:
    """Each with the name of its file."""
    for suffix in ("png", "jpg", "tif"):
        name, whole = f"bad.{suffix}", encoded(f".{suffix}")
        for title, packet in {
            "nothing": b"",
            "zeros": bytes(300),
            "an unknown encoding": b'<?xml version="1.0" encoding="nonsense"?><a/>',
            "a multi-byte encoding": b'<?xml version="1.0" encoding="shift_jis"?><a/>',
            "nested elements": b"<a>" * 15_000,
            "entities": b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>",
            "a nested label": xmp_packet('{"AIGC":' * 5_000),
            "a label of 40,000 signs": xmp_packet(json.dumps({"Label": "9" * 9_000, "ProduceID": "\x1b[2J"})),
        }.items():
            yield f"XMP of {title} in {suffix}", name, writes(name, with_xmp(whole, packet))
        yield f"a {suffix} cut off", name, writes(name, whole[: len(whole) // 2])
        yield f"a {suffix} of noise", name, writes(name, whole[:16] + np.random.default_rng(8).bytes(3000))
    store = chunk(b"caBX", struct.pack(">I4s", 60, b"jumb") + b"c2pa" + bytes(48))
    nested = b"".join(struct.pack(">I4s", 8 * (9_000 - n), b"jumb") for n in range(9_000))
    whole = encoded(".png")
    yield "credentials of zeros", "bad.png", writes("bad.png", whole[:33] + store + whole[33:])
    yield "nested credentials", "bad.png", writes("bad.png", whole[:33] + chunk(b"caBX", nested) + whole[33:])
    yield (
        "300,000 chunks",
        "bad.png",
        writes("bad.png", whole[:33] + chunk(b"teXt", b"") * 300_000 + store + whole[33:]),
    )
    yield (
        "40,000 segments",
        "bad.jpg",
        writes("bad.jpg", encoded(".jpg")[:2] + b"\xff\xe4\0\2" * 40_000 + encoded(".jpg")[2:]),
    )
    for kind in DEVICES:
        for suffix in ("png", "mp4"):
            yield f"a marked {suffix} is {kind}", f"bad.{suffix}", device(f"bad.{suffix}", kind)
    yield (
        "a sidecar of noise",
        "bad.mkv",
        both(
            writes("bad.mkv", b"\x1a\x45\xdf\xa3" + bytes(99)),
            writes("bad.c2pa", np.random.default_rng(9).bytes(999)),
        ),
    )
    yield (
        "a sidecar without end",
        "bad.mkv",
        both(writes("bad.mkv", b"\x1a\x45\xdf\xa3" + bytes(99)), device("bad.c2pa", "/dev/zero")),
    )
    for name in ("empty", "no text", "nested lists"):
        for suffix in ("png", "webp", "mov", "exr"):
            yield f"a marked {suffix} is {name}", f"bad.{suffix}", writes(f"bad.{suffix}", TEXTS[name])


# -- certificates ------------------------------------------------------------------------------------------

PEM = "-----BEGIN {0}-----\n{1}\n-----END {0}-----\n"
CERTIFICATES = {
    **{name: TEXTS[name] for name in ("empty", "zeros", "no text", "nested lists", "UTF-16")},
    "a certificate of nothing": PEM.format("CERTIFICATE", "").encode(),
    "a certificate of zeros": PEM.format("CERTIFICATE", "AAAA" * 20).encode(),
    "a certificate cut off": b"-----BEGIN CERTIFICATE-----\nMIIB",
    "a certificate of no base64": PEM.format("CERTIFICATE", "!!!!").encode(),
    "a certificate of nested lists": PEM.format("CERTIFICATE", "MIAwgDCAMIAwgDCAMIA=" * 30).encode(),
    "a key of zeros": PEM.format("PRIVATE KEY", "AAAA" * 20).encode(),
    "an encrypted key": PEM.format("ENCRYPTED PRIVATE KEY", "AAAA" * 20).encode(),
}


def certificates() -> list[BadInput]:
    trust = ["verify", "picture.png", "--trust", "bad.pem"]
    sign = [*CONVERT, *["--certificate", "bad.pem", "--key", "bad.pem"]]
    makes = [(name, writes("bad.pem", data)) for name, data in CERTIFICATES.items()]
    makes += [(f"it is {kind}", device("bad.pem", kind)) for kind in DEVICES]
    return [*table("certificate", trust, makes), *table("certificate to sign", sign, makes[::3])]


# -- names -------------------------------------------------------------------------------------------------

NAMES = {
    "escapes": "\x1b[2J\x1b[31m.mp4",
    "line ends": "a\nb\r.mp4",
    "the other direction": "\u202e4pm.exe",
    "Latin-1": "caf\udce9.mp4",
    "a name too long": "n" * 300 + ".mp4",
    "a path too long": "/".join(["d" * 200] * 30) + "/a.mp4",
    "an address": "http://127.0.0.1:9/a.mp4",
    "a protocol": "concat:clip.mp4|clip.mp4",
    "a device": "/dev/null",
    "nothing": "",
    "a folder above": "..",
    "markup": "[red]a[/red].mp4",
    "a pattern": "%d%s%n{0}.mp4",
}


def names() -> list[BadInput]:
    found = []
    for title, name in NAMES.items():
        for command in (
            ["frames", name, "-o", "new"],
            ["extract", "-i", name, "-o", "new"],
            ["verify", name],
            ["faces", name],
            ["convert", "-i", "clip.mp4", "-m", name, "-o", "out.mp4"],
            ["status", name],
        ):
            found.append(
                BadInput(
                    f"{title}: {command[0]}",
                    lambda folder: None,
                    command,
                    harmless=title in ("nothing", "a folder above"),
                )
            )
    return found


_PLAYABLE = {  # frames come out of these; the rest is missing, or is not needed
    *(f"{share} % of a clip" for share in (60, 95)),
    "4 billion chunks",
    "65,535 pixels square",
    "no pictures but noise",
}


def media() -> list[BadInput]:
    frames = ["frames", "-o", "new"]
    found = [
        *table("picture", EXTRACT, pictures()),
        *table(
            "reference",
            ["extract", "-i", "clip.mp4", "-o", "new", "-j", "1", "-f", "reference.png"],
            references(),
        ),
        *table("matte", [*CONVERT, "--matte", "bad"], list(pictures())[::5]),
        *(BadInput(f"crop: {name}", both(make, lost), REBUILD) for name, make in crops()),
        *table(
            "crop to train",
            ["train", "-A", "faces", "-B", "faces", "-m", "new", "--iterations", "1"],
            whole_crops(),
        ),
        *table("crop to see", ["faces", "faces", "--contact-sheet", "new.png"], whole_crops()),
        *certificates(),
        *names(),
    ]
    for name, make in clips():
        suffix = next((s for s in ("mkv", "avi", "ts", "m3u8", "y4m") if s in name.split()), "mp4")
        suffix = "y4m" if name.startswith("raw") else suffix
        found.append(BadInput(f"clip: {name}", make, [*frames, f"bad.{suffix}"], harmless=name in _PLAYABLE))
    found += [BadInput(f"mark: {name}", make, ["verify", file], verdict=True) for name, file, make in marks()]
    return found
