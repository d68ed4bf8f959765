"""Credentials of the source that cannot be carried over are said in one line."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from facedouble.conversion.marking import make_marking
from facedouble.provenance import contents
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.marker import Marker
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.settings.convert import ConvertSettings


@pytest.fixture
def marked(
    clip: Callable[[str], Path],
    picture: Callable[[str], Path],
    credentials: Credentials,
    identity: SigningIdentity,
) -> Callable[[str], Path]:
    """A clip or image that is marked already."""

    def make(name: str) -> Path:
        image = name.endswith(".png")
        path = picture(name) if image else clip(name)
        marker = Marker(credentials, identity)
        if image:
            path.write_bytes(marker.image(path.read_bytes(), name))
        else:
            marker.clip(path)
        return path

    return make


def remark(source: Path) -> str | None:
    marking = make_marking(ConvertSettings(), source, source.with_name("out.mp4"))
    assert marking is not None
    return marking.remark


def test_nothing_is_said_where_they_are_carried_over_or_there_are_none(
    marked: Callable[[str], Path], clip: Callable[[str], Path]
) -> None:
    assert remark(marked("a.mp4")) is None
    assert remark(clip("b.mp4")) is None


def test_too_many_parts(marked: Callable[[str], Path]) -> None:
    path = marked("a.mp4")
    path.write_bytes(path.read_bytes() + struct.pack(">I4s", 8, b"free") * (contents.MAX_PARTS + 1))
    said = remark(path)
    assert said is not None
    assert said.startswith("a.mp4: its content credentials are not carried over; the file has 20,0")


def test_credentials_that_cannot_be_read(marked: Callable[[str], Path]) -> None:
    path = marked("a.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"jumb") + 40
    data[at : at + 200] = bytes(200)
    path.write_bytes(bytes(data))
    said = remark(path)
    assert said is not None
    assert said.startswith("a.mp4: its content credentials are not carried over; they cannot be read")
    assert "\n" not in said


def test_credentials_in_a_sidecar(marked: Callable[[str], Path]) -> None:
    said = remark(marked("a.mkv"))
    assert said == "a.mkv: its content credentials are not carried over; they lie in a.c2pa"


def test_credentials_of_images_in_a_folder(marked: Callable[[str], Path]) -> None:
    path = marked("a.png")
    said = remark(path.parent)
    assert said == f"{path.parent.name}: the content credentials of 1 of its images are not carried over"
