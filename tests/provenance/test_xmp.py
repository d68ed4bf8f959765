"""The plain labels, read by parsers that are not ours."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from xml.dom import minidom

import av
import cv2
import numpy as np
import pytest

from facedouble.errors import FacedoubleError, InputError, SettingsError
from facedouble.provenance import mp4
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.image_xmp import read_xmp, with_xmp
from facedouble.provenance.xmp import (
    DIGITAL_SOURCE_TYPE,
    Labels,
    aigc_label,
    read_aigc,
    read_packet,
    xmp_packet,
)

LABEL = aigc_label("facedouble", "number-1")
Read = Callable[[Path], object]


def property_of(packet: bytes, name: str) -> str:
    [element] = minidom.parseString(packet).getElementsByTagName(name)
    return "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text))


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of boxes one after the other; written anew, to check ours."""
    found = []
    while data:
        size, kind = struct.unpack(">I4s", data[:8])
        found.append((kind, data[8:size]))
        data = data[size:]
    return found


def labelled(path: Path, label: str = LABEL) -> Path:
    out = path.with_name(f"labelled{path.suffix}")
    with path.open("rb") as file:
        out.write_bytes(mp4.labelled(file, path, label, xmp_packet).read())
    return out


def test_the_packet_is_xml_with_both_labels() -> None:
    packet = xmp_packet(LABEL)
    assert property_of(packet, "Iptc4xmpExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
    assert json.loads(property_of(packet, "TC260:AIGC")) == json.loads(LABEL)
    assert packet.decode().startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert read_packet(packet) == Labels(DIGITAL_SOURCE_TYPE, json.loads(LABEL))


def test_a_packet_keeps_what_it_said_of_other_things() -> None:
    old = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="it"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:own="http://example.com/own/"
        xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" dc:format="video/mp4"
        i:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture">
        <own:shot>7 &amp; 8</own:shot></rdf:Description></rdf:RDF></x:xmpmeta>"""
    packet = xmp_packet(LABEL, xmp_packet(LABEL, old))
    assert packet.count(b"digitalCapture") == 0
    assert packet.count(b"DigitalSourceType>") == 2
    assert packet.count(b"TC260:AIGC>") == 2
    assert b'format="video/mp4"' in packet
    assert b"7 &amp; 8" in packet
    assert read_packet(packet).source_type == DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize(
    "bad", [b"", b"<x", b"no xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe\0"]
)
def test_a_packet_that_is_no_xml_is_replaced(bad: bytes) -> None:
    assert read_packet(bad) == Labels()
    assert read_packet(xmp_packet(LABEL, bad)).source_type == DIGITAL_SOURCE_TYPE


def test_the_aigc_label_has_the_seven_fields_in_order() -> None:
    assert list(json.loads(LABEL)) == [
        "Label",
        "ContentProducer",
        "ProduceID",
        "ReservedCode1",
        "ContentPropagator",
        "PropagateID",
        "ReservedCode2",
    ]
    assert set(json.loads(LABEL).values()) == {"1", "facedouble", "number-1", ""}
    assert read_aigc(json.dumps({"AIGC": json.loads(LABEL)})) == json.loads(LABEL)
    assert read_aigc('{"other": 1}') is None
    assert read_aigc("[") is None


@pytest.mark.parametrize("name", ["", "two words", 'a"b', "a\\b", "公司"])
def test_a_producer_the_label_cannot_hold_is_told_at_once(name: str) -> None:
    with pytest.raises(SettingsError, match="producer"):
        Credentials(source_name="a", source_sha256="0" * 64, producer=name)


def test_each_image_has_a_number_of_its_own(credentials: Credentials) -> None:
    numbers = {json.loads(credentials.aigc(name))["ProduceID"] for name in (None, "1.png", "2.png")}
    assert len(numbers) == 3
    assert credentials.aigc("1.png") == credentials.aigc("1.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_an_image_keeps_its_pixels(name: str, picture: Callable[[str], Path]) -> None:
    data = picture(name).read_bytes()
    once = with_xmp(data, xmp_packet(LABEL))
    twice = with_xmp(once, xmp_packet(LABEL, read_xmp(once)))
    assert twice.count(b"DigitalSourceType>") == 2  # one element: begin and end
    for changed in (once, twice):
        assert read_packet(read_xmp(changed) or b"").aigc == json.loads(LABEL)
        before, after = (cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_COLOR) for d in (data, changed))
        np.testing.assert_array_equal(before, after)
    assert read_xmp(data) is None


def test_a_png_has_the_packet_in_its_place(picture: Callable[[str], Path]) -> None:
    data = with_xmp(picture("a.png").read_bytes(), xmp_packet(LABEL))
    file, kinds, text = BytesIO(data[8:]), [], b""
    while head := file.read(8):
        length, kind = struct.unpack(">I4s", head)
        body = file.read(length)
        assert zlib.crc32(kind + body) == int.from_bytes(file.read(4), "big")
        kinds.append(kind)
        if kind == b"iTXt":
            text = body
    assert kinds[:2] == [b"IHDR", b"iTXt"]
    assert kinds[-1] == b"IEND"
    assert text == b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_packet(LABEL)


def test_an_exif_segment_stays_first(picture: Callable[[str], Path]) -> None:
    data = picture("a.jpg").read_bytes()
    exif = b"\xff\xe1" + struct.pack(">H", 16) + b"Exif\0\0MM\0*\0\0\0\x08"
    changed = with_xmp(data[:2] + exif + data[2:], xmp_packet(LABEL))
    assert changed[2 : 2 + len(exif)] == exif
    assert changed.index(b"http://ns.adobe.com/xap/1.0/") < changed.index(b"\xff\xda")


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_half_an_image_is_told(name: str, picture: Callable[[str], Path]) -> None:
    data = picture(name).read_bytes()
    with pytest.raises(InputError, match="cut off"):
        with_xmp(data[:25], xmp_packet(LABEL))


def test_an_mp4_has_the_key_where_the_guide_wants_it(clip: Callable[..., Path]) -> None:
    out = labelled(clip("a.mp4", movflags="+faststart"))
    top = boxes(out.read_bytes())
    assert [kind for kind, _ in top] == [b"ftyp", b"moov", b"free", b"mdat", b"uuid"]
    udta = dict(boxes(dict(top)[b"moov"]))[b"udta"]
    metas = [boxes(content[4:]) for kind, content in boxes(udta) if kind == b"meta"]
    keys = dict(metas[-1])[b"keys"]
    items = dict(boxes(dict(metas[-1])[b"ilst"]))
    assert keys == struct.pack(">IIII", 0, 1, 12, int.from_bytes(b"mdta", "big")) + b"AIGC"
    assert items == {
        struct.pack(">I", 1): struct.pack(">I4sII", 16 + len(LABEL), b"data", 1, 0) + LABEL.encode()
    }
    xmp = dict(top)[b"uuid"]
    assert xmp[:16].hex() == "be7acfcb97a942e89c71999491e3afac"
    assert property_of(xmp[16:], "Iptc4xmpExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
    assert b"AIGC" not in xmp  # a file carries one such label


@pytest.mark.parametrize("options", [{"movflags": "+faststart"}, {}, {"movflags": "+use_metadata_tags"}])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_clip_keeps_frames_times_sound_and_tags(
    name: str, options: dict[str, str], clip: Callable[..., Path], contents: Read
) -> None:
    path = clip(name, **options)
    out = labelled(labelled(path, aigc_label("another", "0")))
    assert contents(out) == contents(path)
    with av.open(str(path)) as old, av.open(str(out)) as new:
        assert new.metadata == old.metadata | {"AIGC": LABEL}
        assert {"title", "comment"} <= new.metadata.keys()
    assert out.read_bytes().count(b'"ContentProducer"') == 1
    with out.open("rb") as file:
        found = mp4.clip_carries(file, out)
    aigc, xmp = found.aigc, found.xmp
    assert aigc == LABEL
    assert read_packet(xmp or b"") == Labels(DIGITAL_SOURCE_TYPE, None)


def test_the_xmp_that_a_clip_had_is_kept_once(clips: dict[str, Path], tmp_path: Path, contents: Read) -> None:
    """The demonstration's clips come from an editing program and are full of it."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clips["sample_01"].read_bytes())
    out = labelled(path)
    assert contents(out) == contents(path)
    with out.open("rb") as file:
        xmp = mp4.clip_carries(file, out).xmp
    assert b"Adobe Premiere Pro" in (xmp or b"")
    assert out.read_bytes().count(b"<?xpacket begin") == 1


def test_a_clip_in_fragments_has_it_all_at_its_end(clip: Callable[..., Path], contents: Read) -> None:
    path = clip("a.mp4", movflags="+frag_keyframe+empty_moov")
    out = labelled(path)
    assert out.read_bytes().startswith(path.read_bytes())
    assert contents(out) == contents(path)
    with out.open("rb") as file:
        xmp = mp4.clip_carries(file, out).xmp
    assert read_packet(xmp or b"") == Labels(DIGITAL_SOURCE_TYPE, json.loads(LABEL))


def test_a_last_box_without_a_size_gets_one(clip: Callable[..., Path], contents: Read) -> None:
    path = clip("a.mp4", movflags="+faststart")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") - 4
    data[start : start + 4] = bytes(4)
    path.write_bytes(data)
    assert contents(labelled(path)) == contents(path)


def test_offsets_of_64_bits_are_moved_too(clip: Callable[..., Path], contents: Read) -> None:
    path = clip("a.mp4", movflags="+faststart")
    before = contents(path)
    data = path.read_bytes()
    start = data.index(b"stco") - 4
    size, _, flags, count = struct.unpack_from(">I4sII", data, start)
    # One of the two tables becomes a wide one; what it lies in, and what is behind it, grow by as much.
    more = 4 * count
    wide = bytearray(struct.pack(">I4sII", size + more, b"co64", flags, count))
    for index in range(count):
        (offset,) = struct.unpack_from(">I", data, start + 16 + 4 * index)
        wide += struct.pack(">Q", offset + more)
    changed = bytearray(data[:start] + wide + data[start + size :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        at = changed.index(kind) - 4
        changed[at : at + 4] = struct.pack(">I", int.from_bytes(changed[at : at + 4], "big") + more)
    second = changed.index(b"stco") - 4
    for index in range(int.from_bytes(changed[second + 12 : second + 16], "big")):
        at = second + 16 + 4 * index
        changed[at : at + 4] = struct.pack(">I", int.from_bytes(changed[at : at + 4], "big") + more)
    path.write_bytes(changed)
    assert contents(path) == before
    assert contents(labelled(path)) == before


def test_damaged_clips_are_told_in_one_way(clip: Callable[..., Path]) -> None:
    path = clip("a.mp4", movflags="+faststart")
    data, rng = path.read_bytes(), np.random.default_rng(5)
    told: list[str] = []
    for number in range(300):
        damaged = bytearray(data[: rng.integers(len(data))] if number % 10 == 0 else data)
        for position in rng.integers(0, max(1, min(len(damaged), 3000)), 4):
            damaged[position : position + 1] = bytes([rng.integers(256)])
        try:
            mp4.labelled(BytesIO(damaged), path, LABEL, xmp_packet).read()
            mp4.clip_carries(BytesIO(damaged), path)
        except FacedoubleError as error:
            told.append(str(error))
    assert len(told) > 30
    assert all(str(path) in text for text in told)
