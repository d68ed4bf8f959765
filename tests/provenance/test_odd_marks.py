"""Marks that no program of good will writes: lengths, dates, encodings, sizes, signs that steer a
terminal."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest

from facedouble.cli.main import main
from facedouble.errors import InputError
from facedouble.provenance import contents, mp4
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.describe import describe
from facedouble.provenance.image_xmp import with_xmp
from facedouble.provenance.marker import Marker
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.provenance.splicing import ByteRange, SplicedFile
from facedouble.provenance.verify import State, Verdict, Verifier, verify
from facedouble.provenance.xmp import (
    DIGITAL_SOURCE_TYPE,
    MAX_LABEL,
    aigc_label,
    read_aigc,
    read_packet,
    xmp_packet,
)
from tests.provenance.conftest import sign

Read = Callable[[Path], object]
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
LABEL = aigc_label("facedouble", "1")
PNG_STORE, MP4_STORE = b"caBX", bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


@pytest.fixture
def marked(
    picture: Callable[[str], Path],
    clip: Callable[..., Path],
    credentials: Credentials,
    identity: SigningIdentity,
) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        marker = Marker(credentials, identity)
        if name.endswith(("mp4", "mov", "mkv")):
            path = clip(name)
            marker.clip(path)
        else:
            path = picture(name)
            path.write_bytes(marker.image(path.read_bytes(), name))
        return path

    return make


def one(path: Path) -> Verdict:
    [verdict] = verify(path)
    return verdict


# -- lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 7, 2])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.mp4", "a.mov", "a.mkv"])
def test_credentials_longer_than_their_place(name: str, length: int, marked: Callable[[str], Path]) -> None:
    """The length of the outermost box is outside of every signature."""
    path = marked(name)
    assert one(path).state is State.INTACT
    holder = path.with_suffix(".c2pa") if name == "a.mkv" else path
    data = holder.read_bytes()
    start = data.index(b"jumb") - 4
    true = data[start : start + 4]
    data = data.replace(true + b"jumb", struct.pack(">I", length) + b"jumb") if name == "a.jpg" else data
    holder.write_bytes(data[:start] + struct.pack(">I", length) + data[start + 4 :])
    found = one(path)
    assert found.state is State.CHANGED
    assert "length" in found.problems[0]


@pytest.mark.parametrize("kind", [b"free", b"skip"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_free_space_at_the_end_changes_nothing(
    name: str, kind: bytes, marked: Callable[[str], Path], contents: Read
) -> None:
    """Players skip it, and it is outside of the hash by the standard's list; see verify.py."""
    path = marked(name)
    before = contents(path)
    path.write_bytes(path.read_bytes() + struct.pack(">I4s", 108, kind) + b"x" * 100)
    assert one(path).state is State.INTACT
    assert contents(path) == before


@pytest.mark.parametrize("kind", [b"mdat", b"moov", b"uuid", b"abcd"])
def test_anything_else_at_the_end_is_a_change(kind: bytes, marked: Callable[[str], Path]) -> None:
    path = marked("a.mp4")
    path.write_bytes(path.read_bytes() + struct.pack(">I4s", 108, kind) + b"x" * 100)
    assert one(path).state is State.CHANGED


# -- sizes -------------------------------------------------------------------------------------------------


class CountingFile(BytesIO):
    """Counts the bytes that are read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.mp4", "a.mov"])
def test_only_heads_and_what_matters_are_read(name: str, marked: Callable[[str], Path]) -> None:
    data = marked(name).read_bytes()
    kind = {"png": "image/png", "jpg": "image/jpeg", "tif": "image/tiff"}.get(name[2:], "video/mp4")
    if kind == "video/mp4":
        data += struct.pack(">I4s", 8 + 4_000_000, b"mdat") + bytes(4_000_000)
    elif kind == "image/png":
        pixels = struct.pack(">I4s", 4_000_000, b"IDAT") + bytes(4_000_004)
        data = data[:33] + pixels + data[33:]
    else:
        data += bytes(4_000_000)
    file = CountingFile(data)
    found = contents.contents_of(file, kind)
    assert found.store is not None
    assert found.store.fits
    assert found.xmp is not None
    assert file.bytes_read < 40_000


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.mp4", "a.mov", "a.mkv", "a.exr"])
def test_a_huge_file_without_marks_is_not_read(
    name: str,
    picture: Callable[[str], Path],
    clip: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """6 GB, of which nearly nothing is on disk."""
    path = clip(name) if name[2:] in ("mp4", "mov", "mkv") else picture(name.replace("exr", "png"))
    path = path.rename(path.with_name(name))
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        if name in ("a.mp4", "a.mov"):
            file.write(struct.pack(">I4sQ", 1, b"mdat", 6 << 30))
        file.truncate(end + (6 << 30))
    assert main(["verify", str(path)]) == 1
    assert capsys.readouterr().out.startswith(f"{name}: unmarked")


def test_a_large_image_with_credentials_is_refused_in_one_line(marked: Callable[[str], Path]) -> None:
    path = marked("a.jpg")
    with path.open("r+b") as file:
        file.truncate(6 << 30)
    with pytest.raises(InputError, match="too large to be checked"):
        verify(path)


def test_five_million_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mp4"
    start = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    path.write_bytes(start + struct.pack(">I4s", 8, b"free") * 5_000_000)
    assert main(["verify", str(path)]) == 1
    assert "more than 1,000,000 boxes" in capsys.readouterr().err


def test_too_many_boxes_for_the_library(marked: Callable[[str], Path]) -> None:
    path = marked("a.mp4")
    path.write_bytes(path.read_bytes() + struct.pack(">I4s", 8, b"free") * (contents.MAX_PARTS + 1))
    with pytest.raises(InputError, match="too many parts to be checked"):
        verify(path)


def test_boxes_in_boxes_without_end(tmp_path: Path) -> None:
    depth = 50_000
    nested = b"".join(struct.pack(">I4s", 8 * (depth - n), b"trak") for n in range(depth))
    data = (
        struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
        + struct.pack(">I4s", 8 + len(nested), b"moov")
        + nested
    )
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    assert one(path).state is State.UNMARKED
    with pytest.raises(InputError, match="damaged"):
        mp4.labelled(BytesIO(data), path, LABEL, xmp_packet)


def test_a_spliced_file_of_many_pieces() -> None:
    """Each read finds its piece at once, also among empty ones."""
    few: list[bytes | ByteRange] = [b"", b"ab", b"", ByteRange(1, 3), b"", b"c"]
    pieces = [*(few * 50_000), b""]
    file = BufferedReader(SplicedFile(BytesIO(b"wxyz"), pieces))
    assert file.seek(0, 2) == 250_000
    file.seek(123_455)
    assert file.read(5) == b"abxyc"
    file.seek(0)
    assert file.read() == b"abxyc" * 50_000


# -- packets and labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_packets_in_any_unicode(encoding: str) -> None:
    text = xmp_packet(LABEL).decode()
    for packet in (text, text.partition("\n")[2], " \n" + text.partition("\n")[2]):
        found = read_packet(packet.encode(encoding))
        assert found.source_type == DIGITAL_SOURCE_TYPE
        assert found.aigc == json.loads(LABEL)


@pytest.mark.parametrize(
    "declared", ["utf-16", "shift_jis", "gb18030", "euc-jp", "utf-7", "nonsense", "utf-8\0", "base64", ""]
)
def test_a_declared_encoding_does_not_count(
    declared: str, picture: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    packet = xmp_packet(LABEL).partition(b"\n")[2]
    packet = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + packet
    path = picture("a.png")
    path.write_bytes(with_xmp(path.read_bytes(), packet))
    assert main(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("a.png: unmarked")
    if declared in ("utf-16", "shift_jis"):
        assert "AIGC label synthetic, by facedouble, number 1" in out


@pytest.mark.parametrize(
    "packet",
    [
        b"<a>" * 100_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"\xff\xfe<\0a\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0",
        b"<a/>" * 10,
        b"x" * (1 << 21),
        b"<a b='" + b"c" * 1_000_000 + b"'/>",
        b"\xed\xa0\x80",
    ],
    ids=lambda packet: packet[:8].hex(),
)
def test_packets_that_are_none(packet: bytes) -> None:
    assert read_packet(packet).source_type is None
    assert read_packet(xmp_packet(LABEL, packet)).aigc == json.loads(LABEL)


@pytest.mark.parametrize(
    "text",
    [
        '{"AIGC":' * 100_000,
        "[" * 100_000,
        '{"Label": ' + "[" * 90_000 + "]" * 90_000 + "}",
        '{"Label": ["1"]}',
        '{"Label": {"a": "b"}}',
        '{"Label": null}',
        '{"Label": 1e400}',
        '{"Label": ' + "9" * 5000 + "}",
        '{"AIGC": {"AIGC": {"Label": "1"}}}',
        '{"Label": "' + "1" * MAX_LABEL + '"}',
        "\ud800",
    ],
    ids=lambda text: text[:20],
)
def test_labels_that_are_none(text: str) -> None:
    assert read_aigc(text) is None


def test_values_that_no_label_has_are_left_out() -> None:
    assert read_aigc('{"Label": 1, "ContentProducer": ["a"], "ProduceID": "7"}') == {
        "Label": "1",
        "ProduceID": "7",
    }


def test_nothing_of_a_label_steers_the_terminal(
    picture: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    label = {"Label": "9\x1b[2J", "ContentProducer": "\u202e" + "a" * 9_000, "ProduceID": "b\r\n\x07\u2028"}
    path = picture("a.png")
    packet = xmp_packet(json.dumps(label)).replace(
        DIGITAL_SOURCE_TYPE.encode(), b"http://a/" + b"t" * 100_000 + "\u202e\u009b".encode()
    )
    path.write_bytes(with_xmp(path.read_bytes(), packet))
    assert main(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert out.count("\n") == 2
    assert len(out) < 1500
    assert "of no known value (9\ufffd[2J)" in out


# -- statements --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59",
        "2026-01-01",
        "2026-W01-1",
        "yesterday\x1b[2J",
        "9" * 100_000,
    ],
)
def test_times_out_of_range(
    when: str, picture: Callable[[str], Path], identity: SigningIdentity, capsys: pytest.CaptureFixture[str]
) -> None:
    path = picture("a.png")
    action = {"action": "c2pa.created", "when": when, "description": "taken", "digitalSourceType": SOURCE}
    sign(
        path,
        identity,
        {
            "claim_generator_info": [{"name": "Camera"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        },
    )
    assert main(["verify", str(path)]) in (0, 1)
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert len(out) < 2000


def test_statements_without_end_are_cut(picture: Callable[[str], Path], identity: SigningIdentity) -> None:
    path = picture("a.png")
    long = "\x1b[31m" + "x" * 10_000
    data = {
        "parameters": {f"{number}{long}": long for number in range(30)},
        "source": {"name": long, "sha256": long},
        "consent": {"sha256": [long]},
    }
    action = {"action": "c2pa.created", "description": long, "digitalSourceType": SOURCE}
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
        {"label": "org.facedouble.double", "kind": "Json", "data": data},
    ]
    sign(path, identity, {"claim_generator_info": [{"name": "other"}], "assertions": assertions})
    found = Verifier(identity).verify(path)
    assert found.state is State.INTACT
    told = describe(found)
    assert all(line.isprintable() for line in told)
    assert sum(map(len, told)) < 10_000
    assert "and 20 more" in "".join(told)


def test_names_of_files_are_cleaned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        (tmp_path / f"{number}\x1b[2J\n\u202e.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["verify", str(tmp_path)]) == 1
    assert main(["verify", str(next(tmp_path.iterdir()))]) == 1
    shown = capsys.readouterr()
    assert (shown.out + shown.err).replace("\n", "").isprintable()
    assert shown.err.count("\n") == 1
