"""Marking real files with the real library, and what changing them afterwards does."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.errors import FacedoubleError, InputError, OutputError
from facedouble.provenance import signer
from facedouble.provenance.credentials import Credentials, consent_hash
from facedouble.provenance.marker import Marker, sidecar_of
from facedouble.provenance.signing_identity import SigningIdentity
from facedouble.provenance.verify import State, Verdict, Verifier, verify
from facedouble.provenance.xmp import DIGITAL_SOURCE_TYPE
from facedouble.video.images import read_image, read_png_comment, write_png
from tests.full_disk import size_limit

CLIPS = ["a.mp4", "a.m4v", "a.mov", "a.mkv", "a.webm"]
IMAGES = ["a.png", "a.jpg", "a.tif"]
Read = Callable[[Path], object]


@pytest.fixture
def made(
    clip: Callable[..., Path], picture: Callable[[str], Path], credentials: Credentials
) -> Callable[[str], Path]:
    """A clip or an image as a conversion writes it."""

    def make(name: str) -> Path:
        if name in IMAGES:
            return picture(name)
        if name.endswith(("mkv", "webm")):
            return clip(name, tags=credentials.tags())
        return clip(name, movflags="+faststart")

    return make


def mark(path: Path, credentials: Credentials, identity: SigningIdentity) -> Path | None:
    """Mark a clip, or an image as those do who write it; the file beside it."""
    marker = Marker(credentials, identity)
    if path.suffix in (".mp4", ".m4v", ".mov", ".mkv", ".webm"):
        return marker.clip(path)
    path.write_bytes(marker.image(path.read_bytes(), path.name))
    return None


def one(path: Path) -> Verdict:
    [verdict] = verify(path)
    return verdict


def flip(path: Path, position: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", CLIPS + IMAGES)
def test_what_is_marked_says_what_was_done(
    name: str, made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made(name)
    sidecar = mark(path, credentials, identity)
    found = one(path)
    assert found.state is State.INTACT
    assert found.own
    assert found.statements.synthetic
    assert found.signer == identity.name
    assert found.statements.program == f"facedouble {credentials.version}"
    assert found.statements.action == "a person's face was replaced by a trained model"
    assert (found.statements.source_name, found.statements.source_sha256) == ("take 1.mp4", "ab" * 32)
    assert found.statements.consent_sha256 == "cd" * 32
    assert found.statements.parameters == {"model": "anna", "iteration": 1200}
    assert found.statements.time is not None
    assert found.statements.ancestors == 0
    assert found.problems == ()
    beside = path.with_suffix(".c2pa") if name in ("a.mkv", "a.webm") else None
    assert found.sidecar == sidecar == beside
    assert set(path.parent.iterdir()) == {path, beside} - {None}  # no drafts
    assert found.labels.source_type == DIGITAL_SOURCE_TYPE
    label = json.loads(credentials.aigc(None if name in CLIPS else name))
    assert found.labels.aigc == label


@pytest.mark.parametrize("name", CLIPS)
def test_a_marked_clip_plays_as_before(
    name: str,
    made: Callable[[str], Path],
    credentials: Credentials,
    identity: SigningIdentity,
    contents: Read,
) -> None:
    path = made(name)
    before = contents(path)
    mark(path, credentials, identity)
    assert contents(path) == before
    with av.open(str(path)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert (tags["title"], tags["comment"]) == ("a title", "a comment")
    assert json.loads(tags["aigc"])["Label"] == "1"


@pytest.mark.slow
def test_a_demonstration_clip_plays_as_before(
    clips: dict[str, Path],
    tmp_path: Path,
    credentials: Credentials,
    identity: SigningIdentity,
    contents: Read,
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clips["sample_02"].read_bytes())
    mark(path, credentials, identity)
    assert one(path).state is State.INTACT
    assert contents(path) == contents(clips["sample_02"])
    flip(path, path.stat().st_size // 2)
    assert one(path).state is State.CHANGED


@pytest.mark.parametrize("name", IMAGES)
def test_a_marked_image_looks_as_before(
    name: str, made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made(name)
    before = read_image(path)
    mark(path, credentials, identity)
    np.testing.assert_array_equal(read_image(path), before)


def test_an_image_keeps_its_comment(
    tmp_path: Path, credentials: Credentials, identity: SigningIdentity
) -> None:
    path = tmp_path / "a.png"
    write_png(path, np.zeros((8, 8, 3), np.uint8), comment="synthetic media")
    mark(path, credentials, identity)
    assert read_png_comment(path) == "synthetic media"


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", CLIPS + IMAGES)
def test_one_bit_shows(
    name: str,
    large: bool,
    made: Callable[[str], Path],
    credentials: Credentials,
    identity: SigningIdentity,
    contents: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if large:  # the way of large clips, which are hashed in pieces
        monkeypatch.setattr(signer, "_LARGE", 1)
    path = made(name)
    before = contents(path) if name in CLIPS else None
    mark(path, credentials, identity)
    assert one(path).state is State.INTACT
    if before is not None:
        assert contents(path) == before
    whole = path.read_bytes()
    pixels = {".png": b"IDAT", ".jpg": b"\xff\xda"}.get(path.suffix, b"mdat")
    start = max(whole.find(pixels), 0)
    places = [start + 20, (start + len(whole)) // 2, len(whole) - 20]
    places.append(whole.index(b"ContentProducer"))
    for position in places:
        flip(path, position)
        found = one(path)
        assert found.state is State.CHANGED, position
        assert found.problems
        path.write_bytes(whole)
    assert one(path).state is State.INTACT


@pytest.mark.parametrize("name", CLIPS + IMAGES)
def test_what_was_never_marked_says_so(name: str, made: Callable[[str], Path]) -> None:
    found = one(made(name))
    assert found.state is State.UNMARKED
    assert found.statements.action is None
    assert (found.labels.aigc is not None) == name.endswith(("mkv", "webm"))


@pytest.mark.parametrize("name", ["a.png", "a.mp4"])
def test_what_is_encoded_again_is_unmarked(
    name: str,
    made: Callable[[str], Path],
    tmp_path: Path,
    credentials: Credentials,
    identity: SigningIdentity,
) -> None:
    path, again = made(name), tmp_path / f"again{Path(name).suffix}"
    mark(path, credentials, identity)
    if name == "a.png":
        write_png(again, read_image(path))
    else:
        with av.open(str(path)) as old, av.open(str(again), "w") as new:
            stream = new.add_stream("libx264", rate=25, width=64, height=48)
            for frame in old.decode(video=0):
                frame.pts = None
                new.mux(stream.encode(frame))
            new.mux(stream.encode(None))
    assert one(again).state is State.UNMARKED


def test_half_a_marked_file_is_changed(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    for name in ("a.png", "a.mp4"):
        path = made(name)
        mark(path, credentials, identity)
        path.write_bytes(path.read_bytes()[:-3000])
        assert one(path).state is State.CHANGED


@pytest.mark.parametrize("name", CLIPS + IMAGES)
def test_credentials_that_were_there_are_carried_on(
    name: str, made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made(name)
    for times in range(3):
        mark(path, dataclasses.replace(credentials, source_name=f"take {times}.mp4"), identity)
        found = one(path)
        assert found.state is State.INTACT
        assert found.statements.source_name == f"take {times}.mp4"
        assert found.statements.ancestors == times
    assert path.read_bytes().count(b"<?xpacket begin") == (name not in ("a.mkv", "a.webm"))


@pytest.mark.parametrize("name", ["a.png", "a.mp4", "a.mkv"])
def test_credentials_of_the_source_are_carried_on(
    name: str,
    made: Callable[[str], Path],
    clip: Callable[..., Path],
    credentials: Credentials,
    identity: SigningIdentity,
) -> None:
    source = clip("camera.mov")
    mark(source, credentials, identity)
    path = made(name)
    mark(path, dataclasses.replace(credentials, source=source), identity)
    found = one(path)
    assert found.state is State.INTACT
    assert found.statements.ancestors == 1
    assert found.statements.source_sha256 == credentials.source_sha256


def test_a_source_without_credentials_makes_no_difference(
    made: Callable[[str], Path],
    clip: Callable[..., Path],
    credentials: Credentials,
    identity: SigningIdentity,
) -> None:
    path = made("a.png")
    mark(path, dataclasses.replace(credentials, source=clip("camera.mov")), identity)
    assert (one(path).state, one(path).statements.ancestors) == (State.INTACT, 0)


def test_a_credential_that_was_already_broken_stays_so(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    """The stale file beside a clip that was written over is not taken for its own."""
    path = made("a.mkv")
    mark(path, credentials, identity)
    path.write_bytes(path.read_bytes() + b"\xec\x80")  # an empty element at the end: another clip
    assert one(path).state is State.CHANGED
    mark(path, credentials, identity)
    assert (one(path).state, one(path).statements.ancestors) == (State.INTACT, 0)


def test_a_folder_of_images(tmp_path: Path, credentials: Credentials, identity: SigningIdentity) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for index in range(40):
        write_png(folder / f"{index:06d}.png", rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    write_png(folder / "of others.png", np.zeros((8, 8, 3), np.uint8))
    (folder / "notes.txt").write_text("mine")
    names = {f"{index:06d}.png" for index in range(40)}
    marker = Marker(credentials, identity)
    for name in names:
        (folder / name).write_bytes(marker.image((folder / name).read_bytes(), name))
    verdicts = {verdict.path.name: verdict for verdict in verify(folder)}
    assert verdicts.pop("of others.png").state is State.UNMARKED
    assert {verdict.state for verdict in verdicts.values()} == {State.INTACT}
    assert verdicts.keys() == names
    numbers = {(verdict.labels.aigc or {})["ProduceID"] for verdict in verdicts.values()}
    assert len(numbers) == 40


def test_a_signer_that_nobody_vouches_for(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made("a.png")
    mark(path, credentials, identity)
    found = Verifier().verify(path)
    assert found.state is State.UNKNOWN_SIGNER
    assert found.state.is_unchanged
    assert not found.own
    assert Verifier(trusted=[identity.root]).verify(path).state is State.INTACT
    flip(path, path.stat().st_size - 20)
    assert Verifier().verify(path).state is State.CHANGED


def test_a_release_is_named_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "release.pdf").write_bytes(b"I agree.")
    expected = hashlib.sha256(b"I agree.").hexdigest()
    assert consent_hash(tmp_path / "release.pdf") == expected
    with pytest.raises(InputError, match="release"):
        consent_hash(tmp_path / "none.pdf")


def test_without_a_release_none_is_named(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made("a.png")
    mark(path, dataclasses.replace(credentials, consent_sha256=None), identity)
    assert one(path).statements.consent_sha256 is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_what_cannot_be_written_stays_as_it_was(
    name: str, made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made(name)
    before = path.read_bytes()
    with size_limit(1000), pytest.raises(OutputError, match="cannot be") as caught:
        mark(path, credentials, identity)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert not path.with_suffix(".c2pa").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="may write everywhere")
def test_a_folder_that_may_not_be_written_to(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made("a.mp4")
    path.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be marked"):
            mark(path, credentials, identity)
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.mp4", b""),
        ("a.mp4", b"no clip at all, but some text"),
        ("a.png", b"no image"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.jpg", b"\xff\xd8\xff\xe0"),
        ("a.bmp", b"BM"),
    ],
)
def test_what_cannot_be_marked_is_told(
    name: str, data: bytes, tmp_path: Path, credentials: Credentials, identity: SigningIdentity
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FacedoubleError, match=name) as caught:
        mark(tmp_path / name, credentials, identity)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == data


def test_two_clips_cannot_share_a_sidecar(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    path = made("a.mkv")
    made("a.webm")
    with pytest.raises(OutputError, match=r"to a\.mkv and a\.webm"):
        sidecar_of(path)
    with pytest.raises(OutputError, match="rename"):
        mark(path, credentials, identity)


def test_a_sidecar_is_not_that_of_a_clip_that_could_hold_it(
    made: Callable[[str], Path], credentials: Credentials, identity: SigningIdentity
) -> None:
    other = made("a.mp4")
    mark(made("a.mkv"), credentials, identity)
    assert one(other).state is State.UNMARKED
